"""What stands above a header: titles, comments, Amazon's settings and labels."""

import re
from collections import Counter
from collections.abc import Sequence

ABOVE_HEADER = "rows above the header, left out"
#: Names that a header has at least.
FEWEST_NAMES = 4
_WIDEST_TITLE = 2
_LONGEST_NAME = 60
#: How cells begin that are no names of columns.
_VALUE = re.compile(r"[\d\[{]|https?://|//")
#: Meta's and eBay's.
_COMMENT = re.compile(r'"?(?:# \w|#INFO\b|Info[,;\t]"?Version=)')
#: One of these is in the header of Amazon's files, which has at most so many records above it.
_FIELD_NAMES, _MOST_ABOVE = {"item_sku", "contribution_sku#1.value"}, 9


def is_above_header(preamble: Sequence[Sequence[str]], record: Sequence[str]) -> bool:
    """Whether a record behind ``preamble`` is above the header too, as settings and labels are in Amazon's files."""
    first = (preamble[0] if preamble else record)[:2]  # an index may stand in front
    is_amazon = any(cell.casefold().startswith(("templatetype=", "settings=")) for cell in first)
    return is_amazon and len(preamble) < _MOST_ABOVE and not any(cell.casefold() in _FIELD_NAMES for cell in record)


def number_of_labels(records: Sequence[Sequence[str]]) -> int:
    """How many of the first records stand above Amazon's field names: labels, without the settings above them."""
    for number, record in enumerate(records[:_MOST_ABOVE]):
        names = {cell.strip().casefold() for cell in record}
        if names & _FIELD_NAMES and any(name.startswith("item_name") for name in names):
            return number
    return 0


def number_of_comments(first_cells: Sequence[str]) -> int:
    """How many of the first records are comments, "# Required | ..." as Meta's template has them, by their first cells.

    A file of comments alone has none.
    """
    number = 0
    while number < len(first_cells) and _COMMENT.match(first_cells[number]):
        number += 1
    return number if number < len(first_cells) else 0


def number_of_titles(filled: Sequence[int]) -> int:
    """How many of the first records are titles, as people write them above a table, by each one's filled cells.

    A title fills two cells at most ("Exported on", a date). Below it are a header of four names or more, which a
    catalog has at least, and a record as wide as no title.
    """
    header = next((index for index, number in enumerate(filled) if number >= FEWEST_NAMES), 0)
    below = next((number for number in filled[header + 1 :] if number), 0)
    return header if max(filled[:header], default=0) <= _WIDEST_TITLE < below else 0


def has_groups(above: Sequence[str], header: Sequence[str], below: Sequence[str]) -> bool:
    """Whether a record names groups of the columns below it: "Identity", "", "", "Measures", "".

    It has two names or more, each over at least two columns on average, and the next record a name in each of these
    columns; another one as wide is below.
    """
    names = named_in_groups(above, header)
    groups = sum(bool(cell.strip()) for cell in above)
    is_header = len(names) >= FEWEST_NAMES and all(map(str.strip, header)) and len(set(names)) == len(names)
    is_named = is_header and all(len(name) <= _LONGEST_NAME and not _VALUE.match(name) for name in names)
    return len(above) == len(names) == len(below) and 1 < groups <= len(names) // 2 and is_named


def named_in_groups(above: Sequence[str], header: Sequence[str]) -> list[str]:
    """The names of a header, those that come again with their group in front: Width below Package is "Package Width".

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
    """The names of a header of two records: "id", "Looks", "", above "", "Color", "Fit"; none if it has one.

    The second has a name for each column of a group, which names its first column and no other one, and nothing else.
    """
    above, names = ([cell.strip() for cell in cells] for cells in (header, below))
    grouped = [not name or "" in above[at + 1 : at + 2] for at, name in enumerate(above)]
    if not any(grouped) or grouped[0] or grouped != [bool(name) for name in names]:
        return []
    named = named_in_groups(above, names)
    within = [name for name in named if name]
    is_named = len(set(within)) == len(within) and not any(len(n) > _LONGEST_NAME or _VALUE.match(n) for n in within)
    return [name or other for name, other in zip(named, above, strict=True)] if is_named else []
