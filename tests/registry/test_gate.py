"""The gate alone: tables in, a decision out."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from moemoe.errors import ConfigError
from moemoe.registry.gate import GATE, NOT_WORSE, REPORT, UNMEASURED, Rules, decide, half_of, without_champion
from tests.support.small_registry import predictions

TYPES = ["shirt"]


def test_a_clearly_better_challenger_is_promoted():
    decision = decide(predictions(0.9), predictions(0.6), "7", TYPES, Rules())
    assert decision.promoted, decision.text
    assert decision.champion == "7"
    gate, report = decision.halves[GATE], decision.halves[REPORT]
    assert gate.challenger > gate.champion
    assert gate.low > 0
    assert 150 < gate.products < 250
    assert gate.products + report.products == 400


def test_equal_models_change_nothing_unless_not_worse_is_enough():
    equal = predictions(0.8), predictions(0.8)
    refused = decide(*equal, "7", TYPES, Rules())
    assert not refused.promoted
    assert "the gain's 95 % interval is not above 0" in refused.text
    assert decide(*equal, "7", TYPES, Rules(NOT_WORSE)).promoted


def test_a_small_gain_is_noise():
    decision = decide(predictions(0.82), predictions(0.80, seed=1), "7", TYPES, Rules())
    assert abs(decision.halves[GATE].difference) < 0.1
    assert not decision.promoted


def test_not_worse_refuses_what_is_worse():
    decision = decide(predictions(0.6), predictions(0.9), "7", TYPES, Rules(NOT_WORSE))
    assert not decision.promoted
    assert "the loss's 95 % interval is above 0" in decision.text


def test_a_large_cell_that_loses_too_much_refuses_a_better_mean():
    challenger, champion = predictions([0.99, 0.60]), predictions([0.40, 0.75])
    decision = decide(challenger, champion, "7", TYPES, Rules())
    assert decision.halves[GATE].low > 0
    assert not decision.promoted
    assert "shirt/material falls from" in decision.text
    assert decide(challenger, champion, "7", TYPES, Rules(margin=0.9)).promoted
    assert decide(challenger, champion, "7", TYPES, Rules(least_products=1000)).promoted


def test_a_broken_contract_refuses_the_best_challenger():
    decision = decide(predictions(0.9), predictions(0.6), "7", TYPES, Rules(), ["critical: ids are unique: 3 repeat"])
    assert not decision.promoted
    assert "failed expectation: critical: ids are unique: 3 repeat" in decision.text
    assert without_champion(Rules()).promoted
    assert not without_champion(Rules(), ["critical: x"]).promoted


def test_what_could_not_be_measured_is_promoted_only_if_asked_and_the_contract_holds():
    mine = predictions(0.9)
    for rules, broken, promoted in (
        (Rules(), [], False),
        (Rules(UNMEASURED), [], True),
        (Rules(UNMEASURED), ["x"], False),
    ):
        decisions = [without_champion(rules, broken, "why"), decide(mine, mine, "7", TYPES, rules, broken, "why")]
        assert [decision.promoted for decision in decisions] == [promoted] * 2
        assert all("it could not be measured: why" in decision.text for decision in decisions)


def test_few_report_rows_do_not_keep_the_gate_rows_from_deciding():
    few = [name for name in (f"g{i}" for i in range(400)) if half_of(name) == REPORT][5:]
    mine, theirs = (table.filter(pc.invert(pc.is_in(table["group"], pa.array(few)))) for table in
                    (predictions(0.9), predictions(0.6)))  # fmt: skip
    decision = decide(mine, theirs, "7", TYPES, Rules())
    assert decision.promoted, decision.text
    assert list(decision.halves) == [GATE]


def test_rows_that_are_not_the_same_are_never_compared():
    decision = decide(predictions(0.9), predictions(0.6, products=390), "7", TYPES, Rules())
    assert not decision.promoted
    assert "different test rows" in decision.text


def test_too_little_data_decides_nothing():
    decision = decide(predictions(0.9, products=20), predictions(0.1, products=20), "7", TYPES, Rules())
    assert not decision.promoted
    assert "nothing can be compared" in decision.text


def test_a_group_keeps_its_half():
    halves = [half_of(f"group {i}") for i in range(1000)]
    assert halves == [half_of(f"group {i}") for i in range(1000)]
    assert 400 < halves.count(GATE) < 600


def test_bad_rules():
    with pytest.raises(ConfigError, match="allowed are 'better', 'not worse', 'unmeasured'"):
        Rules("best")
    with pytest.raises(ConfigError, match="margin"):
        Rules(margin=2)
