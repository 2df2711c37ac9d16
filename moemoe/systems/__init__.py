"""Every system of the tables by name, MoEMoE itself among them; ``moemoe.model.system`` says what each of them has."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from moemoe.errors import ConfigError
from moemoe.model.collate import collator_of
from moemoe.model.tokenizer import load_tokenizer

#: Systems that the trainer trains, phase by phase. T5 and Flan-T5 are recipes of ``moemoe``: its text encoder and
#: decoder with nothing between them.
TRAINED = {
    "cma-clip": "moemoe.baselines.cma_clip:CMAClip",
    "moemoe": "moemoe.model.moemoe:MoEMoE",
    "mxt": "moemoe.baselines.mxt:MXT",
    "ner-mqmrc": "moemoe.baselines.ner_mqmrc:NerMqMrc",
}

#: Systems that are made in one pass over the training split.
FITTED = {
    "knn": "moemoe.baselines.knn:KNN",
    "tf-idf": "moemoe.baselines.tf_idf:TfIdf",
}

#: Systems that consist of others.
COMMITTEES = {"committee": "moemoe.systems.committee:Committee"}


def load_system(name: str) -> Any:
    """A system's class, a ``moemoe.model.system.Trained`` or ``Fitted``. Raises ConfigError for an unknown name."""
    known = TRAINED | FITTED | COMMITTEES
    if name not in known:
        raise ConfigError(f"unknown system {name!r}; known systems are {', '.join(sorted(known))}")
    module, _, attribute = known[name].partition(":")
    return getattr(import_module(module), attribute)


def load_saved(folder: str | Path) -> Any:
    """The system that ``folder`` holds, whichever it is.

    Raises:
        ConfigError: it holds none, or its weights are no safetensors: a pickle is not opened.
    """
    system = load_system(system_of(folder))
    try:
        return system.from_pretrained(folder)
    except SafetensorError as error:
        raise ConfigError(f"{folder}/model.safetensors is no safetensors file ({error})") from error


def load_with_collator(folder: str | Path) -> tuple[Any, Any]:
    """The system that ``folder`` holds, and what makes its batches. Raises ConfigError as ``load_saved`` does."""
    system, name = load_saved(folder), system_of(folder)
    if name in COMMITTEES:
        return system, system.collator()
    tokenizer = None if name in FITTED else load_tokenizer(folder)
    return system, collator_of(system, tokenizer, system.config, folder)


def system_of(folder: str | Path) -> str:
    """The name in a model folder's ``config.json``; MoEMoE's has none."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise ConfigError(f"{folder} holds no model: config.json is missing")
    return json.loads(path.read_text()).get("system", "moemoe")
