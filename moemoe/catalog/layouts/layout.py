"""The description of a layout, and the file that it reads."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row, Table
from moemoe.errors import CatalogError

ATTRIBUTE, UNUSED = "attribute", "unused"
#: In the contract, ``columns: {attributes: "*"}``: every further column is an attribute.
ALL = "*"
#: Uses of the columns that every product's row must have.
_NEEDED = re.compile(r"(product_id|product_type|title)\b")
#: Columns with the image files in the metadata of a Hugging Face image folder.
_FOLDER, _FILE_NAMES = "metadata", {"image": "file_name", "images": "file_names"}


@dataclass
class SellerFile:
    """One opened file of a catalog, and what its layout records.

    Args:
        table: its rows under the file's own columns.
        names: catalog column -> the contract's name for it (``Contract.columns``).
        required: the catalog columns that the file must have; backfill needs no labels.
        beside: opens a file by its path relative to this one's folder; None if absent.
        became: column -> its use: a catalog column, ``ATTRIBUTE``, or a few words.
        counts: what was skipped or repaired -> number of rows.
    """

    table: Table
    names: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    required: Sequence[str] = ()
    beside: Callable[[str], Table | None] = lambda _: None
    became: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def plain_names(self) -> dict[str, str]:
        """The contract's names of single columns, and the image columns of a Hugging Face image folder."""
        named = {name: own for name, own in self.names.items() if isinstance(own, str) and own != ALL}
        if self.table.partition.rpartition("/")[2].partition(".")[0] == _FOLDER:
            columns = self.table.columns
            named = {n: own for n, own in _FILE_NAMES.items() if own in columns and n not in columns} | named
        return named

    def check_product_type(self, found: bool, names: str) -> None:
        """Raises CatalogError if a product type is required but no column has it."""
        if "product_type" in self.required and not found:
            raise CatalogError(f"{self.table.partition} has no {names}, which becomes the product type; export it too")

    def filled_rows(self) -> Iterator[Row | RowError]:
        """The table's rows without blank ones, which spreadsheets have at their end."""
        return (row for row in self.table.filled_rows() if isinstance(row, RowError) or row)

    def cells_needed(self) -> int:
        """The least number of leading cells that includes id, product type and title; 0 for all cells.

        Layouts record the use of the columns before they read the first row.
        """
        columns = [column for column in self.table.columns if column not in self.table.constants]
        needed = {i: found[1] for i, c in enumerate(columns) if (found := _NEEDED.match(self.became.get(c, "")))}
        return max(needed) + 1 if {"product_id", "title"} <= set(needed.values()) else 0


@dataclass(frozen=True)
class Layout:
    """A form of sellers' files.

    Args:
        name: the value of ``--layout``.
        about: completes the sentence "the file is ...": "a product export of Shopify".
        fits: whether a file has this form.
        rows: its rows under the catalog's columns; see the package's description.
        nearly: for a file that no layout fits, why it does not fit this one and what to do; None if unrelated.
        names: its columns in the module's spelling, with 1 for any number: a file's columns that differ only in case,
            blanks, hyphens and underscores are renamed to these. Freely named attributes are not included.
    """

    name: str
    about: str
    fits: Callable[[SellerFile], bool]
    rows: Callable[[SellerFile], Iterator[Row | RowError]]
    nearly: Callable[[SellerFile], str | None] = lambda _: None
    names: Sequence[str] = ()
