"""Systems from their folders, whichever they are."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from moemoe.errors import ConfigError
from moemoe.systems import COMMITTEES, FITTED, load_system


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
    from moemoe.batches.collate import collator_of  # torch and transformers: a name is read without them
    from moemoe.batches.tokenizer import load_tokenizer

    system, name = load_saved(folder), system_of(folder)
    if name in COMMITTEES:
        return system, system.collator()
    tokenizer = None if name in FITTED else load_tokenizer(folder)
    return system, collator_of(system, tokenizer, system.config, folder)


def system_of(folder: str | Path) -> str:
    """The name in a model folder's ``config.json``; that of an early MoEMoE has none.

    Raises:
        ConfigError: there is no such file.
    """
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise ConfigError(f"{folder} holds no model: config.json is missing")
    return json.loads(path.read_text()).get("system", "moemoe")
