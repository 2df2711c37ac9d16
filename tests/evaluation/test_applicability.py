import pytest

from moemoe.evaluation.applicability import applicability, applicability_metrics
from moemoe.evaluation.cells import Cells
from moemoe.evaluation.uncertainty import wilson
from moemoe.schemas import IMAGE_BLANKED, NOT_APPLICABLE, SLICES, WITHHELD
from tests.support.prediction_rows import rows, table


def answered(own: list[dict], empty: int) -> list[dict]:
    """The first ``empty`` of the rows have the empty answer."""
    return [dict(row, prediction="" if i < empty else row["prediction"]) for i, row in enumerate(own)]


def asked_in_vain(count: int, empty: int) -> list[dict]:
    own = rows(count, 0, attribute="underwire type", condition=NOT_APPLICABLE)
    return [dict(row, gold=[]) for row in answered(own, empty)]


def figures(found):
    return {row["metric"]: row for row in found.to_pylist()}


def test_every_figure_by_hand():
    """Of 20 questions that do not apply 12 are answered with nothing, and so are 6 of the same products' 40 that do."""
    color = answered(rows(20, 20), 4)
    material = answered(rows(20, 20, attribute="material"), 2)
    found = applicability(Cells(table(color, material, asked_in_vain(20, 12))))
    assert found.schema.equals(SLICES)
    named = figures(found)
    assert named["precision"]["value"] == pytest.approx(12 / 18)
    assert named["recall"]["value"] == pytest.approx(12 / 20)
    assert named["f1"]["value"] == pytest.approx(2 * 12 / (18 + 20))
    assert {name: (row["n"], row["cells"]) for name, row in named.items()} == {
        "precision": (18, 3), "recall": (20, 1), "f1": (60, 3),
    }  # fmt: skip
    assert all(row["low"] < row["value"] < row["high"] for row in named.values())
    metrics = applicability_metrics(found)
    assert metrics["applicability/precision"] == pytest.approx(12 / 18)
    assert metrics["applicability/f1/low"] < metrics["applicability/f1"] < metrics["applicability/f1/high"]
    assert (metrics["applicability/n_not_applicable"], metrics["applicability/n_applicable"]) == (20, 40)


def test_only_what_the_same_products_are_asked_in_the_main_condition_of_test_counts():
    """Empty answers of other products, without gold, of other conditions and of validation are none of them wrong."""
    others = (
        answered(rows(40, 40, "saree", condition=WITHHELD), 40),
        [dict(row, gold=[]) for row in answered(rows(20, 0, attribute="theme", condition=WITHHELD), 20)],
        answered(rows(20, 20, condition=IMAGE_BLANKED), 20),
        answered(rows(20, 20, condition=WITHHELD, split="validation"), 20),
    )
    withheld = answered(rows(20, 20, condition=WITHHELD), 1)
    found = applicability(Cells(table(*others, withheld, asked_in_vain(20, 20))))
    metrics = applicability_metrics(found)
    assert metrics["applicability/n_applicable"] == 20
    assert metrics["applicability/precision"] == pytest.approx(20 / 21)
    assert metrics["applicability/recall"] == 1.0


def test_a_model_that_never_gives_the_empty_answer_has_no_precision():
    metrics = applicability_metrics(applicability(Cells(table(rows(20, 20), asked_in_vain(20, 0)))))
    assert metrics["applicability/recall"] == metrics["applicability/f1"] == 0.0
    assert "applicability/precision" not in metrics
    assert not any(value != value for value in metrics.values())


def test_where_every_attribute_applies_nothing_is_measured():
    found = applicability(Cells(table(answered(rows(20, 20), 3))))
    assert found.equals(SLICES.empty_table())
    assert applicability_metrics(found) == {}


def test_the_interval_draws_groups_of_products():
    """All of these products are of one group: whenever it is drawn the figures are the same, and say nothing."""
    own = [dict(row, group="one") for row in (*answered(rows(20, 20), 5), *asked_in_vain(20, 10))]
    named = figures(applicability(Cells(table(rows(50, 50, "saree"), own))))
    assert len(named) == 3
    for row in named.values():
        assert (row["low"], row["high"]) == wilson(round(row["value"] * row["n"]), row["n"])
