import pytest

from moemoe.errors import ConfigError
from moemoe.recipes import load_recipe
from moemoe.shards.dataset import Product
from moemoe.training.negatives import with_negatives

SHIRT = Product("p", "IN", "shirt", "title", ["point"], "text", b"picture", "g", "train", {"color": ["Red"]})
NEVER = {"shirt": ["underwire type", "rise style"]}


def drawn(share, count=2000):
    return [with_negatives(SHIRT, NEVER, share, f"0:{epoch}:7") for epoch in range(count)]


def test_shares_are_kept_and_both_kinds_drawn():
    found = drawn(0.2)
    asked = [p for p in found if len(p.values) == 2]
    blank = [p for p in found if p.image is None]
    assert 0.15 < len(asked) / len(found) < 0.25
    assert 0.03 < len(blank) / len(found) < 0.07
    assert {attribute for p in asked for attribute in p.values} == {"color", *NEVER["shirt"]}
    assert all(p.values["color"] == ["Red"] and p.image == b"picture" for p in asked)
    assert all(gold == [""] for p in asked for attribute, gold in p.values.items() if attribute != "color")
    assert all(p.context == "" and p.values == {"color": [""]} for p in blank)


def test_none_without_the_option_and_the_same_every_time():
    assert drawn(0, 50) == [SHIRT] * 50
    assert drawn(0.3, 50) == drawn(0.3, 50)


def test_a_type_that_has_every_attribute_is_never_asked_another():
    assert all(len(with_negatives(SHIRT, {}, 1.0, str(i)).values) == 1 for i in range(50))


def test_a_share_beyond_one_is_refused():
    assert load_recipe("qga", settings="training.negatives=0.2").training.negatives == 0.2
    with pytest.raises(ConfigError, match=r"negatives is 2\.0; allowed is a share from 0 to 1"):
        load_recipe("qga", settings="training.negatives=2")
