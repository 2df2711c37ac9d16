"""Files under the root that are damaged, or that somebody has changed: named, with what to do, and never believed."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from moemoe.errors import ConfigError, StorageError
from moemoe.inference.backfill import PartitionResult
from moemoe.run_folder import RunFolder
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.manifest import Manifest, arrow_bytes
from moemoe.shards.tokens import Tokens
from moemoe.shards.write import earlier_run
from moemoe.training.checkpoints import Checkpoint, TrainingPosition, save_checkpoint
from moemoe.training.optimizers import Optimizers
from tests.support.small_shards import small_shards


@pytest.fixture
def manifest(tmp_path) -> Path:
    return Path(small_shards(tmp_path / "root"))


def put(manifest: Path, *place: Any, value: Any) -> None:
    whole = inner = json.loads(manifest.read_text())
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    manifest.write_text(json.dumps(whole))


@pytest.mark.parametrize("content", [b"[]", b"null", b"[" * 100_000, b""], ids=["list", "null", "deep", "empty"])
def test_a_manifest_that_is_none(manifest, content):
    manifest.write_bytes(content)
    with pytest.raises(StorageError, match=r"manifest\.json: not a manifest .*; delete it and run again"):
        Manifest.read(str(manifest))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("more",), 1),
        (("shards",), None),
        (("shards",), []),
        (("shards",), [1]),
        (("mapped_labels",), []),
        (("sidecar",), "x"),
        (("shards", 0, "rows"), "16"),
        (("shards", 0, "rows"), -16),
        (("shards", 0, "rows"), 10**30),
        (("shards", 0, "rows"), 15),
        (("shards", 0, "sha256"), 3),
        (("shards", 0, "path"), 3),
        (("shards", 0, "path"), ""),
    ],
)
def test_a_manifest_that_cannot_be(manifest, place, value):
    put(manifest, *place, value=value)
    with pytest.raises(StorageError, match=r"manifest\.json: not a complete manifest .*; delete it and run again"):
        Manifest.read(str(manifest))


@pytest.mark.parametrize("path", ["../outside.arrow", "payload/../../outside.arrow", "/etc/passwd", "payload/.."])
def test_a_manifest_does_not_lead_out_of_the_root(manifest, tmp_path, path):
    root = tmp_path / "root"
    shutil.copy(root / json.loads(manifest.read_text())["shards"][0]["path"], tmp_path / "outside.arrow")
    put(manifest, "shards", 0, "path", value=path)
    with pytest.raises(StorageError, match="is not a file in a folder of the root"):
        ShardedDataset(str(manifest), tmp_path / "scratch")


def test_a_shard_of_another_length_or_of_other_columns(manifest, tmp_path):
    """Labels are joined to products by their row: a row too few, and each label would be another product's."""
    file = json.loads(manifest.read_text())["shards"][0]
    path = tmp_path / "root" / file["path"]
    whole = pa.ipc.open_file(path).read_all()
    for changed in (whole.slice(1).combine_chunks(), pa.table({"x": [1]})):
        data = bytes(arrow_bytes(changed))
        path.write_bytes(data)
        put(manifest, "shards", 0, "bytes", value=len(data))
        put(manifest, "shards", 0, "sha256", value=hashlib.sha256(data).hexdigest())
        with pytest.raises(StorageError, match=rf"{changed.num_rows} rows of .*; the manifest says {file['rows']}"):
            ShardedDataset(str(manifest), tmp_path / "scratch")[0]


