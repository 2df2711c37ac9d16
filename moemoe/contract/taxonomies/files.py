"""The files of a taxonomy: found in a folder, and read whole or not at all."""

import codecs
import gzip
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from moemoe.errors import ConfigError

_GZIP = b"\x1f\x8b"
#: The marks of UTF-16, as Excel's "Unicode text" has them.
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def choose_file(path: Path, globs: Sequence[str], form: str) -> Path:
    """``path`` if it is a file, else the first file in the folder (or one level below) that a glob finds.

    Of several languages, which the names tell ("x.en-US.txt"), English is taken. A file one level below counts only if
    the folder has none.

    Args:
        form: what is expected, for the error.

    Raises:
        ConfigError: there is none, or there are several and none is English.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise ConfigError(f"{path}: there is no such file or folder; expected: {form}")
    for glob in globs:
        if found := sorted([*path.glob(glob)] or [*path.glob(f"*/{glob}")]):
            first = min(found, key=lambda file: (".en-US." not in file.name, ".en" not in file.name))
            if len(found) > 1 and ".en" not in first.name:
                names = ", ".join(file.name for file in found[:5])
                raise ConfigError(f"{path} holds {names}, none of them in English; name one file to take it")
            return first
    raise ConfigError(f"{path} holds no {' or '.join(globs)}; expected: {form}")


def read_text(file: Path) -> str:
    """The whole file, unpacked if gzip has packed it.

    Raises:
        ConfigError: it cannot be read, or is neither UTF-8 nor UTF-16 with a mark.
    """
    try:
        content = file.read_bytes()
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
        text = content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ConfigError(f"{file} is not a complete gzip file ({error}); fetch it again") from error
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        name = error.encoding.upper().replace("UTF8", "UTF-8")
        raise ConfigError(
            f"{file} is not valid {name} text (byte {error.start:,}); fetch it again, or save it as UTF-8"
        ) from error
    if "\0" in text:
        raise ConfigError(f"{file} has NUL bytes, as UTF-16 without a mark has; save it as UTF-8")
    return text


def read_json(file: Path) -> Any:
    """The content of a JSON file.

    Raises:
        ConfigError: it cannot be read, or is not whole.
    """
    try:
        return json.loads(read_text(file))
    except (json.JSONDecodeError, RecursionError) as error:
        at = f"line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else "nested too deep"
        raise ConfigError(f"{file} is not complete JSON ({at}); if it was cut short, fetch it again") from error


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
        raise ConfigError(f"{file} is not complete YAML{at}; if it was cut short, fetch it again") from error


def _load(text: str) -> Any:
    """As ``yaml.safe_load``, by the same loader in C where it is there: taxonomies have megabytes."""
    loader = _LOADER(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
