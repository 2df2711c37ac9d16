import math
from collections import Counter

import pytest

from moemoe.evaluation.cells import Cells, EvaluationError
from moemoe.evaluation.evaluate import evaluate, majority_values
from moemoe.schemas import IMAGE_BLANKED, TITLE_ONLY
from tests.support.prediction_rows import rows, table


def test_headline_means_are_over_cells_with_enough_support():
    predictions = table(
        rows(40, 40), rows(40, 0, attribute="material"), rows(10, 0, attribute="theme"), rows(40, 40, "saree"),
        rows(60, 60, "kurta"),
    )  # fmt: skip
    metrics = evaluate(Cells(predictions), ["shirt", "kurta"]).metrics
    assert metrics["recall_at_90p/mean"] == pytest.approx(2 / 3)
    assert metrics["recall_at_90p/cells"] == 3
    assert metrics["recall_at_90p/shirt/top5"] == pytest.approx(0.5)
    assert metrics["recall_at_90p/shirt/top5_cells"] == 2
    assert metrics["recall_at_90p/kurta/top15"] == 1.0
    assert metrics["accuracy/mean"] == pytest.approx(2 / 3)


def test_top_k_ranks_by_support():
    parts = [rows(30 + i, (30 + i) * (i < 3), attribute=f"a{i}") for i in range(8)]  # the smallest three are right
    metrics = evaluate(Cells(table(*parts)), ["shirt"]).metrics
    assert metrics["recall_at_90p/shirt/top5"] == 0.0
    assert metrics["recall_at_90p/shirt/top10"] == pytest.approx(3 / 8)


def test_a_threshold_is_chosen_on_validation_and_realised_on_test():
    predictions = table(rows(100, 90, split="validation"), rows(100, 60))
    row = evaluate(Cells(predictions), ["shirt"]).table.to_pylist()[0]
    assert row["support"] == 100
    assert row["threshold"] == pytest.approx(1 - 89 / 1000)  # the 90 right ones; nothing below is needed
    assert row["validation_accepted"] == 90
    assert row["precision_at_threshold"] == pytest.approx(60 / 90)
    assert row["recall_at_threshold"] == pytest.approx(0.6)
    assert row["recall_at_90p"] == pytest.approx(0.6)


def test_a_product_type_that_validation_does_not_have_abstains_and_says_so():
    predictions = table(rows(50, 50), rows(60, 60, split="validation"), rows(50, 50, "kurta"))
    evaluation = evaluate(Cells(predictions), ["shirt", "kurta"])
    [kurta, shirt] = evaluation.table.to_pylist()
    assert math.isnan(kurta["threshold"])
    assert math.isnan(kurta["threshold_guarded"])
    assert (kurta["recall_at_threshold"], kurta["recall_at_90p"]) == (0, 1.0)
    assert kurta["validation_support"] == kurta["validation_accepted"] == kurta["validation_accepted_guarded"] == 0
    assert kurta["guarded_status"] == "abstains: too little data, 0 validation groups of at least 46"
    assert shirt["guarded_status"] == "promise"
    assert evaluation.metrics["plain/cells_abstaining"] == 1
    assert evaluation.metrics["guarded/cells_with_too_little_data"] == 1


def test_promises_that_hold_on_test_are_counted():
    """On validation 46 answers are right; on test one cell keeps 90 % at that threshold, the other does not."""
    parts = [rows(60, 46, attribute=a, split="validation") for a in ("color", "material")]
    metrics = evaluate(Cells(table(*parts, rows(60, 46), rows(60, 30, attribute="material"))), ["shirt"]).metrics
    for kind in ("plain", "guarded"):
        assert metrics[f"{kind}/cells_accepting"] == 2
        assert metrics[f"{kind}/cells_kept"] == 1
        assert metrics[f"{kind}/promise_kept"] == 0.5


