"""The files of a taxonomy: found in a folder, and read whole or not at all."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from moemoe.errors import ConfigError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def choose_file(path: Path, globs: Sequence[str], form: str) -> Path:
    """``path`` if it is a file, else the first file in the folder (or one level below) that a glob finds.

    Of several languages, which the names tell ("x.en-US.txt"), English is taken.

    Args:
        form: what is expected, for the error.

    Raises:
        ConfigError: there is none.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise ConfigError(f"{path}: there is no such file or folder; expected is {form}")
    for glob in globs:
        if found := [*path.glob(glob), *path.glob(f"*/{glob}")]:
            return min(found, key=lambda file: (".en-US." not in file.name, ".en" not in file.name, file))
    raise ConfigError(f"{path} holds no {' or '.join(globs)}; expected is {form}")


def read_text(file: Path) -> str:
    """The whole file.

    Raises:
        ConfigError: it cannot be read, or is no UTF-8.
    """
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is no UTF-8 text (byte {error.start:,})") from error


def read_json(file: Path) -> Any:
    """The content of a JSON file.

    Raises:
        ConfigError: it cannot be read, or is not whole.
    """
    try:
        return json.loads(read_text(file))
    except (json.JSONDecodeError, RecursionError) as error:
        at = f"line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else "nested too deep"
        raise ConfigError(f"{file} is no whole JSON ({at}); if it was cut short, fetch it again") from error


def read_yaml(file: Path) -> Any:
    """The content of a YAML file.

    Raises:
        ConfigError: it cannot be read, or is no YAML.
    """
    try:
        return _load(read_text(file))
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        at = f" (line {mark.line + 1})" if mark else ""
        raise ConfigError(f"{file} is no whole YAML{at}; if it was cut short, fetch it again") from error


def _load(text: str) -> Any:
    """As ``yaml.safe_load``, by the same loader in C where it is there: taxonomies have megabytes."""
    loader = _LOADER(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
