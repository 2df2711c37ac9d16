"""Small catalogs by hand: which products are accepted, what is quarantined and why, and the second reading."""

import hashlib
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from moemoe.catalog import products as products_module
from moemoe.catalog.find import find_partitions
from moemoe.catalog.products import (
    Collection,
    collect_products,
    plan_tasks,
    read_products_with_images,
    write_parts,
)
from moemoe.errors import CatalogError
from moemoe.schemas import PRODUCTS, QUARANTINE
from moemoe.storage import read_table
from tests.support.kurtas import draw_image, make_contract, product, reasons, write
from tests.support.s3 import s3_bucket
from tests.support.whole_labels import collect, in_parts


@pytest.fixture
def contract(tmp_path):
    return make_contract(tmp_path, 1.0)


class TestCollectProducts:
    def test_products_and_quarantine(self, tmp_path, contract):
        good, large = draw_image(), draw_image("blue", (4000, 3000))
        (tmp_path / "1.jpg").write_bytes(large)
        first = [
            product("p0", good),
            product("p1", path="1.jpg"),
            product("p2"),
            product("p3", title=None, description="has a description"),
            product(None, good),
            product("p5", product_type="Watches"),
            product(" ", title="blank id"),
        ]
        second = [
            product("p6", title=" ", description=None),
            product("p7", product_type=None),
            product("p8", large[:-500]),
            product("p0", b"no image"),
        ]
        partitions = [write(tmp_path / "a.parquet", first), write(tmp_path / "b.parquet", second)]
        seen = []
        collected = collect(partitions, contract, progress=seen.append)

        assert (collected.rows, seen) == (11, [7, 11])
        assert collected.products.schema == PRODUCTS
        assert collected.quarantine.schema == QUARANTINE
        rows = collected.products.select(["product_id", "partition", "row"]).to_pylist()
        assert [tuple(row.values()) for row in rows] == [
            ("p0", 0, 0), ("p1", 0, 1), ("p2", 0, 2), ("p3", 0, 3), ("p5", 0, 5), ("p8", 1, 2), ("p0", 1, 3),
        ]  # fmt: skip
        hashes = [hashlib.sha256(data).hexdigest() for data in (good, large)]
        assert collected.products["image_hash"].to_pylist() == [*hashes, None, None, None, None, None]
        assert reasons(collected) == [
            (None, "product_id", "no product id"),
            (None, "product_id", "no product id"),
            ("p6", "title", "neither title nor description"),
            ("p7", "product_type", "no product type"),
            ("p8", "image", "image is cut short"),
            ("p0", "image", "image does not decode"),
        ]
        assert set(collected.quarantine["stage"].to_pylist()) == {"validate"}
        assert collected.quarantine["detail"][4].as_py().startswith("b.parquet, row 2: ")

    def test_texts_of_any_length_and_script_stay_as_they_are(self, tmp_path, contract):
        texts = ["", None, "x" * 50_000, "सूती कुर्ता, मशीन से धोएँ", "பருத்தி குர்தா", "ab\n👩\u200d👧"]
        rows = [product(f"p{i}", description=text, bullet_points=[text, text]) for i, text in enumerate(texts)]
        collected = collect([write(tmp_path / "a.parquet", rows)], contract)
        assert collected.quarantine.num_rows == 0
        assert collected.products["description"].to_pylist() == texts
        [part] = write_parts(collect_products([str(tmp_path / "a.parquet")], contract), str(tmp_path / "parts"))
        assert read_table(part.products) == collected.products

    def test_unreadable_lines_are_counted_once(self, tmp_path, contract):
        good = {"product_id": "p0", "product_type": "Kurtas", "title": "t", "attributes": {"Fit": None}}
        bad_image = {**good, "product_id": "p2", "image": {"bytes": "no base64!"}}
        lines = [json.dumps(good), "{broken", json.dumps(bad_image), json.dumps({**bad_image, "product_id": None})]
        path = tmp_path / "a.jsonl"
        path.write_text("\n".join(lines) + "\n")
        collected = collect([str(path)], contract)
        assert collected.rows == 4
        assert collected.products["product_id"].to_pylist() == ["p0", "p2"]
        assert collected.products["row"].to_pylist() == [0, 2]
        assert reasons(collected) == [
            (None, "row", "row is not readable"),
            ("p2", "image", "image bytes are not base64"),
            (None, "product_id", "no product id"),
        ]

    @pytest.mark.parametrize("limit", [1, 3, 4, 600, 601])
    def test_max_products_keeps_the_first_rows(self, tmp_path, contract, limit):
        rows = [product(f"p{i}") for i in range(598)]
        partitions = [write(tmp_path / "a.parquet", rows[:3]), write(tmp_path / "b.parquet", rows[3:])]
        collected = collect(partitions, contract, max_products=limit)
        assert collected.rows == min(limit, 598)
        assert collected.products["product_id"].to_pylist() == [f"p{i}" for i in range(min(limit, 598))]

    def test_quarantine_share_exceeded(self, tmp_path, contract):
        rows = [product(f"p{i}", b"broken" if i < 6 else None) for i in range(98)] + [product(None), product(None)]
        parts = collect_products([write(tmp_path / "a.parquet", rows)], contract)
        collection = Collection(write_parts(parts, str(tmp_path)))
        quarantine = collection.quarantine()
        assert (collection.rows, collection.accepted, collection.images, quarantine.num_rows) == (100, 98, 0, 8)
        expected = (
            r"8 of 100 catalog rows \(8\.0%\) would be quarantined, 6 of them only for their image; "
            r"contract small allows 7\.0% \(max_quarantine_share, for images the expectation undecodable_images: "
            r"raise them to go on\)\. "
            r"image does not decode: 6 \(p0, p1, p2\); no product id: 2 \(a\.parquet, row 98"
        )
        with pytest.raises(CatalogError, match=expected):
            collection.check_quarantine_share(quarantine, make_contract(tmp_path, 0.07))
        collection.check_quarantine_share(quarantine, make_contract(tmp_path, 0.08))

    def test_no_rows(self, tmp_path, contract):
        collection = Collection(
            write_parts(collect_products([write(tmp_path / "a.parquet", [])], contract), str(tmp_path / "parts"))
        )
        with pytest.raises(CatalogError, match="the catalog has no rows"):
            collection.check_quarantine_share(collection.quarantine(), contract)

    @settings(max_examples=25)
    @given(rows=st.lists(st.tuples(st.sampled_from(["id", "", None]), st.sampled_from(["t", None]), st.booleans())))
    def test_nothing_is_lost(self, tmp_path_factory, rows):
        folder = tmp_path_factory.mktemp("catalog")
        table = [product(i, b"bad" if bad else None, title=title) for i, title, bad in rows] + [product("last")]
        collected = collect([write(folder / "a.parquet", table)], make_contract(folder, 1.0))
        quarantine = [field for _, field, _ in reasons(collected)]
        assert collected.rows == len(table) == collected.products.num_rows + len(quarantine) - quarantine.count("image")


