"""Detects rows above a header: titles, comments, Amazon's settings and labels."""

import re
from collections import Counter
from collections.abc import Sequence

ABOVE_HEADER = "rows above the header, left out"
#: Names that a header has at least.
FEWEST_NAMES = 4
_WIDEST_TITLE = 2
_LONGEST_NAME = 60
#: The beginning of cells that are not column names.
_VALUE = re.compile(r"[\d\[{]|https?://|//")
#: Meta's and eBay's.
_COMMENT = re.compile(r'"?(?:# \w|#INFO\b|Info[,;\t]"?Version=)')
#: Amazon's headers have one of these names, and at most this many records above them.
_FIELD_NAMES, _MOST_ABOVE = {"item_sku", "contribution_sku#1.value"}, 9


def is_above_header(preamble: Sequence[Sequence[str]], record: Sequence[str]) -> bool:
    """Whether the record after ``preamble`` is above the header too, as settings and labels are in Amazon's files."""
    first = (preamble[0] if preamble else record)[:2]  # an index may stand in front
    is_amazon = any(cell.casefold().startswith(("templatetype=", "settings=")) for cell in first)
    return is_amazon and len(preamble) < _MOST_ABOVE and not any(cell.casefold() in _FIELD_NAMES for cell in record)


def number_of_labels(records: Sequence[Sequence[str]]) -> int:
    """The number of records above Amazon's field names: labels, without the settings above them."""
    for number, record in enumerate(records[:_MOST_ABOVE]):
        names = {cell.strip().casefold() for cell in record}
        if names & _FIELD_NAMES and any(name.startswith("item_name") for name in names):
            return number
    return 0


def number_of_comments(first_cells: Sequence[str]) -> int:
    """The number of comments at the top, such as Meta's "# Required | ...", by their first cells.

    0 if the file has only comments.
    """
    number = 0
    while number < len(first_cells) and _COMMENT.match(first_cells[number]):
        number += 1
    return number if number < len(first_cells) else 0


def number_of_titles(filled: Sequence[int]) -> int:
    """The number of titles at the top, by the filled cells of each record.

    A title fills at most two cells ("Exported on", a date). Below it are a header, which has at least four names in a
    catalog, and a record wider than a title.
    """
    header = next((index for index, number in enumerate(filled) if number >= FEWEST_NAMES), 0)
    below = next((number for number in filled[header + 1 :] if number), 0)
    return header if max(filled[:header], default=0) <= _WIDEST_TITLE < below else 0


def has_groups(above: Sequence[str], header: Sequence[str], below: Sequence[str]) -> bool:
    """Whether a record names groups of the columns below it: "Identity", "", "", "Measures", "".

    It has two or more names, each over at least two columns on average. The next record has a name in each of these
    columns, and the one below it is as wide.
    """
    names = named_in_groups(above, header)
    groups = sum(bool(cell.strip()) for cell in above)
    is_header = len(names) >= FEWEST_NAMES and all(map(str.strip, header)) and len(set(names)) == len(names)
    is_named = is_header and all(len(name) <= _LONGEST_NAME and not _VALUE.match(name) for name in names)
    return len(above) == len(names) == len(below) and 1 < groups <= len(names) // 2 and is_named


def named_in_groups(above: Sequence[str], header: Sequence[str]) -> list[str]:
    """The names of a header, repeated ones preceded by their group: Width below Package is "Package Width".

    Args:
        above: the groups, each over its first column.
    """
    found, group = [cell.strip() for cell in header], ""
    again = {name for name, times in Counter(found).items() if name and times > 1}
    for at, cell in enumerate(above[: len(found)]):
        group = cell.strip() or group
        if found[at] in again and group not in ("", found[at]):
            found[at] = f"{group} {found[at]}"
    return found


def names_below_groups(header: Sequence[str], below: Sequence[str] = ()) -> list[str]:
    """The names of a header of two records ("id", "Looks", "" above "", "Color", "Fit"); none if it has one record.

    The first record names a group in the group's first column only; the second names each column of the groups, and
    no others.
    """
    above, names = ([cell.strip() for cell in cells] for cells in (header, below))
    grouped = [not name or "" in above[at + 1 : at + 2] for at, name in enumerate(above)]
    if not any(grouped) or grouped[0] or grouped != [bool(name) for name in names]:
        return []
    named = named_in_groups(above, names)
    within = [name for name in named if name]
    is_named = len(set(within)) == len(within) and not any(len(n) > _LONGEST_NAME or _VALUE.match(n) for n in within)
    return [name or other for name, other in zip(named, above, strict=True)] if is_named else []
