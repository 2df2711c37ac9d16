import numpy as np
import pyarrow as pa
import pytest

import moemoe.model  # noqa: F401 - mends a torchvision without operators, before transformers looks for it
from moemoe.shards.dataset import ShardedDataset
from tests.support.small_shards import small_labels, small_products, write_shards

PRODUCTS = 120


@pytest.fixture(scope="session")
def manifest(tmp_path_factory) -> str:
    """The small shards, split by chance: 72 products to train on, 24 each to validate and test."""
    root = tmp_path_factory.mktemp("toy")
    place = np.random.default_rng(0).permutation(PRODUCTS)
    rows = small_labels(PRODUCTS).to_pylist()
    for row in rows:
        at = place[int(row["product_id"][1:])]
        row["split"] = "test" if at < 24 else "validation" if at < 48 else "train"
    labels = pa.Table.from_pylist(rows, small_labels(1).schema)
    return write_shards(root, small_products(PRODUCTS), labels)


@pytest.fixture(scope="session")
def dataset(manifest, tmp_path_factory) -> ShardedDataset:
    return ShardedDataset(manifest, tmp_path_factory.mktemp("scratch"))
