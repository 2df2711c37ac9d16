"""Names that users and catalogs give (product types, keys, values) where something else allows few characters."""

import hashlib
import re
from collections.abc import Iterable
from difflib import get_close_matches

#: What stands for itself: letters and digits of any script, blank, underscore, hyphen. The dot begins an escape.
_ESCAPED = re.compile(r"[^\w \-]")
_ESCAPE = re.compile(r"\.([0-9A-F]+)\.")
#: MLflow's longest name of a metric is 250 characters; a part of one may be this long.
LONGEST = 150
#: Parts that metrics of all product types have in the place of a product type's name.
RESERVED = ("mean", "cells")
#: Of known names a message lists so many.
MOST_NAMED = 30


def escaped(name: str) -> str:
    """``name`` as one part of a metric's name, a path or a registered model's name; ``unescaped`` gives it back.

    "Men's T-Shirts" becomes "Men.27.s T-Shirts". A name too long for MLflow is cut, and ends in a hash of the whole.
    """
    text = _ESCAPED.sub(lambda found: f".{ord(found[0]):X}.", name)
    if name in RESERVED:
        text = f".{ord(name[0]):X}.{name[1:]}"
    if len(text) > LONGEST:
        text = f"{text[: LONGEST - 20]}.{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return text


def unescaped(part: str) -> str:
    """The name that ``escaped`` made ``part`` of, unless it was too long."""
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
    """A product type and attribute as one word for people, TYPE/ATTRIBUTE; a slash within either is written %2F."""
    return "/".join(name.replace("%", "%25").replace("/", "%2F") for name in (product_type, attribute))


def cells_meant(text: str) -> list[tuple[str, str]]:
    """What ``text`` may mean as a cell: as ``cell_name`` writes it, or with slashes as they stand in the names."""
    parts = text.split("/")
    found = [("/".join(parts[:at]).strip(), "/".join(parts[at:]).strip()) for at in range(1, len(parts))]
    if len(parts) == 2:
        found.insert(0, tuple(name.replace("%2F", "/").replace("%25", "%").strip() for name in parts))  # type: ignore
    return [cell for cell in dict.fromkeys(found) if all(cell)]
