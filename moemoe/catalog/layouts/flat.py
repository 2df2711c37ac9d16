"""Flat tables: the catalog's columns under their own or the contract's names; each further column is an attribute."""

from collections.abc import Iterator, Sequence
from typing import Any

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts import long_form
from moemoe.catalog.layouts.columns import INDEXES, REQUIRED, find_columns, further_names, plain_name
from moemoe.catalog.layouts.layout import ALL, ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.nested_labels import plain_label
from moemoe.errors import CatalogError

LEFT_OUT = "objects and bytes in attribute columns, left out"


def further_columns(file: SellerFile) -> list[str]:
    """The columns that are attributes of a flat table: those that the contract lists, else all that are no others.

    Raises:
        CatalogError: a column that is needed or listed is missing, or no column is left.
    """
    table, listed = file.table, file.names.get("attributes", ALL)
    others = [name for name in file.required if name != "attributes"]
    taken = set(find_columns(table.partition, table.columns, file.plain_names(), others).values())
    left = [column for column in table.columns if column not in taken and not INDEXES.fullmatch(column.strip())]
    if not isinstance(listed, str):
        left = [_column(table.partition, left, name) for name in listed]
    if not left:
        raise CatalogError(f"{table.partition} has no column that is an attribute; it has {', '.join(table.columns)}")
    return left


def _column(partition: str, columns: Sequence[str], name: str) -> str:
    alike = [column for column in columns if plain_name(column) == plain_name(name)]
    found = name if name in columns else alike[0] if len(alike) == 1 else None
    if found is None:
        raise CatalogError(
            f"{partition}: column {name!r}, which the contract lists under columns: attributes, is missing; the file "
            f"has {', '.join(map(repr, columns[:40]))}"
        )
    return found


def fits(file: SellerFile) -> bool:
    """Product id, type and title are there, no column of attributes, and there are further columns."""
    columns = [column.strip().casefold() for column in file.table.columns]
    own = str(file.plain_names().get("attributes", "attributes")).casefold()
    if any(column == own or column.startswith(f"{own}.") for column in columns):
        return False
    if "attributes" not in file.names and long_form.fits(file):
        return False
    try:
        wanted = [name for name in REQUIRED if name != "attributes"]
        find_columns(file.table.partition, file.table.columns, file.plain_names(), wanted)
        return bool(further_columns(file))
    except CatalogError:
        return False


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """The rows; the attributes' raw keys are the columns' names."""
    (keys, sources), known = _columns(file), len(file.table.columns)
    for row in file.table.filled_rows():
        if isinstance(row, RowError):
            yield row
            continue
        if late := file.table.columns[known:]:
            further, known = further_names(late, sources), known + len(late)
            sources |= further
            if isinstance(file.names.get("attributes", ALL), str):
                keys += [c for c in late if c not in further.values() and not INDEXES.fullmatch(c.strip())]
            file.became.update({source: name for name, source in further.items()} | dict.fromkeys(keys, ATTRIBUTE))
        found: dict[str, Any] = {name: row.get(source) for name, source in sources.items()}
        labels = ((key, _label(row.get(key), file)) for key in keys)
        found["attributes"] = [(key.strip(), label) for key, label in labels if label is not None]
        yield found


def _columns(file: SellerFile) -> tuple[list[str], dict[str, str]]:
    """The columns that are attributes; catalog column -> the file's. Says so in ``file.became``."""
    keys = further_columns(file)
    needed = [name for name in file.required if name != "attributes"]
    sources = find_columns(file.table.partition, file.table.columns, file.plain_names(), needed)
    sources = {name: source for name, source in sources.items() if source not in keys}
    file.became.update({source: name for name, source in sources.items()})
    file.became.update(dict.fromkeys(keys, ATTRIBUTE))
    return keys, sources


def _label(value: Any, file: SellerFile) -> Any:
    """A value as a label; None if it is missing, or is no label, which is counted."""
    if isinstance(value, bytes) and not _is_text(value):
        label, is_odd = None, True
    elif isinstance(value, (dict, list)):
        label, odd = plain_label(value)
        is_odd = odd is not None
    else:
        return value
    file.counts[LEFT_OUT] += is_odd
    return label


def _is_text(value: bytes) -> bool:
    """Whether bytes are text, as Impala and older writers of Parquet leave them."""
    try:
        return "\0" not in value.decode()
    except UnicodeDecodeError:
        return False


LAYOUT = Layout("flat", "a table whose further columns are the attributes", fits, rows)
