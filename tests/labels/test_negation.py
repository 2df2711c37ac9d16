"""No label is ever turned into its opposite."""

import re

import pytest

import data_contracts
from moemoe.contract.contract import Attribute, Rule
from moemoe.contract.text import normalize_text
from moemoe.labels.normalize import MISSING, UNMAPPED, value_mapper

CONTRACTS = {name: data_contracts.load(name) for name in ("30pt", "cma_clip", "sl", "ohl")}
BEFORE = (
    "No {}", "Non-{}", "Not {}", "Without {}", "w/o {}", "Never {}", "Do not {}", "Don\u2019t {}", "Cannot be {}",
    "0% {}", "0 {}", "0 percent {}", "Don\\'t {}", "Don''t {}", "Don\ufffdt {}", "Don\u00e2\u20ac\u2122t {}", "Un-{}",
    "Free of {}", "Instead of {}", "Other than {}", "W / O {}", "Sans {}", "Nicht {}", "Imitation {}",
    "\u274c {}",
)  # fmt: skip
BEHIND = ("{}: no", "{} not allowed", "{}-free", "{} (no)", "{} \u2718", "{}: False", "{}: 0", "{} n/a")
SPEAKS_OF_NEGATION = re.compile(r"\b(no|non|not|never|don'?t|without|un\w+)\b|\bun\b|\|un\)|less|free|^0$")


@pytest.fixture(scope="module")
def mappers():
    return {
        (dataset, name): value_mapper(attribute, contract.normalized_missing())
        for dataset, contract in CONTRACTS.items()
        for name, attribute in contract.attributes.items()
    }


def meant(mappers, attribute, raw):
    return mappers["30pt", attribute](raw)


@pytest.mark.parametrize("dataset", CONTRACTS)
def test_a_negated_value_is_never_the_value(mappers, dataset):
    for name, attribute in CONTRACTS[dataset].attributes.items():
        speaking = {value for value, aliases in attribute.values.items() if any(map(_speaks, (value, *aliases)))}
        speaking |= {rule.value for rule in attribute.rules if SPEAKS_OF_NEGATION.search(rule.match)}
        for value, aliases in attribute.values.items():
            for spelling in (value, *aliases):
                if not re.search(r"[^\W\d]", spelling) or re.search(",| Less$", spelling):
                    continue  # "no 2" and "less free" say nothing; "no men, women" denies men
                own = mappers[dataset, name](spelling)
                for template in BEFORE + BEHIND:
                    if template == "0 {}" and re.match(r"\d|year", spelling, re.IGNORECASE):
                        continue  # a range or a measure
                    found = mappers[dataset, name](template.format(spelling))
                    found = () if isinstance(found, int) else found
                    assert not set(found) & set(own), (name, template.format(spelling), found)
                    assert set(found) <= speaking, (name, template.format(spelling), found)


def _speaks(spelling: str) -> bool:
    return bool(SPEAKS_OF_NEGATION.search(normalize_text(spelling)))


