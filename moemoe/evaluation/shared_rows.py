"""The test rows that two runs share, in one order, for paired comparisons and the gate.

Memory: some 36 bytes a test row and run.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.correctness import are_right
from moemoe.evaluation.cells import Cell, CellPredictions
from moemoe.evaluation.parts import (
    EvaluationError,
    Predictions,
    all_parts,
    group_names,
    have_gold,
    in_parts,
    main_condition,
    rows_shown,
)
from moemoe.evaluation.survey import survey

_NAMES = ("product_id", "attribute", "group", "product_type")
_READ = [*_NAMES, "split", "condition", "gold", "prediction", "confidence", "tolerance", "explicit"]


@dataclass(frozen=True)
class TestRows:
    """A run's N test rows in one condition, by product and then attribute.

    Args:
        names: for each of product_id, attribute, group and product_type its distinct texts, sorted.
        codes: for each of them the number of each row's text, int32 [N].
        gold: uint64 [N], a hash of the gold values; 0 if there is none.
        confidence, correct: of the run's answers.
        implicit: bool [N], whether the gold value is known not to be written in the text.
    """

    condition: str
    names: Mapping[str, pa.Array]
    codes: Mapping[str, np.ndarray]
    gold: np.ndarray
    confidence: np.ndarray
    correct: np.ndarray
    implicit: np.ndarray

    def __len__(self) -> int:
        return len(self.gold)

    def text(self, name: str, row: int) -> str:
        """The ``name`` of one row."""
        return self.names[name][int(self.codes[name][row])].as_py()

    @property
    def groups(self) -> int:
        """Their number."""
        return len(np.unique(self.codes["group"]))

    def products(self, product_type: str | None = None) -> int:
        """The number of products, of all types or of one."""
        own = self.codes["product_id"]
        if product_type is not None:
            number = pc.index(self.names["product_type"], product_type).as_py()
            own = own[self.codes["product_type"] == number]
        return len(np.unique(own))

    def labels(self, chosen: np.ndarray | None = None) -> CellPredictions:
        """The rows with gold, or those of them that are ``chosen`` (bool [N]); groups are numbered as in ``cells``."""
        rows = np.flatnonzero(self.gold if chosen is None else (self.gold > 0) & chosen)
        return CellPredictions(self.confidence[rows], self.correct[rows], _by_appearance(self.codes["group"])[rows])

    def cells(self) -> dict[Cell, CellPredictions]:
        """The rows with gold by product type and attribute, both sorted; groups are numbered in the order of rows."""
        group = _by_appearance(self.codes["group"])
        attributes = len(self.names["attribute"])
        cell = self.codes["product_type"].astype(np.int64) * attributes + self.codes["attribute"]
        rows = np.flatnonzero(self.gold)
        rows = rows[np.argsort(cell[rows], kind="stable")]
        starts = np.flatnonzero(np.diff(cell[rows], prepend=-1))
        return {
            (self.text("product_type", own[0]), self.text("attribute", own[0])): CellPredictions(
                self.confidence[own], self.correct[own], group[own]
            )
            for own in (np.split(rows, starts[1:]) if len(rows) else ())
        }


def read_test_rows(
    predictions: Predictions, condition: str | None = None, of_group: Callable[[str], bool] | None = None
) -> TestRows:
    """The test rows of a run in a condition, the main one by default.

    Args:
        of_group: whether to read the rows of a group; all by default.

    Raises:
        EvaluationError: as ``survey``.
    """
    parts = in_parts(predictions)
    condition = condition or main_condition(survey(parts).conditions)
    found: dict[str, list] = {name: [] for name in ("gold", "confidence", "correct", "implicit")}
    coded: dict[str, list[pa.Array]] = {name: [] for name in _NAMES}
    for part in all_parts(parts, _READ):
        part = part.take(pa.array(rows_shown(part, "test", condition)))
        if of_group is not None:
            part = part.filter(pa.array(_of_groups(part, of_group)))
        texts = {name: group_names(part) if name == "group" else part[name] for name in _NAMES}
        for name, own in texts.items():
            coded[name].append(own.combine_chunks().dictionary_encode())
        found["gold"].append(np.where(have_gold(part), _hashes(part["gold"]), 0).astype(np.uint64))
        found["confidence"].append(part["confidence"].to_numpy())
        found["correct"].append(are_right(part["prediction"], part["gold"], part["tolerance"]))
        found["implicit"].append(pc.fill_null(pc.invert(part["explicit"]), False).to_numpy())
    names, codes = {}, {}
    for name in _NAMES:
        names[name], codes[name] = _sorted_codes(coded.pop(name))
    key = codes["product_id"].astype(np.int64) * max(1, len(names["attribute"])) + codes["attribute"]
    order = np.argsort(key, kind="stable").astype(np.uint32)
    del key
    for name in _NAMES:
        codes[name] = codes[name][order]
    own = {name: np.concatenate(found.pop(name))[order] for name in list(found)}
    return TestRows(condition, names, codes, **own)


def _of_groups(part: pa.Table, of_group: Callable[[str], bool]) -> np.ndarray:
    """Whether each row is of such a group, bool [N]; ``of_group`` is called once for each group."""
    coded = group_names(part).combine_chunks().dictionary_encode()
    wanted = np.array([of_group(group) for group in coded.dictionary.to_pylist()], bool)
    return wanted[coded.indices.to_numpy()]


@dataclass(frozen=True)
class SharedRows:
    """The same test rows, as two runs answered them."""

    first: TestRows
    second: TestRows

    @classmethod
    def of(cls, first: TestRows, second: TestRows) -> "SharedRows":
        """Those of two runs.

        Raises:
            EvaluationError: their test rows are not the same; the message says why.
        """
        for name, rows in (("first", first), ("second", second)):
            if not len(rows):
                raise EvaluationError(f"the {name} run has no test predictions of condition {first.condition!r}")
        second = _in_names_of(first, second)
        _check_rows(first, second)
        for column, what in (("gold", "gold values"), ("group", "groups"), ("product_type", "product types")):
            mine, theirs = ((rows.gold if column == "gold" else rows.codes[column]) for rows in (first, second))
            differ = np.flatnonzero(mine != theirs)
            if len(differ):
                raise EvaluationError(
                    f"the runs' {what} differ in {len(differ)} test rows, e.g. of product "
                    f"{first.text('product_id', differ[0])}: they are of different datasets or contracts"
                )
        return cls(first, replace(second, names=first.names, codes=first.codes, implicit=first.implicit))

    def cells(self) -> tuple[dict[Cell, CellPredictions], dict[Cell, CellPredictions]]:
        """Both runs' cells."""
        return self.first.cells(), self.second.cells()


