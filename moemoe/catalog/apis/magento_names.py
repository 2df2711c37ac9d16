"""Names for the numbers in Magento's REST API (options, categories, attribute sets), from its list responses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moemoe.catalog.apis.values import fields, listed, objects
from moemoe.catalog.formats.table import Table
from moemoe.catalog.layouts.layout import SellerFile
from moemoe.catalog.layouts.shop_values import as_cell

#: Columns of the three lists, by which they are known, and what such a list is called beside the products.
_ATTRIBUTES = ("attribute_code", "options")
_CATEGORIES = ("parent_id", "is_active", "level")
_SETS = ("attribute_set_id", "attribute_set_name")
_FILES = ("attributes.json", "categories.json", "attribute-sets.json")
OF_NAMES = (*_ATTRIBUTES, *_CATEGORIES, *_SETS)
#: Kinds of attributes whose values are numbers of options.
_WITH_OPTIONS = frozenset(("select", "multiselect", "boolean"))


@dataclass
class Names:
    """Names by number; an attribute without a list keeps its labels unchanged."""

    _options: dict[str, dict[str, str]] = field(default_factory=dict)  # attribute's code -> number -> label
    _codes: dict[str, str] = field(default_factory=dict)  # attribute's number -> its code
    _categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _sets: dict[str, str] = field(default_factory=dict)
    _has_attributes: bool = False

    @classmethod
    def beside(cls, file: SellerFile) -> "Names":
        """Reads the lists that lie beside a file."""
        known = cls()
        for name in _FILES:
            if (table := file.beside(name)) is not None:
                rows = [fields(row) for row in table.rows() if isinstance(row, dict)]
                known._add_attributes(rows)
                known._add_categories(rows)
                known._sets |= {as_cell(r.get("attributesetid")): as_cell(r.get("attributesetname")) for r in rows}
        return known

    @staticmethod
    def is_list(table: Table) -> bool:
        """Whether a table is one of the lists, not products."""
        columns = set(table.columns)
        return "sku" not in columns and any(set(names) <= columns for names in (_ATTRIBUTES, _CATEGORIES, _SETS))

    def labels(self, code: str, value: Any) -> list[str] | None:
        """The labels of an attribute's value; None if it is the number of an unknown option.

        A multiselect has its numbers in a list, or separated by commas.
        """
        given = [as_cell(one) for one in listed(value)]
        if (options := self._options.get(code)) is None:
            are_numbers = bool(given) and all(_is_number_of_option(one) for one in given)
            return None if are_numbers and not self._has_attributes else given
        numbers = [one.strip() for text in given for one in text.split(",")]
        return [options.get(one, one) for one in numbers]

    def code(self, attribute: str) -> str | None:
        """The code of an attribute by its number."""
        return self._codes.get(attribute)

    def attribute_set(self, number: str) -> str | None:
        """The name of an attribute set."""
        return self._sets.get(number)

    def paths(self, numbers: Sequence[str]) -> list[tuple[str, ...]]:
        """The category paths, names from the root down; unknown ones are left out."""
        return [self._categories[number] for number in numbers if self._categories.get(number)]

    def _add_attributes(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if code := as_cell(row.get("attributecode")):
                self._has_attributes = True
                self._codes[as_cell(row.get("attributeid"))] = code
                kind = as_cell(row.get("frontendinput"))
                if kind in _WITH_OPTIONS or not kind:
                    found = ((as_cell(o.get("value")), as_cell(o.get("label"))) for o in objects(row.get("options")))
                    self._options[code] = {number: label for number, label in found if number and label}

    def _add_categories(self, rows: list[dict[str, Any]]) -> None:
        """Reads a tree (``children_data``) or a list of categories; level 0 is the root of all shops."""
        found = {as_cell(row.get("id")): row for row in _flat(rows)}
        for number in found:
            path, at = dict[str, str](), number
            while at in found and at not in path and as_cell(found[at].get("level")) != "0":
                path[at] = as_cell(found[at].get("name"))
                at = as_cell(found[at].get("parentid"))
            self._categories[number] = tuple(reversed(path.values()))


def _flat(rows: list[dict[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for row in rows:
        if "level" in row and "name" in row:
            yield row
            yield from _flat(list(objects(row.get("childrendata"))))


def _is_number_of_option(text: str) -> bool:
    """Whether a value can only be option numbers; 0 and 1 may also mean no and yes."""
    return all(one.strip().isdecimal() and int(one) > 1 for one in text.split(","))