@pytest.mark.parametrize(
    ("attribute", "raw", "values"),
    [
        ("care instructions", "Don\u2019t dry clean", ("Do Not Dry Clean",)),
        ("care instructions", "Don\u00b4t bleach", ("Do Not Bleach",)),
        ("care instructions", "Never machine wash", ("Hand Wash",)),
        ("care instructions", "Do not machine dry", UNMAPPED),
        ("care instructions", "Machine wash do not bleach", ("Machine Wash", "Do Not Bleach")),
        ("care instructions", "Do not tumble dry; dry clean only", ("Dry Clean",)),
        ("care instructions", "Dry clean not allowed", UNMAPPED),
        ("care instructions", "Do not bleach or dry clean", ("Do Not Bleach",)),  # denied too, so not Dry Clean
        ("care instructions", "Machine wash or dry clean: no", UNMAPPED),
        ("care instructions", "Don&#39;t bleach", ("Do Not Bleach",)),
        ("care instructions", "Don\u00e2\u20ac\u2122t bleach", ("Do Not Bleach",)),
        ("care instructions", "Don?t bleach", ("Do Not Bleach",)),
        ("care instructions", "Don\u02cat bleach", ("Do Not Bleach",)),
        ("care instructions", "Machine wash is to be avoided", UNMAPPED),
        ("care instructions", "Instead of dry clean, hand wash", ("Hand Wash",)),
        ("material", "Cotton (0%)", UNMAPPED),
        ("material", "Fake leather", UNMAPPED),
        ("material", "Faux Leather", ("Synthetic Leather",)),
        ("material", "anti-microbial cotton", ("Cotton",)),  # it denies the next word alone
        ("collar style", "Anti-Hood", UNMAPPED),
        ("care instructions", "DONT BLEACH", ("Do Not Bleach",)),
        ("care instructions", "dry cleaning is prohibited", UNMAPPED),
        ("top style", "Don't Shirt", UNMAPPED),
        ("care instructions", "Do not bleach. Dry clean", ("Do Not Bleach", "Dry Clean")),
        ("collar style", "Without Hood", UNMAPPED),
        ("collar style", "Hoodless", UNMAPPED),
        ("collar style", "No Collar", ("Collarless",)),
        ("item styling", "No Embroidery", UNMAPPED),
        ("strap type", "Non-Adjustable Straps", UNMAPPED),
        ("strap type", "Non Detachable", ("Regular",)),
        ("strap type", "no straps", ("Strapless",)),
        ("pattern type", "Not Printed", UNMAPPED),
        ("pattern type", "Solid not printed", ("Solid",)),
        ("lining description", "Non-Lined", ("Unlined",)),
        ("lining description", "not unlined", UNMAPPED),
        ("material", "No Leather", UNMAPPED),
        ("material", "100% Polyester, 0% Cotton", ("Polyester",)),
        ("material", "Polyester 100% Cotton 0%", ("Polyester",)),
        ("material", "Cotton, leather-free", ("Cotton",)),
        ("underwire type", "Wire-free", ("Non-Wired",)),
        ("underwire type", "Nonwired bra", UNMAPPED),
        ("underwire type", "Underwired bra", ("Underwired",)),
        ("sleeve type", "Sleeveless top", ("Sleeveless",)),
        ("sleeve type", "not sleeveless", UNMAPPED),
        ("pocket description", "No flap pocket", UNMAPPED),
        ("pocket description", "No pockets", ("No Pocket",)),
        ("age range description", "0-3 Months", ("Baby",)),
        ("department", "Unisex", ("Unisex",)),
        ("material", "Not Applicable", MISSING),
    ],
)
def test_labels_that_deny(mappers, attribute, raw, values):
    assert meant(mappers, attribute, raw) == values


@pytest.mark.parametrize(
    "raw",
    ["not " * 100_000, "no a " * 100_000, "sleeveless " * 100_000, "0" * 10**6, " " * 10**6 + "x", "Not 5 " * 10**5],
)
def test_a_long_label_takes_no_longer_than_its_length(mappers, raw):
    """Where it takes the square of it, this takes hours."""
    assert meant(mappers, "material", raw) in (UNMAPPED, MISSING)


def test_a_rule_of_the_users_own():
    """Also one that denies by wildcard only, and one without word boundaries."""
    values = {"Hooded": (), "Printed": (), "Adult": (), "Steel": ()}
    rules = [Rule("hood", "Hooded"), Rule("print", "Printed"), Rule("adult.*women", "Adult"), Rule("steel", "Steel")]
    read = value_mapper(Attribute("a", ("a",), values, tuple(rules)), frozenset({""}))
    assert read("Hood, stainless steel") == ("Hooded", "Steel")
    for raw in ("hoodless", "unhooded", "nonprinted", "unprinted", "not for adult women", "hood/print: no"):
        assert read(raw) == UNMAPPED
