"""Escapes and suggests names from users and catalogs (product types, keys, values)."""

import hashlib
import re
from collections.abc import Iterable
from difflib import get_close_matches

#: Not escaped: letters and digits of any script, blank, underscore, hyphen. A dot begins an escape.
_ESCAPED = re.compile(r"[^\w \-]")
_ESCAPE = re.compile(r"\.([0-9A-F]+)\.")
#: The longest part of a metric's name, as MLflow allows 250 characters for the whole.
LONGEST = 150
#: What metrics over all product types have instead of a product type's name.
RESERVED = ("mean", "cells")
#: How many known names a message lists.
MOST_NAMED = 30


def escaped(name: str) -> str:
    """``name`` as one part of a metric's name, a path or a registered model's name; ``unescaped`` reverses it.

    "Men's T-Shirts" becomes "Men.27.s T-Shirts". A name too long for MLflow is shortened and ends in a hash of it.
    """
    text = _ESCAPED.sub(lambda found: f".{ord(found[0]):X}.", name)
    if name in RESERVED:
        text = f".{ord(name[0]):X}.{name[1:]}"
    if len(text) > LONGEST:
        text = f"{text[: LONGEST - 20]}.{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return text


def unescaped(part: str) -> str:
    """The name that ``escaped`` turned into ``part``, unless it was shortened."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if int(found[1], 16) < 0x110000 else found[0], part)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown ``name``: "; did you mean 'kurta'? known are kurta, shirt"."""
    names = list(known)
    folded = {each.casefold(): each for each in names}
    close = [folded[each] for each in get_close_matches(name.casefold(), list(folded), 1, 0.6)]
    hint = f"; did you mean {close[0]!r}?" if close else ";"
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{hint} known are {', '.join(names[:MOST_NAMED])}{more}" if names else "; none is known"


def cell_name(product_type: str, attribute: str) -> str:
    """A product type and attribute as TYPE/ATTRIBUTE, for display; a slash within either is written %2F."""
    return "/".join(name.replace("%", "%25").replace("/", "%2F") for name in (product_type, attribute))


def cells_meant(text: str) -> list[tuple[str, str]]:
    """The cells that ``text`` may mean: in the form of ``cell_name``, or with unescaped slashes in the names."""
    parts = text.split("/")
    found = [("/".join(parts[:at]).strip(), "/".join(parts[at:]).strip()) for at in range(1, len(parts))]
    if len(parts) == 2:
        found.insert(0, tuple(name.replace("%2F", "/").replace("%25", "%").strip() for name in parts))  # type: ignore
    return [cell for cell in dict.fromkeys(found) if all(cell)]
