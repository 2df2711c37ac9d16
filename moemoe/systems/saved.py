"""Loads saved systems from their folders, of any kind."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from moemoe.configs import read_object
from moemoe.errors import ConfigError, MoEMoEError, first_line
from moemoe.systems import COMMITTEES, FITTED, load_system


def load_saved(folder: str | Path) -> Any:
    """Loads the system saved in ``folder``, of any kind.

    Raises:
        ConfigError: there is none, it is incomplete, or its weights are not safetensors (pickles are never opened).
    """
    system = load_system(system_of(folder))
    try:
        return system.from_pretrained(folder)
    except SafetensorError as error:
        raise ConfigError(f"{folder}/model.safetensors is not a safetensors file ({error})") from error
    except (MoEMoEError, ImportError, MemoryError):  # already say what is wrong, and the folder is not
        raise
    except Exception as error:  # whatever its own files make torch, timm or numpy say
        reason = first_line(error)
        raise ConfigError(
            f"{folder} does not hold a complete model ({reason}); copy its folder again from the run"
        ) from error


def load_with_collator(folder: str | Path) -> tuple[Any, Any]:
    """The system saved in ``folder``, and its collator. Raises ConfigError as ``load_saved`` does."""
    from moemoe.batches.collate import collator_of  # lazy: it imports torch and transformers
    from moemoe.batches.tokenizer import load_tokenizer

    system, name = load_saved(folder), system_of(folder)
    if name in COMMITTEES:
        return system, system.collator()
    tokenizer = None if name in FITTED else load_tokenizer(folder)
    text = getattr(system.config, "text", None)
    if tokenizer is not None and text is not None and text.pretrained is None:
        _check_tokenizer(tokenizer, text.vocab_size, folder)
    return system, collator_of(system, tokenizer, system.config, folder)


def system_of(folder: str | Path) -> str:
    """The system's name in a model folder's ``config.json``; without a name it is an early MoEMoE.

    Raises:
        ConfigError: there is no such file, or it is damaged.
    """
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise ConfigError(f"{folder} does not hold a model: config.json is missing")
    name = read_object(path).get("system", "moemoe")
    if not isinstance(name, str):
        raise ConfigError(f"{path}: system is {name!r:.50}; allowed is the name of one")
    return name


def _check_tokenizer(tokenizer: Any, vocab_size: int, folder: str | Path) -> None:
    """Raises ConfigError if the tokenizer cannot be the model's: too many tokens, or no end or padding token."""
    if None in (tokenizer.pad_token_id, tokenizer.eos_token_id) or len(tokenizer) > vocab_size:
        raise ConfigError(
            f"{folder}: its tokenizer is not the model's ({len(tokenizer)} tokens, the model {vocab_size}; "
            f"padding is {tokenizer.pad_token!r}, end {tokenizer.eos_token!r}); copy its folder again from the run"
        )
