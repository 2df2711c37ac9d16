import math

import pyarrow as pa
import pytest

from moemoe.evaluation.evaluate import EvaluationError, evaluate, majority_values
from moemoe.evaluation.plots import report_figures
from moemoe.schemas import AS_IS, LABELS, PICTURE_BLANKED, PREDICTIONS


def rows(count, right, product_type="shirt", attribute="color", split="test", condition=AS_IS, gold="Red"):
    """``right`` correct answers of falling confidence, then wrong ones."""
    return [
        {
            "product_id": f"{product_type}{split}{i}", "product_type": product_type, "marketplace": "IN",
            "group": str(i), "attribute": attribute, "split": split, "condition": condition, "gold": [gold, "Crimson"],
            "prediction": gold if i < right else "Blue", "confidence": 1 - i / 1000, "image_weight": 0.5,
            "text_weight": 0.5, "has_image": True, "explicit": False, "rare": False, "canonical": True, "unseen": False,
        }
        for i in range(count)
    ]  # fmt: skip


def table(*parts) -> pa.Table:
    return pa.Table.from_pylist([row for part in parts for row in part], PREDICTIONS)


def test_headline_means_are_over_cells_with_enough_support():
    predictions = table(
        rows(40, 40), rows(40, 0, attribute="material"), rows(10, 0, attribute="theme"), rows(40, 40, "saree"),
        rows(60, 60, "kurta"),
    )  # fmt: skip
    metrics = evaluate(predictions, ["shirt", "kurta"]).metrics
    assert metrics["recall_at_90p/mean"] == pytest.approx(2 / 3)
    assert metrics["recall_at_90p/cells"] == 3
    assert metrics["recall_at_90p/shirt/top5"] == pytest.approx(0.5)
    assert metrics["recall_at_90p/shirt/top5_cells"] == 2
    assert metrics["recall_at_90p/kurta/top15"] == 1.0
    assert metrics["accuracy/mean"] == pytest.approx(2 / 3)


def test_top_k_ranks_by_support():
    parts = [rows(30 + i, (30 + i) * (i < 3), attribute=f"a{i}") for i in range(8)]  # the smallest three are right
    metrics = evaluate(table(*parts), ["shirt"]).metrics
    assert metrics["recall_at_90p/shirt/top5"] == 0.0
    assert metrics["recall_at_90p/shirt/top10"] == pytest.approx(3 / 8)


def test_a_threshold_is_chosen_on_validation_and_realised_on_test():
    predictions = table(rows(100, 90, split="validation"), rows(100, 60))
    row = evaluate(predictions, ["shirt"]).table.to_pylist()[0]
    assert row["support"] == 100
    assert row["threshold"] == pytest.approx(1 - 89 / 1000)  # the 90 right ones; nothing below is needed
    assert row["precision_at_threshold"] == pytest.approx(60 / 90)
    assert row["recall_at_threshold"] == pytest.approx(0.6)
    assert row["recall_at_90p"] == pytest.approx(0.6)


def test_a_cell_without_validation_abstains():
    row = evaluate(table(rows(50, 50)), ["shirt"]).table.to_pylist()[0]
    assert math.isnan(row["threshold"])
    assert row["recall_at_threshold"] == 0
    assert row["recall_at_90p"] == 1.0


def test_other_conditions_and_the_majority_baseline_have_metrics():
    predictions = table(rows(40, 40), rows(40, 10, condition=PICTURE_BLANKED))
    metrics = evaluate(predictions, ["shirt"], {("shirt", "color"): "Crimson"}).metrics
    assert metrics["picture_blanked/accuracy/mean"] == 0.25
    assert metrics["baseline/majority_accuracy"] == 1.0
    assert metrics["baseline/majority_recall_at_90p"] == 1.0
    assert evaluate(predictions, ["shirt"], {}).metrics["baseline/majority_accuracy"] == 0.0


def test_rows_without_gold_do_not_count():
    without = [{**row, "product_id": f"x{i}", "gold": []} for i, row in enumerate(rows(30, 0))]
    assert evaluate(table(rows(40, 40), without), ["shirt"]).table["support"].to_pylist() == [40]


def test_no_cell_is_nan_not_zero():
    assert math.isnan(evaluate(table(rows(5, 5)), ["shirt"]).metrics["recall_at_90p/mean"])


def test_the_majority_value_comes_from_the_training_split():
    common = {"product_type": "shirt", "group": "g", "attribute": "color"}
    labels = [("train", "Red"), ("train", "Red"), ("train", "Blue"), ("test", "Blue"), ("test", "Blue")]
    made = [{**common, "product_id": str(i), "split": s, "values": [v]} for i, (s, v) in enumerate(labels)]
    assert majority_values(pa.Table.from_pylist(made, LABELS)) == {("shirt", "color"): "Red"}


def test_bad_tables_are_refused_in_a_sentence():
    good = table(rows(3, 3))
    with pytest.raises(EvaluationError, match="lack the columns confidence"):
        evaluate(good.drop_columns(["confidence"]), ["shirt"])
    with pytest.raises(EvaluationError, match="1 predictions have no confidence"):
        evaluate(table(rows(3, 3), [{**rows(1, 1)[0], "product_id": "n", "confidence": math.nan}]), ["shirt"])
    with pytest.raises(EvaluationError, match="stand more than once, first product shirttest0, attribute color"):
        evaluate(table(rows(3, 3), rows(1, 1)), ["shirt"])


def test_figures_are_drawn_for_one_product_and_for_many():
    for count in (1, 40):
        predictions = table(rows(count, count), rows(count, 0, condition=PICTURE_BLANKED), rows(count, 1, "kurta"))
        figures = report_figures(predictions, evaluate(predictions, ["shirt", "kurta"]), ["shirt", "kurta"])
        assert set(figures) == {"precision-recall", "heat-map", "sources", "calibration"}
        assert all(figure.axes for figure in figures.values())