def _in_names_of(first: TestRows, second: TestRows) -> TestRows:
    """The second run's rows with the numbers that the first has for the same texts; further ones for others."""
    names, codes = {}, {}
    for name in _NAMES:
        known = pc.index_in(second.names[name], first.names[name])
        new = pa.array(len(first.names[name]) + np.arange(len(known)), pa.int32())
        names[name] = pa.concat_arrays([first.names[name], second.names[name]])
        codes[name] = pc.coalesce(known, new).to_numpy()[second.codes[name]]
    return replace(second, names=names, codes=codes)


def _check_rows(first: TestRows, second: TestRows) -> None:
    """Raises EvaluationError if the rows are not of the same products and attributes."""
    width = len(first.names["attribute"]) + len(second.names["attribute"])
    keys = [rows.codes["product_id"].astype(np.int64) * width + rows.codes["attribute"] for rows in (first, second)]
    if len(keys[0]) == len(keys[1]) and (keys[0] == keys[1]).all():
        return
    if not np.isin(keys[0], keys[1]).any():
        raise EvaluationError("the runs have no test rows in common: they have different datasets or splits")
    for name, rows, mine, theirs in (("first", first, *keys), ("second", second, *keys[::-1])):
        if len(alone := np.flatnonzero(~np.isin(mine, theirs))):
            product, attribute = (rows.text(column, alone[0]) for column in ("product_id", "attribute"))
            raise EvaluationError(
                f"the runs have different test rows: {len(alone)} of the {name} run's "
                f"{len(rows)} are not in the other's, e.g. product {product}, attribute {attribute}"
            )


def _sorted_codes(coded: list[pa.DictionaryArray]) -> tuple[pa.Array, np.ndarray]:
    """The distinct texts of dictionary-encoded pieces, sorted, and the number of each row's text among them."""
    empty = pa.array([], pa.string()).dictionary_encode()
    whole = pa.chunked_array(coded or [empty]).unify_dictionaries().combine_chunks()
    texts = whole.dictionary
    order = pc.sort_indices(texts).to_numpy()
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return texts.take(pa.array(order)), rank[whole.indices.to_numpy()]


def _by_appearance(code: np.ndarray) -> np.ndarray:
    """Codes as numbers in the order in which they first come, int32 [N]."""
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    number = np.empty(len(first), np.int32)
    number[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    return number[inverse]


def _hashes(gold: pa.ChunkedArray) -> np.ndarray:
    """A hash of each row's gold values, whatever their order, uint64 [N]."""
    known: dict[tuple[str, ...], int] = {}
    found = []
    for values in gold.to_pylist():
        key = tuple(sorted(values or ()))
        if key not in known:
            known[key] = int.from_bytes(hashlib.blake2b("\x1f".join(key).encode(), digest_size=8).digest(), "big") | 1
        found.append(known[key])
    return np.array(found, np.uint64)
