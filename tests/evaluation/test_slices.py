import numpy as np
import pytest

from moemoe.evaluation.cells import Cells
from moemoe.evaluation.evaluate import evaluate
from moemoe.evaluation.out_of_context import global_threshold, out_of_context, out_of_context_metrics
from moemoe.evaluation.slices import slice_metrics, slices
from moemoe.schemas import IMAGE_BLANKED, NOT_APPLICABLE, SLICES, TITLE_ONLY, UNANSWERABLE, WITHHELD
from tests.support.prediction_rows import rows, table


def figures(table):
    return {(r["slice"], r["metric"]): r for r in table.to_pylist()}


def test_every_figure_of_a_slice_by_hand():
    """60 explicit answers, all right; 40 implicit ones, 10 right and less sure. The threshold accepts the first 66."""
    test = [dict(row, explicit=i < 60, marketplace="IN" if i < 60 else None) for i, row in enumerate(rows(100, 70))]
    shown = rows(100, 50, condition=IMAGE_BLANKED), rows(100, 65, condition=TITLE_ONLY)
    predictions = table(test, rows(100, 60, split="validation"), *shown)
    evaluation = evaluate(Cells(predictions), ["shirt"])
    assert evaluation.table["threshold"].to_pylist() == [pytest.approx(1 - 59 / 1000)]
    found = slices(Cells(predictions), evaluation, ["shirt"])
    assert found.schema.equals(SLICES)
    named = figures(found)
    assert named["explicit", "accuracy"]["value"] == 1.0
    assert named["implicit", "accuracy"]["value"] == pytest.approx(10 / 40)
    assert named["implicit", "accuracy"]["n"] == 40
    assert named["explicit", "recall_at_threshold"]["value"] == 1.0
    assert named["implicit", "recall_at_threshold"]["value"] == 0.0
    assert ("implicit", "precision_at_threshold") not in named  # nothing of it is accepted
    assert named["implicit", "recall_at_90p"]["value"] == pytest.approx(10 / 40)
    assert named["as is", "accuracy"]["value"] == pytest.approx(0.7)
    assert named["image blanked", "accuracy"]["value"] == 0.5
    assert named["title only", "accuracy"]["value"] == 0.65
    assert named["title only", "recall_at_threshold"]["value"] == 0.6
    assert {"IN", "unknown"} <= {name for name, _ in named}
    assert all(row["low"] <= row["value"] <= row["high"] for row in named.values())
    metrics = slice_metrics(found)
    assert metrics["slices/implicit/accuracy"] == pytest.approx(0.25)
    assert metrics["slices/implicit/accuracy/n"] == 40
    assert metrics["slices/implicit/accuracy/low"] < 0.25 < metrics["slices/implicit/accuracy/high"]


def test_slices_are_of_the_headline_cells_and_small_ones_have_no_recall_at_90p():
    test = [dict(row, unseen=i < 5) for i, row in enumerate(rows(50, 40))]
    predictions = table(test, rows(10, 0, attribute="theme"), rows(50, 0, "saree"))
    named = figures(slices(Cells(predictions), evaluate(Cells(predictions), ["shirt"]), ["shirt"]))
    assert named["as is", "accuracy"]["n"] == 50
    assert named["never seen in training", "accuracy"]["n"] == 5
    assert ("never seen in training", "recall_at_90p") not in named


def test_a_withheld_run_is_evaluated_as_such():
    predictions = table(rows(50, 40, condition=WITHHELD), rows(50, 50, condition=WITHHELD, split="validation"))
    evaluation = evaluate(Cells(predictions), ["shirt"])
    assert evaluation.condition == WITHHELD
    assert evaluation.metrics["accuracy/mean"] == 0.8
    assert figures(slices(Cells(predictions), evaluation, ["shirt"]))["withheld", "accuracy"]["n"] == 50


def test_questions_without_an_answer():
    """Validation gives a threshold of 0.951 in the cell and overall; of ten questions out of context five reach it."""
    asked = [
        dict(row, product_id=f"n{i}", gold=[], attribute="underwire type", condition=NOT_APPLICABLE)
        | {"confidence": 0.99 if i < 5 else 0.5, "canonical": i % 2 == 0, "prediction": "" if i == 4 else "Yes"}
        for i, row in enumerate(rows(10, 0))
    ]
    blank = [dict(row, condition=UNANSWERABLE, confidence=0.3) for row in rows(20, 0)]
    predictions = table(rows(50, 50), rows(50, 50, split="validation"), asked, blank)
    found = figures(out_of_context(Cells(predictions), evaluate(Cells(predictions), ["shirt"])))
    assert global_threshold(Cells(predictions)) == pytest.approx(0.951)
    assert found[NOT_APPLICABLE, "answered_with_confidence"]["value"] == pytest.approx(0.4)  # one of the five is empty
    assert found[NOT_APPLICABLE, "not_canonical"]["value"] == pytest.approx(0.5)
    assert found[NOT_APPLICABLE, "empty_answer"]["value"] == pytest.approx(0.1)
    assert found[UNANSWERABLE, "answered_with_confidence"]["value"] == 0
    metrics = out_of_context_metrics(out_of_context(Cells(predictions), evaluate(Cells(predictions), ["shirt"])))
    assert metrics["out_of_context/not_applicable/answered_with_confidence"] == pytest.approx(0.4)
    assert metrics["out_of_context/not_applicable/n"] == 10


def test_where_validation_gives_no_threshold_nothing_is_confident():
    asked = [dict(row, gold=[], condition=NOT_APPLICABLE, attribute="theme") for row in rows(5, 0)]
    predictions = table(rows(40, 40), asked)
    assert np.isnan(global_threshold(Cells(predictions)))
    found = figures(out_of_context(Cells(predictions), evaluate(Cells(predictions), ["shirt"])))
    assert found[NOT_APPLICABLE, "answered_with_confidence"]["value"] == 0
