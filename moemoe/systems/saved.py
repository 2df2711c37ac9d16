"""Loads saved systems from their folders, of any kind."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from moemoe.errors import ConfigError
from moemoe.systems import COMMITTEES, FITTED, load_system


def load_saved(folder: str | Path) -> Any:
    """Loads the system saved in ``folder``, of any kind.

    Raises:
        ConfigError: there is none, or its weights are not safetensors (pickles are never opened).
    """
    system = load_system(system_of(folder))
    try:
        return system.from_pretrained(folder)
    except SafetensorError as error:
        raise ConfigError(f"{folder}/model.safetensors is no safetensors file ({error})") from error


def load_with_collator(folder: str | Path) -> tuple[Any, Any]:
    """The system saved in ``folder``, and its collator. Raises ConfigError as ``load_saved`` does."""
    from moemoe.batches.collate import collator_of  # lazy: it imports torch and transformers
    from moemoe.batches.tokenizer import load_tokenizer

    system, name = load_saved(folder), system_of(folder)
    if name in COMMITTEES:
        return system, system.collator()
    tokenizer = None if name in FITTED else load_tokenizer(folder)
    return system, collator_of(system, tokenizer, system.config, folder)


def system_of(folder: str | Path) -> str:
    """The system's name in a model folder's ``config.json``; without a name it is an early MoEMoE.

    Raises:
        ConfigError: there is no such file.
    """
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise ConfigError(f"{folder} holds no model: config.json is missing")
    return json.loads(path.read_text()).get("system", "moemoe")