@pytest.mark.parametrize("damage", ["no table", "columns", "types", "rows"])
def test_labels_of_another_form(manifest, tmp_path, damage):
    """With a checksum that fits, as of another version of this code, or of a file edited with its manifest."""
    file = json.loads(manifest.read_text())["mapped_labels"][0]
    path = tmp_path / "root" / file["path"]
    whole = pa.ipc.open_file(path).read_all()
    data = {
        "no table": b"x",
        "columns": bytes(arrow_bytes(whole.drop_columns("labels"))),
        "types": bytes(arrow_bytes(whole.set_column(1, "product_type", whole["product_type"].cast(pa.string())))),
        "rows": bytes(arrow_bytes(whole.slice(1))),
    }[damage]
    path.write_bytes(data)
    put(manifest, "mapped_labels", 0, "bytes", value=len(data))
    put(manifest, "mapped_labels", 0, "sha256", value=hashlib.sha256(data).hexdigest())
    says = rf"{path.name}: .*; the manifest says {file['rows']}, with .*, labels; delete the manifest and run again"
    with pytest.raises(StorageError, match=says):
        ShardedDataset(str(manifest), tmp_path / "scratch")


@pytest.mark.parametrize("damage", ["empty", "cut", "zeros", "columns", "no rows"])
def test_kept_tokens(manifest, tmp_path, damage):
    dataset = ShardedDataset(str(manifest), tmp_path / "scratch")
    Tokens(dataset, lambda texts: [[len(text)] for text in texts], "t").write([0])
    path = next((tmp_path / "root" / "tokens").iterdir())
    data = path.read_bytes()
    changed = {
        "empty": b"",
        "cut": data[:-50],
        "zeros": bytes(len(data)),
        "columns": bytes(arrow_bytes(pa.table({"x": [1]}))),
        "no rows": bytes(arrow_bytes(pa.table({"tokens": pa.array([], pa.list_(pa.uint16()))}))),
    }
    path.write_bytes(changed[damage])
    with pytest.raises(StorageError, match=rf"{path.name}: not a complete file of tokens .*; delete it and run again"):
        Tokens(dataset, list, "t")[0]


@pytest.mark.parametrize("content", ["", "[1]", '{"splits": 3, "labels": 3}', "{}"])
def test_what_names_the_earlier_run(manifest, tmp_path, content):
    root = tmp_path / "root"
    assert earlier_run(str(root), "30pt", False).splits is not None
    (root / "shards" / "latest-30pt.json").write_text(content)
    with pytest.raises(StorageError, match=r"latest-30pt\.json .*; delete it and run again"):
        earlier_run(str(root), "30pt", False)


@pytest.mark.parametrize("content", ["", "[1]", "{}"])
def test_a_finished_partition_that_says_nothing(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(StorageError, match=r"a\.json .*; delete it and run again"):
        PartitionResult.read(str(tmp_path / "a.json"))


WRONG = "{} is not that of the recipe; delete it and run again"


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("model.weight", None, WRONG),
        ("model.zz", torch.zeros(3), WRONG),
        ("model.weight", torch.zeros(3), WRONG),
        ("optimizer.0.0.exp_avg", None, WRONG),
        ("optimizer.0.0.exp_avg", torch.zeros(3), WRONG),
        ("optimizer.0.1.step", torch.zeros(3), WRONG),
        ("optimizer.0.2.exp_avg", torch.zeros(2), WRONG),
        ("optimizer.zz", torch.zeros(2), WRONG),
        ("optimizer.0.1.", None, "3 tensors of the optimizer, not 6; delete it and run again"),
        ("optimizer.", None, "0 tensors of the optimizer, not 6; delete it and run again"),
    ],
)
def test_a_checkpoint_of_other_tensors(tmp_path, name, change, says):
    model, run = nn.Linear(2, 2), str(tmp_path)
    optimizer = Optimizers(torch.optim.Adam(model.parameters()))
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step(1.0)
    save_checkpoint(run, TrainingPosition(), {}, {}, model, optimizer)
    path = RunFolder(run).checkpoint.uri
    with safe_open(path, framework="pt") as file:
        tensors, metadata = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118
    if change is None:
        tensors = {key: value for key, value in tensors.items() if not key.startswith(name)}
    else:
        tensors[name] = change
    save_file(tensors, path, metadata)
    found = Checkpoint.find(run, {}, run)
    assert found is not None
    with pytest.raises(ConfigError, match=re.escape(says.format(name))):
        found.restore(model, optimizer)
