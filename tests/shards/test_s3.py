"""Shards on a failing S3: temporary errors are retried, permanent ones reported."""

import os

import numpy as np
import pytest

from moemoe import s3, storage
from moemoe.errors import StorageError
from moemoe.shards import write
from moemoe.shards.dataset import ShardedDataset
from tests.support.s3 import CUT, FLIPPED, LOST, TIMEOUT, UNAVAILABLE, s3_endpoint
from tests.support.small_shards import small_products, small_shards


@pytest.fixture
def proxy(monkeypatch):
    monkeypatch.setattr(s3, "READ_SECONDS", 2)
    monkeypatch.setattr(s3.random, "uniform", lambda low, high: 0.0)  # no pauses between tries
    monkeypatch.setattr(s3, "REQUEST_ATTEMPTS", 2)
    with s3_endpoint(monkeypatch) as proxy:
        yield proxy


@pytest.fixture
def manifest(proxy, monkeypatch):
    monkeypatch.setattr(write, "SHARD_ROWS", 20)
    return small_shards("s3://bucket/store")


def read_all(manifest, folder, **settings):
    dataset = ShardedDataset(manifest, folder, **settings)
    return [dataset[row].image for row in range(60)]


@pytest.mark.parametrize("fault", [UNAVAILABLE, TIMEOUT, FLIPPED, CUT])
def test_what_passes_is_waited_out(fault, proxy, manifest, tmp_path):
    proxy.fail_first(2, fault, "GET", "payload/")
    assert read_all(manifest, tmp_path) == small_products(60)["image"].to_pylist()
    assert [seen for _, _, seen in proxy.seen].count(fault) == 2


def test_an_object_that_stays_wrong_or_is_gone_is_named(proxy, manifest, tmp_path):
    proxy.fail_first(99, FLIPPED, "GET", "payload/")
    with pytest.raises(StorageError, match=r"s3://bucket/store/payload/\w+\.arrow"):
        read_all(manifest, tmp_path)
    proxy.fail_first(0, FLIPPED, "GET")
    shards = [shard.path for shard in ShardedDataset(manifest, tmp_path).manifest.shards]
    assert not {path.rsplit("/", 1)[1] for path in shards} & set(os.listdir(tmp_path / "shards"))
    key = shards[1]
    s3.client().delete_object(Bucket="bucket", Key=f"store/{key}")
    with pytest.raises(StorageError, match=f"s3://bucket/store/{key}: no such file, but the manifest names it"):
        ShardedDataset(manifest, tmp_path)


def test_an_s3_that_is_down_is_one_clear_error(proxy, manifest, tmp_path):
    proxy.fail_first(999, UNAVAILABLE, "GET")
    with pytest.raises(StorageError, match=r"cannot read s3://bucket/store/shards/\w+/manifest.json: .*503"):
        ShardedDataset(manifest, tmp_path)


@pytest.mark.parametrize("fault", [LOST, UNAVAILABLE, TIMEOUT])
def test_a_connection_lost_in_a_multi_part_upload(fault, proxy, tmp_path, monkeypatch):
    monkeypatch.setattr(s3, "PART_BYTES", 5 * 2**20)
    data = np.random.default_rng(0).bytes(11 * 2**20)
    proxy.fail_first(1, fault, "PUT", "partNumber=2")
    storage.write_bytes("s3://bucket/big.bin", data)
    assert fault in [seen for _, _, seen in proxy.seen]
    assert storage.read_bytes("s3://bucket/big.bin") == data


def test_an_upload_that_fails_for_good_leaves_nothing(proxy, monkeypatch):
    monkeypatch.setattr(s3, "PART_BYTES", 5 * 2**20)
    proxy.fail_first(999, UNAVAILABLE, "PUT", "partNumber=2")
    with pytest.raises(StorageError, match=r"cannot write s3://bucket/never.bin: .*503"):
        storage.write_bytes("s3://bucket/never.bin", bytes(11 * 2**20))
    assert not storage.exists("s3://bucket/never.bin")
    assert "Uploads" not in s3.client().list_multipart_uploads(Bucket="bucket")


def test_the_cache_holds_no_more_than_it_may_and_the_last_used(proxy, manifest, tmp_path):
    shard = ShardedDataset(manifest, tmp_path / "first").manifest.shards[0]
    size = 2 * shard.bytes + shard.bytes // 2
    assert read_all(manifest, tmp_path / "cache", cache_bytes=size) == small_products(60)["image"].to_pylist()
    kept = [f for f in (tmp_path / "cache" / "shards").iterdir() if not f.name.startswith(".")]
    assert sum(f.stat().st_size for f in kept) <= size
    third = ShardedDataset(manifest, tmp_path / "first").manifest.shards[2].path.rsplit("/", 1)[1]
    assert third in {f.name for f in kept}
    assert shard.path.rsplit("/", 1)[1] not in {f.name for f in kept}


def test_each_file_is_fetched_once_by_all_that_share_a_cache(proxy, manifest, tmp_path):
    proxy.seen.clear()
    first, second = ShardedDataset(manifest, tmp_path), ShardedDataset(manifest, tmp_path)
    first.fetch_ahead(range(3))
    for dataset in (first, second):
        assert [dataset.image(row) is None for row in (10, 30, 50)] == [True, False, False]
    gets = [path for method, path, _ in proxy.seen if method == "GET" and ".arrow" in path]
    assert len(gets) == len(set(gets)) == 4  # three shards and a sidecar
