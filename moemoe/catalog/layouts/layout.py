"""What a layout is, and the file that it reads."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row, Table
from moemoe.errors import CatalogError

ATTRIBUTE, UNUSED = "attribute", "unused"
#: In the contract, ``columns: {attributes: "*"}``: every further column is one.
ALL = "*"
#: What became of the columns without which a row of cells is no product's.
_NEEDED = re.compile(r"(product_id|product_type|title)\b")
#: In the metadata of a Hugging Face image folder, the files that lie beside it.
_FOLDER, _FILE_NAMES = "metadata", {"image": "file_name", "images": "file_names"}


@dataclass
class SellerFile:
    """One file of a catalog, opened, and what a layout tells of it.

    Args:
        table: its rows under its own columns.
        names: catalog column -> what the contract calls it (``Contract.columns``).
        required: the catalog columns that the file must have; backfill needs no labels.
        beside: opens a file by its path relative to this one's folder; None if there is none.
        became: column -> what became of it: a catalog column, ``ATTRIBUTE``, or a few words.
        counts: what was done to rows on the way -> how many of them.
    """

    table: Table
    names: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    required: Sequence[str] = ()
    beside: Callable[[str], Table | None] = lambda _: None
    became: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def plain_names(self) -> dict[str, str]:
        """The contract's names of single columns, and those of the images in a Hugging Face image folder."""
        named = {name: own for name, own in self.names.items() if isinstance(own, str) and own != ALL}
        if self.table.partition.rpartition("/")[2].partition(".")[0] == _FOLDER:
            columns = self.table.columns
            named = {n: own for n, own in _FILE_NAMES.items() if own in columns and n not in columns} | named
        return named

    def check_product_type(self, found: bool, names: str) -> None:
        """Raises CatalogError if a product type is required and no column is there to give it."""
        if "product_type" in self.required and not found:
            raise CatalogError(f"{self.table.partition} has no {names}, which becomes the product type; export it too")

    def filled_rows(self) -> Iterator[Row | RowError]:
        """The table's rows but blank ones, which spreadsheets have at their end."""
        return (row for row in self.table.filled_rows() if isinstance(row, RowError) or row)

    def cells_needed(self) -> int:
        """How many cells a row must have at least, so that id, product type and title are among them; 0 if all.

        Layouts say what becomes of the columns before they read the first row.
        """
        columns = [column for column in self.table.columns if column not in self.table.constants]
        needed = {i: found[1] for i, c in enumerate(columns) if (found := _NEEDED.match(self.became.get(c, "")))}
        return max(needed) + 1 if {"product_id", "title"} <= set(needed.values()) else 0


@dataclass(frozen=True)
class Layout:
    """A shape of sellers' files.

    Args:
        name: what ``--layout`` takes.
        about: in a few words that go on "the file is": "a product export of Shopify".
        fits: whether a file has this shape.
        rows: its rows under the catalog's columns; see the package's description.
        nearly: of a file that no layout fits, what keeps it from this one and what to do; None if it is another's.
        names: its columns as its module spells them, 1 for any number: a file's come under these if they differ in
            case, blanks, hyphens and underscores alone. Attributes that may be called anything are left out.
    """

    name: str
    about: str
    fits: Callable[[SellerFile], bool]
    rows: Callable[[SellerFile], Iterator[Row | RowError]]
    nearly: Callable[[SellerFile], str | None] = lambda _: None
    names: Sequence[str] = ()
