"""The tables that engineers read."""

from moemoe.reporting.document import Document, Text
from moemoe.reporting.metric_tables import applicability_table, cell_table, headline, thresholds
from tests.support.document_text import document_text
from tests.support.prediction_rows import rows, table
from tests.support.small_report import measured

COUNTS = {"applicability/n_not_applicable": 20.0, "applicability/n_applicable": 40.0}


def text(metrics: dict[str, float]) -> str:
    return document_text(Document("title", applicability_table(metrics)))


def test_applicability_has_its_intervals_and_counts():
    metrics = {f"applicability/{name}": 0.5 for name in ("precision", "recall", "f1")}
    metrics |= {"applicability/f1/low": 0.41, "applicability/f1/high": 0.62}
    shown = text({**metrics, **COUNTS})
    assert "| 50.0 | 50.0 | 50.0 [41.0, 62.0] | 20 | 40 |" in shown
    assert "The model gave no empty answer" not in shown


def test_a_model_that_never_says_does_not_apply_has_dashes_and_the_reason():
    shown = text({"applicability/recall": 0.0, "applicability/f1": 0.0, **COUNTS})
    assert "| - | - | - | 20 | 40 |" in shown
    assert "The model gave no empty answer" in shown
    assert "training.negatives" in shown
    assert "nan" not in shown


def test_a_dataset_whose_types_have_every_attribute_has_no_such_table():
    assert applicability_table({}) == []


def test_thresholds_on_few_products_are_counted_where_there_are_any():
    sure = [rows(60, 60, split="validation"), rows(60, 60)]
    assert not [block for block in cell_table(measured(table(*sure)).evaluation) if isinstance(block, Text)]
    few = [rows(9, 9, "kurta", split="validation"), rows(9, 9, "kurta")]
    said, _ = cell_table(measured(table(*sure, *few)).evaluation)
    assert said.text == "The thresholds of 1 cell accept fewer than 30 validation products: unreliable."


def test_without_means_there_is_no_table_of_zeros_and_dashes():
    found = measured(table(rows(9, 9, split="validation"), rows(9, 9))).evaluation
    [said] = headline(found)
    assert said.text.startswith("**No means**: ")
    [below] = thresholds(found)
    assert "Confidences are scaled" in below.text
    assert len(headline(measured(table(rows(60, 60, split="validation"), rows(60, 60))).evaluation)) == 3
