import hashlib
import random
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moemoe.contract.contract import Split
from moemoe.labels.split import COMMON, COMMON_PRODUCTS, split_of_group
from moemoe.schemas import LABELS
from tests.support.small_contract import products
from tests.support.whole_labels import assign_splits

ROWS = st.lists(
    st.tuples(
        st.sampled_from([None, "", "-", "Red Shirt", "red  shirt", "Kurta", "Saree"]),
        st.sampled_from([None, *"abcd"]),
        st.one_of(st.none(), st.lists(st.sampled_from([None, *"abcdef"]), max_size=3)),
    ),
    min_size=1,
    max_size=30,
)


SHARES = Split(0.7, 0.1, 0.2)


def groups_of(ids, titles, images, further=None, parts=1):
    """The group of each product."""
    columns = zip(ids, titles, images, further or [None] * len(ids), strict=True)
    named = ("product_id", "title", "image_hash", "further_image_hashes")
    table = products(*(dict(zip(named, row, strict=True)) for row in columns))
    return assign_splits(table, labels_of(table), SHARES, parts=parts).labels["group"].to_pylist()


def partition(groups):
    return {frozenset(i for i, g in enumerate(groups) if g == group) for group in groups}


@given(ROWS, st.randoms(), st.integers(1, 4))
def test_groups_are_the_connected_products_whatever_order_and_parts(rows, shuffle, parts):
    ids = [f"p{i}" for i in range(len(rows))]
    titles, images, further = [list(column) for column in zip(*rows, strict=True)]
    groups = groups_of(ids, titles, images, further)

    neighbours = [{i} for i in range(len(rows))]
    normalized = [{"red  shirt": "Red Shirt", "-": None, "": None}.get(t, t) for t in titles]
    normalized = [None if normalized.count(t) >= COMMON_PRODUCTS else t for t in normalized]
    shown = [{first, *(others or ())} - {None} for first, others in zip(images, further, strict=True)]
    times = Counter(image for own in shown for image in own)
    shown = [{image for image in own if times[image] < COMMON_PRODUCTS} for own in shown]
    for i in range(len(rows)):
        for j in range(len(rows)):
            if (normalized[i] and normalized[i] == normalized[j]) or shown[i] & shown[j]:
                neighbours[i].add(j)
    connected = set()
    for i in range(len(rows)):
        seen, todo = set(), [i]
        while todo:
            if (k := todo.pop()) not in seen:
                seen.add(k)
                todo += neighbours[k]
        connected.add(frozenset(seen))
    assert partition(groups) == connected

    order = list(range(len(rows)))
    shuffle.shuffle(order)
    columns = ([column[i] for i in order] for column in (ids, titles, images, further))
    assert groups_of(*columns, parts=parts) == [groups[i] for i in order]


def test_shares_are_about_those_of_the_contract():
    counts = dict.fromkeys(("train", "validation", "test"), 0)
    for group in groups_of([f"p{i}" for i in range(5000)], [f"title {i}" for i in range(5000)], [None] * 5000):
        counts[split_of_group(group, Split(0.7, 0.1, 0.2))] += 1
    assert counts["train"] / 5000 == pytest.approx(0.7, abs=0.02)
    assert counts["validation"] / 5000 == pytest.approx(0.1, abs=0.02)


def test_a_split_without_share_stays_empty():
    groups = groups_of([f"p{i}" for i in range(500)], [None] * 500, [None] * 500)
    assert {split_of_group(group, Split(0.5, 0.5, 0.0)) for group in groups} == {"train", "validation"}


def test_labels_get_group_and_split():
    rows = [{"title": f"Shirt {i // 3}", "image_hash": f"hash {i % 40}"} for i in range(200)]
    table = products(*rows)
    labels = pa.Table.from_pylist(
        [
            {"product_id": f"p{i}", "product_type": "shirt", "attribute": attribute, "values": ["x"]}
            for i in range(0, 200, 2)
            for attribute in ("color", "material")
        ],
        LABELS,
    )
    filled = assign_splits(table, labels, SHARES).labels
    assert filled.schema == LABELS
    assert filled.drop_columns(["group", "split"]) == labels.drop_columns(["group", "split"])
    splits_of_group = filled.group_by(["group"]).aggregate([("split", "count_distinct")])
    assert splits_of_group["split_count_distinct"].to_pylist() == [1] * splits_of_group.num_rows

    order = list(range(200))
    random.Random(0).shuffle(order)
    assert assign_splits(table.take(order), labels, SHARES).labels == filled
    # products without a label neither count nor join others
    labelled = table.filter([i % 2 == 0 for i in range(200)])
    assert assign_splits(labelled, labels, SHARES).labels == filled


