"""Hugging Face's description of a data set's columns, and rows in responses of its server (``datasets-server``)."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

_LISTS = ("Sequence", "LargeList", "List")
#: The keys that the server puts around each row.
_AROUND, _ROW, _CUT = frozenset(("row_idx", "row", "truncated_cells")), "row", "truncated_cells"
CUT_CELLS = "cells truncated by Hugging Face's server, left out"


def class_names(feature: Any) -> tuple[list[str], bool] | None:
    """The class names for a column's numbers, and whether the column has lists of numbers.

    Args:
        feature: a column's type, as a data set's ``features`` have it.

    Returns:
        None if the column has no class labels.
    """
    is_list = isinstance(feature, Mapping) and feature.get("_type") in _LISTS
    label = feature.get("feature") if is_list else feature
    is_label = isinstance(label, Mapping) and label.get("_type") == "ClassLabel" and label.get("names")
    return (list(label["names"]), is_list) if is_label else None


class ServedRows:
    """The rows of one response, ``{"features": [...], "rows": [{"row_idx": 0, "row": {...}, "truncated_cells": []}]}``.

    Truncated cells are left out and counted; class labels become their names.
    """

    def __init__(self, answer: Mapping[str, Any], counts: Counter[str]):
        features = answer.get("features")
        told = [one for one in features if isinstance(one, Mapping)] if isinstance(features, list) else []
        found = {str(one.get("name")): class_names(one.get("type")) for one in told}
        self._names = {name: names[0] for name, names in found.items() if names}
        self._counts = counts

    def row(self, item: Any) -> Any:
        """The row within an item; the item itself if it is not in the server's form."""
        is_one = isinstance(item, Mapping) and isinstance(item.get(_ROW), dict) and item.keys() <= _AROUND
        if not is_one or len(item) < 2:
            return item
        cut = set(item.get(_CUT) or ())
        row = {name: value for name, value in item[_ROW].items() if name not in cut}
        self._counts[CUT_CELLS] += len(item[_ROW]) - len(row)
        return {name: self._named(value, name) if name in self._names else value for name, value in row.items()}

    def _named(self, value: Any, column: str) -> Any:
        if isinstance(value, list):
            return [self._named(one, column) for one in value]
        names, text = self._names[column], str(value)
        if text == "-1":  # no label
            return None
        return names[int(text)] if text.isdecimal() and int(text) < len(names) else value
