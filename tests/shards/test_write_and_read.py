import json
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moemoe.errors import StorageError
from moemoe.schemas import PRODUCTS
from moemoe.shards import write
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.manifest import Manifest
from tests.shards.small import small_labels, small_products, small_shards


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
    (tmp_path / Manifest.read(uri).sidecars[0].path).unlink()
    with pytest.raises(StorageError, match="no such file"):
        ShardedDataset(uri, tmp_path)


def test_a_manifest_of_another_version_is_refused(tmp_path):
    uri = small_shards(tmp_path)
    values = json.loads(Path(uri).read_text())
    Path(uri).write_text(json.dumps({**values, "schema_version": 99}))
    with pytest.raises(StorageError, match="schema version 99"):
        Manifest.read(uri)


def catalog_of(rows: list[int]) -> pa.Table:
    """PRODUCTS with so many rows per partition, the last partition first."""
    entries = [(partition, row) for partition in range(len(rows)) for row in range(rows[partition])][::-1]
    columns = {name: pa.nulls(len(entries), field.type) for name, field in zip(PRODUCTS.names, PRODUCTS, strict=True)}
    columns["product_id"] = pa.array([f"{partition}-{row}" for partition, row in entries])
    columns["partition"] = pa.array([partition for partition, _ in entries], pa.int32())
    columns["row"] = pa.array([row for _, row in entries], pa.int64())
    return pa.table(columns, schema=PRODUCTS)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40).filter(any))
def test_partition_groups_cover_every_partition_once_and_are_few(rows):
    with patch.object(write, "MAX_GROUPS", 5), patch.object(write, "GROUP_ROWS", 4):
        groups = write.partition_groups(catalog_of(rows))
    filled = [partition for partition in range(len(rows)) if partition <= max(i for i, n in enumerate(rows) if n)]
    assert [partition for group in groups for partition in group] == filled
    assert len(groups) <= 5
    assert all(sum(rows[p] for p in group) >= 4 for group in groups[:-1])


def test_partitions_written_apart_make_the_same_order():
    products = catalog_of([3, 0, 2, 4])
    labels = pa.table({"product_id": [f"{p}-{r}" for p, n in enumerate([3, 0, 2, 4]) for r in range(n) if r != 1]})
    whole = write.labelled_products(products, labels)["product_id"].to_pylist()
    parts = [write.labelled_products(products, labels, group)["product_id"].to_pylist() for group in ([0, 1], [2, 3])]
    assert whole == parts[0] + parts[1]
    assert whole[:2] == ["0-0", "0-2"]


def test_the_next_run_gets_the_splits_and_labels_of_the_last(tmp_path):
    assert write.earlier_run(str(tmp_path), "30pt", False) == write.Earlier()
    dataset = ShardedDataset(small_shards(tmp_path), tmp_path)
    earlier = write.earlier_run(str(tmp_path), "30pt", False)
    assert earlier.labels.equals(dataset.labels)
    assert set(earlier.splits["key"].to_pylist()) == set(dataset.labels["group"].to_pylist())
    assert write.earlier_run(str(tmp_path), "30pt", True) == write.Earlier()  # the sample catalog is another one
