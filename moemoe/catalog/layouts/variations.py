"""Variations that are rows of their own: whether their product is in the file, before or behind them."""

from collections import Counter
from collections.abc import Iterable, Iterator

from moemoe.catalog.formats.row_error import RowError

VARIATIONS = "rows of variations, which their products list"
NO_PRODUCT_NAMES_IT = "is not visible individually, and no product of the file has it as a variation"


class NamingTheirParent:
    """Variations that name their product; 60 bytes a product that may have some."""

    def __init__(self, counts: Counter[str]):
        self._counts = counts
        self._parents: set[int] = set()  # hashes
        self._waiting: dict[int, list[str]] = {}  # variations that come before their parent

    def add(self, parent: str, detail: str) -> None:
        """Counts a variation; ``detail`` is what to say of it if its parent never comes."""
        if hash(parent) in self._parents:
            self._counts[VARIATIONS] += 1
        else:
            self._waiting.setdefault(hash(parent), []).append(detail)

    def add_product(self, names: Iterable[str]) -> None:
        """Takes note of a product, which variations name in one of these ways."""
        own = {hash(name) for name in names if name}
        self._parents |= own
        if early := [detail for name in own for detail in self._waiting.pop(name, ())]:
            self._counts[VARIATIONS] += len(early)

    def left(self) -> Iterator[RowError]:
        """A RowError for each variation whose parent has not come."""
        for detail in (detail for details in self._waiting.values() for detail in details):
            yield RowError("row", "row belongs to no product", detail)


class NamedByTheirProduct:
    """Variations that their product names; both stand close together."""

    def __init__(self, counts: Counter[str]):
        self._counts = counts
        self._unnamed: dict[str, str] = {}  # variations that no product has named yet -> what to say of them
        self._awaited: set[str] = set()  # named ones that have not come

    def add(self, name: str, detail: str) -> None:
        """Counts a variation; ``detail`` is what to say of it if no product names it."""
        if name in self._awaited:
            self._awaited.remove(name)
            self._counts[VARIATIONS] += 1
        else:
            self._unnamed[name] = detail

    def add_named(self, name: str) -> None:
        """Takes note of a variation that a product names."""
        if self._unnamed.pop(name, None) is not None:
            self._counts[VARIATIONS] += 1
        else:
            self._awaited.add(name)

    def left(self) -> Iterator[RowError]:
        """A RowError for each variation that no product has named."""
        for detail in self._unnamed.values():
            yield RowError("row", "row belongs to no product", detail)
