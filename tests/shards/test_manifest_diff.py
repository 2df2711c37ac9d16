"""What is new between two manifests."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from moemoe.errors import StorageError
from moemoe.shards.manifest_diff import ManifestDiff, diff_manifests
from tests.support.small_shards import small_labels, small_products, write_shards


@pytest.fixture
def before(tmp_path):
    return write_shards(tmp_path, small_products(40), small_labels(40))


def test_the_same_catalog_is_nothing_new(tmp_path, before):
    news = diff_manifests(before, write_shards(tmp_path / "elsewhere", small_products(40), small_labels(40)))
    assert not news.anything
    assert news.message().startswith("nothing is new")


def test_products_that_come_and_go(tmp_path, before):
    products, labels = small_products(45).slice(2), small_labels(45)
    labels = labels.filter(pc.is_in(labels["product_id"], products["product_id"]))
    news = diff_manifests(before, write_shards(tmp_path, products, labels))
    assert (news.new_products, news.gone_products, news.relabelled_products) == (5, 2, 0)
    assert news.anything
    assert "5 new products, 2 gone" in news.message()


def test_a_label_that_changes_and_one_that_goes(tmp_path, before):
    rows = small_labels(40).to_pylist()
    rows[0]["values"] = ["Violet"]
    [gone] = [i for i, row in enumerate(rows) if row["product_id"] == "p1" and row["attribute"] == "material"]
    del rows[gone]
    news = diff_manifests(
        before, write_shards(tmp_path, small_products(40), pa.Table.from_pylist(rows, small_labels(1).schema))
    )
    assert (news.new_products, news.gone_products, news.relabelled_products, news.new_shards) == (0, 0, 2, 0)


def test_an_image_that_changes_behind_the_same_name(tmp_path, before):
    rows = small_products(40).to_pylist()
    rows[3]["image"] = rows[4]["image"]
    products = pa.Table.from_pylist(rows, small_products(1).schema)
    news = diff_manifests(before, write_shards(tmp_path, products, small_labels(40)))
    assert vars(news) == {
        "new_products": 0, "gone_products": 0, "relabelled_products": 0, "new_shards": 1, "contract_changed": False
    }  # fmt: skip


def test_another_contract(tmp_path, before):
    news = diff_manifests(before, write_shards(tmp_path, small_products(40), small_labels(40), "another"))
    assert news.anything
    assert news.message().endswith("the contract changed")


def test_a_manifest_that_is_gone(tmp_path, before):
    with pytest.raises(StorageError, match="cannot read"):
        diff_manifests(str(tmp_path / "shards" / "gone" / "manifest.json"), before)


def test_one_new_product_is_no_plural():
    assert (
        ManifestDiff(1, 0, 0, 1, False)
        .message()
        .startswith("1 new product, 0 gone, 0 with other labels, 1 payload shard")
    )
