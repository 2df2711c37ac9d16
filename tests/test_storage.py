"""Local folders and a real S3 endpoint behave the same."""

import pytest

from moemoe import storage
from moemoe.errors import ConfigError, StorageError
from tests.support.s3 import s3_bucket


@pytest.fixture(params=["local", "s3"])
def root(request, tmp_path, monkeypatch):
    if request.param == "local":
        yield str(tmp_path / "root")
        return
    with s3_bucket(monkeypatch):
        yield "s3://bucket/store"


def test_what_is_written_is_read(root):
    uri = storage.join(root, "a", "b.bin")
    assert not storage.exists(uri)
    storage.write_bytes(uri, b"one")
    storage.write_bytes(uri, b"two")
    assert storage.exists(uri)
    assert storage.read_bytes(uri) == b"two"


def test_folders_go_out_and_come_back(root, tmp_path):
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "one").write_text("1")
    (source / "sub" / "two").write_text("2")
    uri = storage.publish(source, storage.join(root, "folder"))
    back = storage.fetch(uri, tmp_path / "scratch")
    assert (back / "one").read_text() == "1"
    assert (back / "sub" / "two").read_text() == "2"
    assert [name.rsplit("/", 1)[1] for name in storage.matching_files(storage.join(uri, "o*"))] == ["one"]


def test_names_that_look_like_patterns_and_folders(root):
    for name in ("of [2024]/a", "of 2/b", "out.parquet/part-0", "out.parquet/sub/part-1", "plain"):
        storage.write_bytes(storage.join(root, name), b"x")
    if storage.is_s3(root):  # as the console creates a folder
        storage.write_bytes(storage.join(root, "out.parquet") + "/", b"")

    def found(function, name):
        return [file.removeprefix(root.rstrip("/") + "/") for file in function(storage.join(root, name))]

    assert found(storage.files_below, "of [2024]") == ["of [2024]/a"]
    assert found(storage.files_below, "of [2024]/a") == ["of [2024]/a"]
    assert found(storage.files_below, "plain") == ["plain"]
    assert found(storage.files_below, "pl") == found(storage.files_below, "*") == []
    assert found(storage.files_below, "out.parquet") == ["out.parquet/part-0", "out.parquet/sub/part-1"]
    assert found(storage.matching_files, "*.parquet") == ["out.parquet/part-0", "out.parquet/sub/part-1"]
    assert found(storage.matching_files, "of [[]*") == ["of [2024]/a"]


def test_what_is_not_there_is_named(root, tmp_path):
    for call in (storage.read_bytes, lambda uri: storage.fetch(uri, tmp_path)):
        with pytest.raises(StorageError, match=r"cannot read .*nothing"):
            call(storage.join(root, "nothing"))


def test_a_failed_write_leaves_nothing(tmp_path):
    with pytest.raises(StorageError, match="cannot write"):
        storage.publish(tmp_path / "no-such-file", str(tmp_path / "target"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "uri", ["", " ", "gs://bucket/runs", "file:///tmp/runs", "https://host/runs", "s3://", "s3:///runs"]
)
def test_what_is_no_place_for_files(uri):
    with pytest.raises(ConfigError, match="is not a place for files; allowed are a folder, s3://BUCKET"):
        storage.absolute(uri)


def test_a_place_for_files_is_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert storage.absolute("s3://bucket") == "s3://bucket"
    assert storage.absolute("a: b//c") == str(tmp_path / "a: b/c")


@pytest.mark.parametrize("uri", ["s3://AKIA:geheim@bucket/a.parquet", "s3://AKIA:ge/heim@bucket/a.parquet"])
@pytest.mark.parametrize("used", [storage.absolute, storage.read_bytes, storage.size_of, storage.files_below])
def test_keys_before_a_bucket_are_not_said(uri, used):
    with pytest.raises(StorageError, match="names no bucket; allowed is s3://BUCKET/KEY") as raised:
        used(uri)
    assert "heim" not in str(raised.value)