def labels_of(table: pa.Table) -> pa.Table:
    rows = [
        {"product_id": i, "product_type": "shirt", "attribute": "color", "values": ["x"]}
        for i in table["product_id"].to_pylist()
    ]
    return pa.Table.from_pylist(rows, LABELS)


def splits_by_product(labels: pa.Table) -> dict[str, str]:
    return dict(zip(labels["product_id"].to_pylist(), labels["split"].to_pylist(), strict=True))


def test_a_later_run_keeps_the_splits_of_an_earlier_one():
    first = products(*({"title": f"Shirt {i}", "image_hash": f"hash {i}"} for i in range(60)))
    before = assign_splits(first, labels_of(first), SHARES)
    joined = [{"title": f"New {i}", "image_hash": f"hash {i}"} for i in range(60)]  # each joins a group by its image
    later = products(*({"title": f"Shirt {i}", "image_hash": f"hash {i}"} for i in range(60)), *joined)
    after = assign_splits(later, labels_of(later), SHARES, before.splits)
    old, new = splits_by_product(before.labels), splits_by_product(after.labels)
    assert {product: new[product] for product in old} == old
    assert all(new[f"p{i + 60}"] == old[f"p{i}"] for i in range(60))
    assert after.quarantine.num_rows == 0
    alone = splits_by_product(assign_splits(later, labels_of(later), SHARES).labels)
    assert alone != new  # without the earlier splits some would have moved


def test_a_product_between_two_splits_is_quarantined():
    first = products(*({"title": f"Shirt {i}", "image_hash": f"hash {i}"} for i in range(60)))
    before = assign_splits(first, labels_of(first), SHARES)
    split = splits_by_product(before.labels)
    other = next(f"{i}" for i in range(60) if split[f"p{i}"] != split["p0"])
    later = products(
        *({"title": f"Shirt {i}", "image_hash": f"hash {i}"} for i in range(60)),
        {"title": "Shirt 0", "image_hash": f"hash {other}"},
    )
    after = assign_splits(later, labels_of(later), SHARES, before.splits)
    assert after.quarantine["product_id"].to_pylist() == ["p60"]
    assert after.quarantine["reason"].to_pylist() == ["joins groups of two splits"]
    assert splits_by_product(after.labels) == split
    order = list(range(61))
    random.Random(1).shuffle(order)
    shuffled = assign_splits(later.take(order), labels_of(later), SHARES, before.splits)
    assert shuffled.splits == after.splits


def test_what_many_share_joins_no_groups_now_and_later():
    """Otherwise one title, or the image "no image", would put the catalog into one split."""
    number = 300
    ids = [f"p{i}" for i in range(number)]
    titles = ["T-shirt" if i % 2 else f"style {i // 4}" for i in range(number)]
    images = ["none" if i % 3 == 0 else f"i{i}" for i in range(number)]
    table = products(
        *({"product_id": i, "title": t, "image_hash": h} for i, t, h in zip(ids, titles, images, strict=True))
    )
    first = assign_splits(table, labels_of(table), SHARES, parts=2)
    groups = first.labels["group"].to_pylist()
    assert len(set(groups)) > number / 2
    assert groups[0] == groups[2]  # "style 0"
    assert sorted(first.common) == ["the image of product 'p0': 100 products", "title 'T-shirt': 150 products"]
    assert first.splits["split"].to_pylist().count(COMMON) == 2

    few = table.slice(0, 9)  # where the title is rare, it is common still: no product changes its split
    later = assign_splits(few, labels_of(few), SHARES, earlier=first.splits)
    assert later.labels["split"].to_pylist() == first.labels["split"].to_pylist()[:9]
    assert not len(later.quarantine)


def test_what_had_a_split_goes_on_joining():
    few = products(*({"product_id": f"p{i}", "title": "T-shirt"} for i in range(3)))
    first = assign_splits(few, labels_of(few), SHARES)
    many = products(*({"product_id": f"p{i}", "title": "T-shirt"} for i in range(100)))
    later = assign_splits(many, labels_of(many), SHARES, earlier=first.splits)
    assert set(later.labels["split"].to_pylist()) == set(first.labels["split"].to_pylist())
    assert not later.common


def test_keys_of_titles_are_those_of_earlier_versions():
    """Under a root of an earlier version no product may change its split: how titles are compared is fixed."""
    titles = ["Men\u2019s Tee - Blue", "Men's  T&amp;E", "2.0", "\uff21bc!"]
    table = products(*({"product_id": f"p{i}", "title": title} for i, title in enumerate(titles)))
    assert assign_splits(table, labels_of(table), SHARES).splits["key"].to_pylist() == sorted(
        hashlib.sha256(f"title:{key}".encode()).hexdigest()[:32]
        for key in ("men\u2019s tee blue", "men's t&e", "2.0", "abc")
    )
