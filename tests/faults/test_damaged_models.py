"""A model folder that is damaged, or that somebody has changed: refused in one sentence before it answers."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import data_contracts
from moemoe.errors import ConfigError
from moemoe.inference.attribute_model import CONTRACT, AttributeModel
from moemoe.inference.preprocessing import save_preprocessing
from moemoe.inference.thresholds import Thresholds
from moemoe.recipes import load_recipe
from moemoe.systems.saved import load_saved
from tests.support.small_registry import evaluation_table, tiny_model


@pytest.fixture(scope="module")
def healthy(tmp_path_factory) -> Path:
    folder = tiny_model(tmp_path_factory.mktemp("model"))
    shutil.copy(data_contracts.contract_path("30pt"), folder / CONTRACT)
    Thresholds.of(evaluation_table()).save(folder)
    save_preprocessing(folder)
    (folder / "answering.json").write_text(json.dumps({"temperature": 1.3, "values": None}))
    AttributeModel.load(folder)
    return folder


@pytest.fixture
def folder(healthy, tmp_path) -> Path:
    return shutil.copytree(healthy, tmp_path / "model")


NO_OBJECTS = {
    "empty": b"",
    "cut": b'{"a": ',
    "list": b"[1]",
    "null": b"null",
    "deep": b"[" * 100_000,
    "binary": b"\xff",
}


@pytest.mark.parametrize("content", NO_OBJECTS.values(), ids=NO_OBJECTS.keys())
@pytest.mark.parametrize("name", ["config.json", "thresholds.json", "answering.json"])
def test_a_json_file_that_holds_no_object(folder, name, content):
    (folder / name).write_bytes(content)
    said = rf"{name} (is not a complete JSON file|does not hold a JSON object).*; copy the"
    with pytest.raises(ConfigError, match=said):
        AttributeModel.load(folder)


def test_a_preprocessing_that_is_not_json(folder):
    (folder / "preprocessing.json").write_text("")
    with pytest.raises(ConfigError, match=r"preprocessing\.json is not a complete JSON file"):
        AttributeModel.load(folder)


def put(folder: Path, name: str, place: str, value: Any) -> None:
    path = folder / name
    whole = json.loads(path.read_text())
    *above, last = place.split(".")
    inner = whole
    for key in above:
        inner = inner[key]
    inner[last] = value
    path.write_text(json.dumps(whole))


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        ("system", ["moemoe"], "system is"),
        ("text", None, "text is None; allowed is a mapping"),
        ("text", "x", "text is 'x'; allowed is a mapping"),
        ("text.d_model", "32", r"text\.d_model is '32'; allowed is a whole number from 1"),
        ("text.d_model", 10**12, r"text\.d_model is 1000000000000; allowed"),
        ("text.num_heads", 0, r"text\.num_heads is 0"),
        ("text.dropout_rate", 7, r"text\.dropout_rate is 7; allowed is a share from 0 to 1"),
        ("text.tie_word_embeddings", "no", r"text\.tie_word_embeddings is 'no'; allowed is a bool"),
        ("image.size", -5, r"image\.size is -5"),
        ("answer_length", -1, "answer_length is -1"),
        ("context_length", 10**30, "context_length is 1000"),
        ("sources", 3, "model configuration: 'int' object"),
    ],
)
def test_a_config_that_cannot_be(folder, place, value, says):
    put(folder, "config.json", place, value)
    with pytest.raises(ConfigError, match=says):
        AttributeModel.load(folder)


def test_the_same_sizes_are_refused_in_a_recipe():
    with pytest.raises(ConfigError, match=r"text\.d_model is -3; allowed is a whole number from 1"):
        load_recipe("moemoe", "tiny", settings="text.d_model=-3")


def unlink(path: Path) -> None:
    path.unlink()


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [unlink, as_folder])
def test_weights_that_are_not_there(folder, damage: Callable[[Path], None]):
    damage(folder / "model.safetensors")
    with pytest.raises(ConfigError, match="does not hold a complete model"):
        load_saved(folder)


@pytest.mark.parametrize("name", [CONTRACT, "thresholds.json", "preprocessing.json", "answering.json"])
def test_a_file_without_which_answers_would_mean_something_else(folder, name):
    """Without the temperature confidences differ from those that the thresholds were chosen for."""
    (folder / name).unlink()
    with pytest.raises(ConfigError, match=f"does not hold a registered model: {name} is missing"):
        AttributeModel.load(folder)


def test_weights_that_are_not_numbers(folder):
    weights = load_file(folder / "model.safetensors")
    name = next(name for name, weight in weights.items() if weight.is_floating_point())
    weights[name] = torch.full_like(weights[name], math.nan)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ConfigError, match=f"{name} has values that are not numbers; train it again"):
        load_saved(folder)


def test_a_tokenizer_of_another_model(folder):
    put(folder, "tokenizer_config.json", "eos_token", None)
    with pytest.raises(ConfigError, match=r"its tokenizer is not the model's .* end None"):
        AttributeModel.load(folder)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("answering.json", {"temperature": "1"}, "temperature is '1'; allowed is a number from 0.5"),
        ("answering.json", {"temperature": 0}, "temperature is 0"),
        ("answering.json", {"temperature": -1}, "temperature is -1"),
        ("answering.json", {"temperature": math.nan}, "temperature is nan"),
        ("answering.json", {}, r"answering\.json lacks temperature and values; copy the model's folder again"),
        ("answering.json", {"values": 3}, "values are 3; allowed are lists of texts"),
        ("answering.json", {"values": {"color": "red"}}, "values are"),
        ("answering.json", {"values": {"color": []}}, "values are"),
        ("answering.json", {"values": {}}, r"answering\.json lacks .*color, .*, which thresholds\.json has; copy"),
        ("thresholds.json", {"shirt": {"x": {"plain": 0.5}}}, r"contract\.yaml lacks x, which thresholds\.json has"),
        ("thresholds.json", {}, r"thresholds\.json lacks the thresholds of a product type; copy the model's"),
        ("thresholds.json", {"shirt": {}}, r"thresholds\.json lacks the thresholds of a product type"),
        ("thresholds.json", {"shirt": 3}, "shirt/ has None; allowed are plain and guarded"),
        ("thresholds.json", {"shirt": {"color": 0.4}}, "shirt/color has 0.4"),
        ("thresholds.json", {"shirt": {"color": {"plain": "0.5"}}}, "shirt/color has"),
        ("thresholds.json", {"shirt": {"color": {"plain": -1, "guarded": -1}}}, "shirt/color has"),
        ("thresholds.json", {"shirt": {"color": {"plain": math.nan}}}, "shirt/color has"),
    ],
)
def test_what_makes_answers_usable_cannot_be(folder, name, content, says):
    if name == "answering.json" and content:
        content = {"temperature": 1.3, "values": None} | content
    (folder / name).write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=says):
        AttributeModel.load(folder)