def test_copies_of_a_product_count_once_for_a_promise():
    alike = [dict(row, group=str(i // 2)) for i, row in enumerate(rows(80, 80, split="validation"))]
    row = evaluate(Cells(table(rows(50, 50), alike)), ["shirt"]).table.to_pylist()[0]
    assert row["validation_support"] == row["validation_accepted"] == 80
    assert row["validation_accepted_guarded"] == 0
    assert row["guarded_status"] == "abstains: too little data, 40 validation groups of at least 46"
    assert not math.isnan(row["threshold"])


def test_answers_that_are_never_surely_right_get_no_promise():
    row = evaluate(Cells(table(rows(50, 50), rows(100, 30, split="validation"))), ["shirt"]).table.to_pylist()[0]
    assert row["guarded_status"] == "abstains: the most confident validation answers are not surely 90 % right"


def test_an_attribute_with_a_single_product():
    for right in (0, 1):
        predictions = table(rows(1, right), rows(1, right, split="validation"), rows(40, 40, attribute="material"))
        evaluation = evaluate(Cells(predictions), ["shirt"])
        color = evaluation.table.to_pylist()[0]
        assert (color["support"], color["accuracy"], color["recall_at_90p"]) == (1, right, right)
        assert color["guarded_status"].startswith("abstains: too little data, 1 validation")
        assert evaluation.metrics["recall_at_90p/cells"] == 1
        assert evaluate(Cells(predictions), ["shirt"], min_support=1).metrics["recall_at_90p/cells"] == 2


@pytest.mark.parametrize(("right", "recall"), [(45, 0.9), (44, 0.0)])
def test_equal_confidences_are_accepted_all_or_none(right, recall):
    same = [dict(row, confidence=0.7) for row in rows(50, right)]
    validation = [dict(row, confidence=0.7) for row in rows(50, right, split="validation")]
    row = evaluate(Cells(table(same, validation)), ["shirt"]).table.to_pylist()[0]
    assert row["recall_at_90p"] == row["recall_at_threshold"] == recall
    assert math.isnan(row["threshold"]) == (recall == 0)


def test_other_conditions_and_the_majority_baseline_have_metrics():
    predictions = table(
        rows(40, 40), rows(40, 10, condition=IMAGE_BLANKED), rows(40, 30, condition=TITLE_ONLY)
    )  # fmt: skip
    metrics = evaluate(Cells(predictions, {("shirt", "color"): "Crimson"}), ["shirt"], with_majority=True).metrics
    assert metrics["image_blanked/accuracy/mean"] == 0.25
    assert (metrics["title_only/accuracy/mean"], metrics["title_only/recall_at_90p/mean"]) == (0.75, 0.75)
    assert metrics["baseline/majority_accuracy"] == 1.0
    assert metrics["baseline/majority_recall_at_90p"] == 1.0
    assert evaluate(Cells(predictions), ["shirt"], with_majority=True).metrics["baseline/majority_accuracy"] == 0.0


def test_rows_without_gold_do_not_count():
    without = [{**row, "product_id": f"x{i}", "gold": []} for i, row in enumerate(rows(30, 0))]
    assert evaluate(Cells(table(rows(40, 40), without)), ["shirt"]).table["support"].to_pylist() == [40]


def test_no_cell_is_nan_not_zero():
    assert math.isnan(evaluate(Cells(table(rows(5, 5))), ["shirt"]).metrics["recall_at_90p/mean"])


def test_the_majority_value_is_a_cells_most_frequent_one_and_of_equals_the_first():
    counts = {("shirt", "color"): Counter(Red=2, Blue=3), ("kurta", "color"): Counter(Red=2, Blue=2)}
    assert majority_values(counts) == {("shirt", "color"): "Blue", ("kurta", "color"): "Blue"}


def test_bad_tables_are_refused_in_a_sentence():
    good = table(rows(3, 3))
    with pytest.raises(EvaluationError, match="lack the columns confidence"):
        evaluate(Cells(good.drop_columns(["confidence"])), ["shirt"])
    with pytest.raises(EvaluationError, match="1 predictions have no confidence"):
        evaluate(Cells(table(rows(3, 3), [{**rows(1, 1)[0], "product_id": "n", "confidence": math.nan}])), ["shirt"])
    with pytest.raises(EvaluationError, match=r"1 predictions have a confidence outside \[0, 1\]"):
        evaluate(Cells(table(rows(3, 3), [{**rows(1, 1)[0], "product_id": "n", "confidence": 1.5}])), ["shirt"])
    with pytest.raises(EvaluationError, match="1 predictions have no confidence"):
        evaluate(Cells(table(rows(3, 3), [{**rows(1, 1)[0], "product_id": "n", "confidence": None}])), ["shirt"])
    with pytest.raises(EvaluationError, match="duplicate predictions, first product shirttest0, attribute color"):
        evaluate(Cells(table(rows(3, 3), rows(1, 1))), ["shirt"])
