"""Variations with their own rows: checks that their product is in the file, before or after them."""

from collections import Counter
from collections.abc import Iterable, Iterator

from moemoe.catalog.formats.row_error import RowError

VARIATIONS = "rows of variations, which their products list"
NO_PRODUCT_NAMES_IT = "is not visible individually, and no product of the file has it as a variation"


class NamingTheirParent:
    """Variations that name their product; 60 bytes per product that may have some."""

    def __init__(self, counts: Counter[str]):
        self._counts = counts
        self._parents: set[int] = set()  # hashes
        self._waiting: dict[int, list[str]] = {}  # variations before their parent

    def add(self, parent: str, detail: str) -> None:
        """Counts a variation; ``detail`` is the error if its parent is missing."""
        if hash(parent) in self._parents:
            self._counts[VARIATIONS] += 1
        else:
            self._waiting.setdefault(hash(parent), []).append(detail)

    def add_product(self, names: Iterable[str]) -> None:
        """Records a product with the names by which variations may refer to it."""
        own = {hash(name) for name in names if name}
        self._parents |= own
        if early := [detail for name in own for detail in self._waiting.pop(name, ())]:
            self._counts[VARIATIONS] += len(early)

    def left(self) -> Iterator[RowError]:
        """A RowError for each variation without a parent."""
        for detail in (detail for details in self._waiting.values() for detail in details):
            yield RowError("row", "row belongs to no product", detail)


class NamedByTheirProduct:
    """Variations that are named by their product, close to it in the file."""

    def __init__(self, counts: Counter[str]):
        self._counts = counts
        self._unnamed: dict[str, str] = {}  # variations that no product has named yet -> the error
        self._awaited: set[str] = set()  # named ones that have not been read yet

    def add(self, name: str, detail: str) -> None:
        """Counts a variation; ``detail`` is the error if no product names it."""
        if name in self._awaited:
            self._awaited.remove(name)
            self._counts[VARIATIONS] += 1
        else:
            self._unnamed[name] = detail

    def add_named(self, name: str) -> None:
        """Records a variation that a product names."""
        if self._unnamed.pop(name, None) is not None:
            self._counts[VARIATIONS] += 1
        else:
            self._awaited.add(name)

    def left(self) -> Iterator[RowError]:
        """A RowError for each variation that no product has named."""
        for detail in self._unnamed.values():
            yield RowError("row", "row belongs to no product", detail)
