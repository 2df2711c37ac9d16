"""The tables that engineers read."""

from moemoe.reporting.document import Document
from moemoe.reporting.metric_tables import applicability_table
from moemoe.reporting.text import document_text

COUNTS = {"applicability/n_not_applicable": 20.0, "applicability/n_applicable": 40.0}


def text(metrics: dict[str, float]) -> str:
    return document_text(Document("title", applicability_table(metrics)))


def test_applicability_has_its_intervals_and_counts():
    metrics = {f"applicability/{name}": 0.5 for name in ("precision", "recall", "f1")}
    metrics |= {"applicability/f1/low": 0.41, "applicability/f1/high": 0.62}
    shown = text({**metrics, **COUNTS})
    assert "| 50.0 | 50.0 | 50.0 [41.0, 62.0] | 20 | 40 |" in shown
    assert "No answer is empty" not in shown


def test_a_model_that_never_says_does_not_apply_has_dashes_and_the_reason():
    shown = text({"applicability/recall": 0.0, "applicability/f1": 0.0, **COUNTS})
    assert "| - | - | - | 20 | 40 |" in shown
    assert "No answer is empty" in shown
    assert "training.negatives" in shown
    assert "nan" not in shown


def test_a_dataset_whose_types_have_every_attribute_has_no_such_table():
    assert applicability_table({}) == []
