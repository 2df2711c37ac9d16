import json

import pytest
from metaflow import current

from moemoe.schemas import AS_IS, PREDICTIONS
from moemoe.shards.dataset import ShardedDataset
from tests.flows.conftest import FLOW
from tests.shards.small import small_shards

COUNTS = {"applicability/n_not_applicable": 20.0, "applicability/n_applicable": 40.0}


@pytest.fixture
def card(monkeypatch):
    """What is on the card, as JSON, after ``show`` of a function of the evaluation card."""
    monkeypatch.syspath_prepend(str(FLOW.parent))
    components: list = []
    current._update_env({"card": components})

    def show(function: str, *args) -> str:
        import evaluation_card

        getattr(evaluation_card, function)(*args)
        return json.dumps([component.render() for component in components], ensure_ascii=False)

    yield show
    current._update_env({"card": None})


def test_applicability_has_its_intervals_and_counts(card):
    figures = {f"applicability/{name}": 0.5 for name in ("precision", "recall", "f1")}
    figures |= {"applicability/f1/low": 0.41, "applicability/f1/high": 0.62}
    shown = card("_applicability", {**figures, **COUNTS})
    for words in ("0.500 (0.41 to 0.62)", "20", "40"):
        assert f'"{words}"' in shown, words
    assert "No answer is empty" not in shown


def test_a_model_that_never_says_does_not_apply_has_dashes_and_the_reason(card):
    shown = card("_applicability", {"applicability/recall": 0.0, "applicability/f1": 0.0, **COUNTS})
    assert shown.count('"-"') == 3
    assert "No answer is empty" in shown
    assert "training.negatives" in shown
    assert "nan" not in shown


def test_a_dataset_whose_types_have_every_attribute_has_no_such_table(card):
    assert card("_applicability", {}) == "[]"


def test_a_bad_test_picture_is_shown_as_none(card, tmp_path):
    dataset = ShardedDataset(small_shards(tmp_path, 20, cut_short=(0,)), tmp_path)
    shown = card("_examples", PREDICTIONS.empty_table(), dataset, AS_IS)
    assert shown