class TestReadProductsWithImages:
    @pytest.fixture
    def partitions(self, tmp_path):
        (tmp_path / "1.webp").write_bytes(draw_image("green", (600, 300), "WEBP"))
        first = [product(f"p{i}", draw_image() if i % 2 else None) for i in range(700)]
        second = [product("q0", path="1.webp"), product("q1", b"broken"), product(None), product("q3", draw_image())]
        return [write(tmp_path / "a.parquet", first), write(tmp_path / "b.parquet", second)]

    def test_all_rows_in_order(self, partitions, contract):
        products = collect(partitions, contract).products
        table = pa.concat_tables(read_products_with_images(partitions, in_parts(products, 4), contract))
        assert table.drop_columns(["image", "further_images"]).equals(products)
        assert table.schema.field("image").type == pa.binary()
        images = table["image"].to_pylist()
        assert images[:700] == [draw_image() if i % 2 else None for i in range(700)]
        assert Image.open(io.BytesIO(images[700])).size == (256, 128)
        assert images[701:] == [None, draw_image()]

    def test_some_rows(self, partitions, contract):
        products = collect(partitions, contract).products
        some = products.take(pa.array([3, 300, 699, 702]))
        table = pa.concat_tables(read_products_with_images(partitions, in_parts(some, 3), contract))
        assert table["product_id"].to_pylist() == ["p3", "p300", "p699", "q3"]
        assert table["image"].to_pylist() == [draw_image(), None, draw_image(), draw_image()]
        assert list(read_products_with_images(partitions, [products.slice(0, 0)], contract)) == []

    @pytest.mark.parametrize(
        ("row", "problem"),
        [
            (product("q0", draw_image()), "an image has other bytes"),
            (product("q0"), "an image is gone"),
            (product("q0", path="gone.jpg"), "image file is missing: gone.jpg"),
            (product("other", path="1.webp"), "row 0 and following hold other products"),
            (None, "it ends at row 0; row 3 was read before"),
        ],
    )
    def test_a_catalog_that_changed_meanwhile(self, tmp_path, partitions, contract, row, problem):
        products = collect(partitions, contract).products
        rest = pq.read_table(partitions[1]).to_pylist()[1:]
        write(Path(partitions[1]), [row, *rest] if row else [])
        with pytest.raises(CatalogError, match=rf"the catalog changed while .*b\.parquet: .*{problem}; run again"):
            list(read_products_with_images(partitions, in_parts(products, 4), contract))


