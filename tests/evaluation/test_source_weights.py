import pytest

from moemoe.evaluation.parts import in_parts
from moemoe.evaluation.source_weights import mean_source_weights
from moemoe.schemas import AS_IS, IMAGE_BLANKED
from tests.support.prediction_rows import rows, table

SOURCES = ("image", "image.2", "text.title")


def weighed(given, *weights):
    return [{**row, "source_weights": list(zip(SOURCES, weights, strict=True))} for row in given]


def test_the_mean_of_the_test_answers_as_they_are():
    predictions = table(
        weighed(rows(2, 2), 0.5, 0.3, 0.2),
        weighed(rows(2, 2), 0.1, 0.1, 0.8),
        weighed(rows(5, 5, attribute="material"), 0.0, 0.0, 1.0),
        weighed(rows(9, 9, split="validation"), 1.0, 0.0, 0.0),
        weighed(rows(9, 9, condition=IMAGE_BLANKED), 0.0, 0.0, 1.0),
    )
    found = mean_source_weights(in_parts(predictions), AS_IS)
    assert list(found) == ["material", "color"]  # most answers first
    assert list(found["color"]) == list(SOURCES)
    assert found["color"] == pytest.approx(dict(zip(SOURCES, (0.3, 0.2, 0.5), strict=True)))
    assert found["material"] == pytest.approx(dict(zip(SOURCES, (0.0, 0.0, 1.0), strict=True)))


def test_earlier_predictions_have_none():
    assert mean_source_weights(in_parts(table(rows(3, 3)).drop_columns("source_weights")), AS_IS) == {}
