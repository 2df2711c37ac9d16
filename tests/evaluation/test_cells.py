"""Predictions in parts give the metrics of the whole table, and errors are found across all parts."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from moemoe.evaluation.cells import Cells, EvaluationError
from moemoe.evaluation.evaluate import evaluate
from moemoe.evaluation.numbering import Numbering
from moemoe.evaluation.paired import paired_difference
from moemoe.evaluation.slices import slices
from moemoe.schemas import FORMER_CONDITIONS, IMAGE_BLANKED
from tests.support.prediction_rows import rows, table


class Cut:
    """A table in parts of so many rows."""

    def __init__(self, whole: pa.Table, size: int):
        self._whole, self._size = whole, size

    def __len__(self) -> int:
        return -(-len(self._whole) // self._size)

    def part(self, index: int, columns: Sequence[str] | None = None) -> pa.Table:
        part = self._whole.slice(index * self._size, self._size)
        return part.select(columns) if columns else part


def mixed(right: int) -> pa.Table:
    blanked = [{**row, "condition": IMAGE_BLANKED} for row in rows(60, 20)]
    own = table(rows(60, 50, split="validation"), rows(60, right), rows(40, 30, attribute="material"), blanked)
    order = np.random.default_rng(0).permutation(len(own))
    return own.take(pa.array(order))  # no part is of one split, condition or attribute alone


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_parts_give_the_figures_of_the_whole(size):
    whole, other = mixed(50), mixed(30)
    found = [Cells(shown) for shown in (whole, Cut(whole, size))]
    evaluated = [evaluate(cells, ["shirt"], replicates=20) for cells in found]
    assert repr(evaluated[0]) == repr(evaluated[1])
    cut = [slices(c, e, ["shirt"], replicates=20) for c, e in zip(found, evaluated, strict=True)]
    assert cut[0] == cut[1]
    pairs = [(whole, other), (Cut(whole, size), Cut(other, size + 2))]
    one, two = (paired_difference(a, b, ["shirt"], replicates=20) for a, b in pairs)
    assert one == two
    numbers = np.array([150, 3, 3, 77])
    assert found[1].rows(numbers) == whole.take(pa.array(numbers))


def test_predictions_of_an_earlier_version_have_their_conditions_under_the_names_of_today():
    former = {now: name for name, now in FORMER_CONDITIONS.items()}
    old = mixed(50)
    shown = pa.array([former.get(name, name) for name in old["condition"].to_pylist()])
    renamed = old.set_column(old.schema.get_field_index("condition"), "condition", shown)
    evaluated = [evaluate(Cells(one), ["shirt"], replicates=20) for one in (old, renamed)]
    assert "image_blanked/accuracy/mean" in evaluated[1].metrics
    assert repr(evaluated[0]) == repr(evaluated[1])


def test_what_is_released_is_cut_again():
    cells = Cells(mixed(50))
    before = {cell: scores.confidence.tolist() for cell, scores in cells.of("test").items()}
    cells.release()
    assert {cell: scores.confidence.tolist() for cell, scores in cells.of("test").items()} == before


def test_a_question_that_two_parts_answer_is_found():
    whole = mixed(50)
    twice = pa.concat_tables([whole, whole.slice(90, 2)])
    first = whole.slice(90, 1).to_pylist()[0]
    with pytest.raises(EvaluationError, match=f"2 duplicate predictions, first product {first['product_id']}"):
        Cells(Cut(twice, 13))


def test_names_are_numbered_in_the_order_in_which_they_come(monkeypatch):
    monkeypatch.setattr("moemoe.evaluation.numbering._MERGED_AT", 3)
    numbering, words = Numbering(), [f"name {i * 7 % 31}" for i in range(200)]
    found = np.concatenate([numbering(pa.chunked_array([words[i : i + 9]])) for i in range(0, 200, 9)])
    known = list(dict.fromkeys(words))
    assert found.tolist() == [known.index(word) for word in words]
    assert len(numbering) == 31