class TestParts:
    def test_groups_read_apart_make_the_same_rows_in_parts_of_bounded_size(self, tmp_path, contract, monkeypatch):
        monkeypatch.setattr(products_module, "PART_ROWS", 300)
        partitions = [
            write(tmp_path / f"{i}.parquet", [product(f"{i}-{row}") for row in range(n)])
            for i, n in enumerate([600, 0, 5, 700])
        ]
        whole = collect(partitions, contract)
        parts = [part for group in ([0, 1], [2, 3]) for part in collect_products(partitions, contract, group)]
        assert pa.concat_tables([part.products for part in parts]) == whole.products
        assert len(parts) == 4
        assert all(part.rows <= 300 + 256 for part in parts)  # at most a batch more

    def test_writing_again_changes_nothing(self, tmp_path, contract):
        partitions = [write(tmp_path / "a.parquet", [product("p0"), product(None), product("p2", draw_image())])]
        first = write_parts(collect_products(partitions, contract), str(tmp_path / "parts"))
        content = {path: path.read_bytes() for path in (tmp_path / "parts").rglob("*.parquet")}
        assert write_parts(collect_products(partitions, contract), str(tmp_path / "parts")) == first
        assert {path: path.read_bytes() for path in (tmp_path / "parts").rglob("*.parquet")} == content
        assert read_table(first[0].products, ["product_id"])["product_id"].to_pylist() == ["p0", "p2"]

    @given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
    def test_groups_cover_every_partition_once_and_are_few(self, sizes):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(products_module, "MAX_GROUPS", 5)
            patch.setattr(products_module, "GROUP_BYTES", 4)
            patch.setattr(products_module, "size", lambda partition: sizes[int(partition)])
            partitions = [str(i) for i in range(len(sizes))]
            groups = plan_tasks(partitions)
            assert plan_tasks(partitions, max_products=1) == [list(range(len(sizes)))]
        assert [partition for group in groups for partition in group] == list(range(len(sizes)))
        assert len(groups) <= 5
        assert all(sum(sizes[p] for p in group) >= 4 for group in groups[:-1])


@pytest.fixture
def bucket(monkeypatch):
    """A bucket on a real S3 endpoint of this machine."""
    with s3_bucket(monkeypatch, "catalogs") as client:
        yield client


def test_a_catalog_on_s3(bucket, tmp_path, contract):
    rows = [
        product("inside", path="img/1.jpg"),
        product("uri", path="s3://catalogs/elsewhere/2.jpg"),
        product("gone", path="img/3.jpg"),
        product("outside", path="../elsewhere/2.jpg"),
    ]
    bucket.upload_file(write(tmp_path / "a.parquet", rows), "catalogs", "shop/a.parquet")
    bucket.put_object(Bucket="catalogs", Key="shop/img/1.jpg", Body=draw_image("red"))
    bucket.put_object(Bucket="catalogs", Key="elsewhere/2.jpg", Body=draw_image("blue"))

    partitions = find_partitions("s3://catalogs/shop")
    assert partitions == find_partitions("s3://catalogs/shop/*.parquet") == ["s3://catalogs/shop/a.parquet"]
    with pytest.raises(CatalogError, match="no catalog file matches 's3://catalogs/none'"):
        find_partitions("s3://catalogs/none")
    collected = collect(partitions, contract)
    assert [(i, reason) for i, _, reason in reasons(collected)] == [
        ("gone", "image file is missing"),
        ("outside", "image lies outside the catalog's folder"),
    ]
    (table,) = read_products_with_images(partitions, [collected.products], contract)
    assert table["image"].to_pylist() == [draw_image("red"), draw_image("blue"), None, None]
