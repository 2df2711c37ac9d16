import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moemoe.errors import StorageError
from moemoe.schemas import FURTHER_IMAGES, LABELS
from moemoe.shards import write
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.manifest import Manifest, arrow_bytes
from moemoe.shards.mapped_labels import MappedLabels, map_labels
from moemoe.storage import read_table
from tests.support.small_shards import small_labels, small_products, small_shards, with_second_images, write_shards


def test_what_is_written_is_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr(write, "SHARD_ROWS", 25)
    dataset = ShardedDataset(small_shards(tmp_path), tmp_path)
    assert [shard.rows for shard in dataset.manifest.shards] == [25, 25, 10]
    assert dataset.manifest.rows == 60
    products = small_products(60).to_pylist()
    for row in (0, 24, 25, 59):
        product = dataset[row]
        assert product.product_id == products[row]["product_id"]
        assert product.image == products[row]["image"]
        assert product.title in product.context
    wanted = {
        label["product_id"]: label["values"] for label in small_labels(60).to_pylist() if label["attribute"] == "color"
    }
    assert {dataset[row].product_id: dataset[row].values["color"] for row in range(60)} == wanted


def test_further_images_are_read_back_without_a_copy(tmp_path, monkeypatch):
    monkeypatch.setattr(write, "SHARD_ROWS", 16)
    products = with_second_images(small_products(60))
    dataset = ShardedDataset(write_shards(tmp_path, products, small_labels(60)), tmp_path)
    for row, second in enumerate(products["further_images"].to_pylist()):
        image = dataset.image(row, 1)
        assert (None if image is None else bytes(image)) == (second[0] if second else None)
        assert dataset[row].images == [dataset[row].image, *(second or [])]
        assert dataset.image(row, 2) is None
    assert dataset[10].images[0] is None  # it has a second one alone
    assert dataset.image(10, 1) is not None


def test_shards_of_single_images_are_the_same_however_many_are_asked_for(tmp_path):
    products = small_products(60)
    nulls = pa.nulls(60, FURTHER_IMAGES.type)
    manifests = [
        Manifest.read(write_shards(tmp_path / str(index), given, small_labels(60)))
        for index, given in enumerate((products, products.append_column(FURTHER_IMAGES, nulls)))
    ]
    assert manifests[0] == manifests[1]


@given(st.lists(st.lists(st.integers(0, 3), max_size=3), min_size=1, max_size=12), st.integers(1, 5))
def test_mapped_labels_are_the_labels(values, rows):
    """Products without a label, labels of several values and of none, in files of any number of rows."""
    labels = [
        {"product_id": f"p{i}", "product_type": f"t{i % 3}", "group": str(i), "split": ("train", "test")[i % 2],
         "attribute": f"a{k}", "values": [f"v{v}" for v in found[: k + 1]]}
        for i, found in enumerate(values) for k in range(len(found))
    ]  # fmt: skip
    table = pa.Table.from_pylist(labels[::-1], LABELS)
    tables = []
    for start in range(0, len(values), rows):
        ids = pa.chunked_array([[f"p{i}" for i in range(start, min(start + rows, len(values)))]])
        tables.append(pa.ipc.open_file(arrow_bytes(map_labels(ids, table))).read_all())
    mapped = MappedLabels(tables)
    for i in range(len(values)):
        assert mapped.values(i) == {row["attribute"]: row["values"] for row in labels if row["product_id"] == f"p{i}"}
    assert sorted(map(str, mapped.table().to_pylist())) == sorted(map(str, labels))
    train = [row for row in labels if row["split"] == "train"]
    assert mapped.rows("train").tolist() == sorted({int(row["group"]) for row in train})
    expected: dict = {}
    for row in train:
        expected.setdefault((row["product_type"], row["attribute"]), Counter()).update(row["values"])
    assert mapped.value_counts("train") == {cell: counts for cell, counts in expected.items() if counts}
    types: dict = {}
    for row in labels:
        types.setdefault(row["product_type"], set()).add(row["attribute"])
    assert mapped.attributes_of_types() == types
    assert mapped.words("product_id", 0, len(values)) == [f"p{i}" for i in range(len(values))]


def test_splits_are_disjoint_and_complete(tmp_path):
    dataset = ShardedDataset(small_shards(tmp_path), tmp_path)
    rows = np.concatenate([dataset.rows(split) for split in ("train", "validation", "test")])
    assert sorted(rows) == list(range(60))


def test_writing_again_writes_no_payload(tmp_path):
    first = small_shards(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in Path(tmp_path).rglob("*.arrow")}
    assert small_shards(tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in Path(tmp_path).rglob("*.arrow")} == before


def test_an_edited_shard_is_named(tmp_path):
    uri = small_shards(tmp_path)
    shard = tmp_path / Manifest.read(uri).shards[0].path
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    dataset = ShardedDataset(uri, tmp_path)
    with pytest.raises(StorageError, match=rf"{shard.name}: checksum differs"):
        dataset[0]
    shard.write_bytes(data[:-1])
    with pytest.raises(StorageError, match=rf"{shard.name}: \d+ bytes; the manifest says {len(data)}"):
        ShardedDataset(uri, tmp_path)


def test_a_deleted_shard_is_named(tmp_path):
    uri = small_shards(tmp_path)
    (tmp_path / Manifest.read(uri).mapped_labels[0].path).unlink()
    with pytest.raises(StorageError, match="no such file"):
        ShardedDataset(uri, tmp_path)


def test_a_manifest_of_another_version_is_refused(tmp_path):
    uri = small_shards(tmp_path)
    values = json.loads(Path(uri).read_text())
    Path(uri).write_text(json.dumps({**values, "schema_version": 99}))
    with pytest.raises(StorageError, match="schema version 99"):
        Manifest.read(uri)


def test_labels_written_in_parts_are_the_same(tmp_path):
    whole = ShardedDataset(small_shards(tmp_path / "whole"), tmp_path)
    products, labels = small_products(60), small_labels(60)
    shards = write.write_payload([products], str(tmp_path / "parts"))
    parts = [
        (part["product_id"], labels.filter(pc.is_in(labels["product_id"], part["product_id"].combine_chunks())))
        for part in (products.slice(0, 25), products.slice(25, 1), products.slice(26))
    ]
    splits = pa.table({"key": labels["group"], "split": labels["split"]}).to_batches()
    manifest, uri = write.write_manifest(shards, iter(parts), splits, str(tmp_path / "parts"), "30pt", "contract")
    assert pq.ParquetFile(tmp_path / "parts" / manifest.sidecar.path).num_row_groups == 3
    assert ShardedDataset(uri, tmp_path).labels == whole.labels


def test_the_next_run_gets_the_splits_and_labels_of_the_last(tmp_path):
    assert write.earlier_run(str(tmp_path), "30pt", False) == write.Earlier()
    dataset = ShardedDataset(small_shards(tmp_path), tmp_path)
    earlier = write.earlier_run(str(tmp_path), "30pt", False)
    assert read_table(earlier.labels, LABELS.names).cast(LABELS).equals(dataset.labels)
    assert set(read_table(earlier.splits)["key"].to_pylist()) == set(dataset.labels["group"].to_pylist())
    assert write.earlier_run(str(tmp_path), "30pt", True) == write.Earlier()  # the sample catalog is another one
