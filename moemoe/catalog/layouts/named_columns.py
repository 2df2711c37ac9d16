"""A file's columns under a layout's own names, in any spelling of the exports."""

from collections.abc import Iterable, Mapping, Sequence

from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.layout import SellerFile
from moemoe.catalog.layouts.shop_values import as_cell

#: A layout's name for a column -> its use, and its spellings in files: the first present one counts.
Columns = Mapping[str, tuple[str, ...]]


def found_columns(columns: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Those of ``names`` that a file has -> the file's spelling; case and surrounding blanks are ignored."""
    spelled = {column.strip().casefold(): column for column in reversed(columns)}
    return {name: spelled[name.casefold()] for name in names if name.casefold() in spelled}


def every_spelling(columns: Columns) -> tuple[str, ...]:
    """All spellings of a layout's columns, for ``Layout.names``."""
    return tuple(name for _, *spelled in columns.values() for name in spelled)


class NamedColumns:
    """A file's columns under the layout's names. Records their use in ``file.became``."""

    def __init__(self, file: SellerFile, columns: Columns):
        found = {name: found_columns(file.table.columns, spelled) for name, (_, *spelled) in columns.items()}
        self.named = {name: next(iter(spelled.values())) for name, spelled in found.items() if spelled}
        file.became.update({column: columns[name][0] for name, column in self.named.items()})

    def cell(self, row: Row, name: str) -> str:
        """The stripped cell of a named column; "" if the file has no such column."""
        return as_cell(row.get(self.named[name])) if name in self.named else ""
