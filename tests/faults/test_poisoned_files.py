"""Files that would run code if they were believed: each is refused with a reason, and what it carries never runs."""

import ast
import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import T5Config

from moemoe.batches.tokenizer import load_tokenizer
from moemoe.errors import ConfigError
from moemoe.inference.predictor import Predictor
from moemoe.model.pretrained import load_t5
from moemoe.run_folder import RunFolder
from moemoe.training.checkpoints import Checkpoint
from moemoe.training.warm_start import load_weights
from moemoe.vision.config import ImageConfig
from moemoe.vision.weights import load_timm
from tests.support.planned_faults import HERE
from tests.support.small_registry import tiny_model

#: What can only be meant to open a pickle, whatever it is called on.
OPENERS = {"torch.load", "numpy.load", "np.load", "pandas.read_pickle", "pd.read_pickle", "yaml.load"}
CHECKPOINT = RunFolder.checkpoint.path
MODULES = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


class Poison:
    """Unpickled, it creates a file."""

    def __init__(self, proof: Path):
        self.proof = proof

    def __reduce__(self):
        return Path.touch, (self.proof,)


@pytest.fixture
def proof(tmp_path):
    """What a poison would leave; it works, and it is not there at the end."""
    path = tmp_path / "the-poison-worked"
    pickle.loads(pickle.dumps(Poison(path)))
    path.unlink()
    yield path
    assert not path.exists()


def as_pickle(path: Path, proof: Path) -> None:
    path.write_bytes(pickle.dumps(Poison(proof)))


def as_torch_archive(path: Path, proof: Path) -> None:
    torch.save({"model": Poison(proof)}, path)


poisons = pytest.mark.parametrize("poisoned", [as_pickle, as_torch_archive])


@poisons
def test_a_checkpoint(tmp_path, proof, poisoned):
    poisoned(tmp_path / CHECKPOINT, proof)
    with pytest.raises(ConfigError, match=rf"{CHECKPOINT} is not a safetensors file .*delete it and run again"):
        Checkpoint.find(str(tmp_path), {}, "")


def test_a_checkpoint_that_is_another_safetensors_file(tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / CHECKPOINT)
    with pytest.raises(ConfigError, match="is not a checkpoint of a training run"):
        Checkpoint.find(str(tmp_path), {}, "")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model"))


@poisons
def test_a_models_weights(tmp_path, proof, poisoned, model):
    folder = shutil.copytree(model, tmp_path / "model")
    healthy = Predictor.load(folder)
    poisoned(folder / "model.safetensors", proof)
    with pytest.raises(ConfigError, match=r"model\.safetensors is not a safetensors file"):
        Predictor.load(folder)
    with pytest.raises(ConfigError, match=r"^warm start: .*model\.safetensors is not a safetensors file"):
        load_weights(healthy.model, folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
@poisons
def test_a_t5_checkpoint(tmp_path, proof, poisoned, name):
    T5Config(vocab_size=32, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2).save_pretrained(tmp_path)
    poisoned(tmp_path / name, proof)
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_t5(str(tmp_path))


@poisons
def test_an_image_models_weights(tmp_path, proof, poisoned):
    poisoned(tmp_path / "weights.safetensors", proof)
    image = ImageConfig(name="swinv2_tiny_window8_256", pretrained=str(tmp_path / "weights.safetensors"))
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_timm(image)


def test_a_tokenizer_with_code_of_its_own(tmp_path, proof, model):
    for file in model.iterdir():
        shutil.copy(file, tmp_path)
    (tmp_path / "own.py").write_text(f"open({str(proof)!r}, 'w').close()\nclass Own: pass\n")
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    settings |= {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", "own.Own"]}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    try:
        load_tokenizer(tmp_path)
    except ConfigError as error:
        assert "cannot be loaded" in str(error)  # noqa: PT017 - or it is read without its code


@pytest.mark.parametrize("room", ["moemoe", "data_contracts", "flows"])
def test_nothing_of_ours_opens_a_pickle(room):
    for path in (HERE / room).rglob("*.py"):
        tree = ast.parse(path.read_text())
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        without_code = {id(call.func) for call in calls if "weights_only=True" in map(ast.unparse, call.keywords)}
        for node in ast.walk(tree):
            if id(node) in without_code:  # torch.load of tensors alone
                continue
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.partition(".")[0] for name in imported} & MODULES, path
            assert not isinstance(node, ast.Attribute) or ast.unparse(node) not in OPENERS, f"{path}:{node.lineno}"
