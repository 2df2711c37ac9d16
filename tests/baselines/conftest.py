import pytest

import moemoe.model  # noqa: F401 - mends a torchvision without operators, before transformers looks for it
from moemoe.shards.dataset import ShardedDataset
from tests.shards.small import small_shards


@pytest.fixture(scope="session")
def manifest(tmp_path_factory) -> str:
    return small_shards(tmp_path_factory.mktemp("toy"), 120)


@pytest.fixture(scope="session")
def dataset(manifest, tmp_path_factory) -> ShardedDataset:
    return ShardedDataset(manifest, tmp_path_factory.mktemp("scratch"))
