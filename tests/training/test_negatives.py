import pytest

from moemoe.errors import ConfigError
from moemoe.recipes import load_recipe
from moemoe.training.negatives import with_negatives

RED = {"color": ["Red"]}
NEVER = ["underwire type", "rise style"]


def drawn(share, count=2000):
    return [with_negatives(RED, NEVER, share, f"0:{epoch}:7") for epoch in range(count)]


def test_shares_are_kept_and_both_kinds_drawn():
    found = drawn(0.2)
    asked = [values for values, _ in found if len(values) == 2]
    blank = [values for values, blanked in found if blanked]
    assert 0.15 < len(asked) / len(found) < 0.25
    assert 0.03 < len(blank) / len(found) < 0.07
    assert {attribute for values in asked for attribute in values} == {"color", *NEVER}
    assert all(values["color"] == ["Red"] for values in asked)
    assert all(gold == [""] for values in asked for attribute, gold in values.items() if attribute != "color")
    assert all(values == {"color": [""]} for values in blank)


def test_none_without_the_option_and_the_same_every_time():
    assert drawn(0, 50) == [(RED, False)] * 50
    assert drawn(0.3, 50) == drawn(0.3, 50)


def test_a_type_that_has_every_attribute_is_never_asked_another():
    assert all(len(with_negatives(RED, [], 1.0, str(i))[0]) == 1 for i in range(50))


def test_a_share_beyond_one_is_refused():
    assert load_recipe("qga", settings="training.negatives=0.2").training.negatives == 0.2
    with pytest.raises(ConfigError, match=r"negatives is 2\.0; allowed is a share from 0 to 1"):
        load_recipe("qga", settings="training.negatives=2")
