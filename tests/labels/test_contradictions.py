"""Labels that contradict each other are both dropped, and no others."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moemoe.contract.load import load_contract
from moemoe.errors import ContractError
from moemoe.labels.contradictions import ContradictionCounts, broken_rules, drop_contradictions
from moemoe.schemas import CONTRADICTIONS, LABELS
from tests.support.small_contract import THIRTY_PT, products, small_contract, write_contract
from tests.support.whole_labels import normalize

CONTRACT = """\
dataset: small
product_types: {shirt: []}
attributes:
  department: {values: {Men: [], Women: [], Girls: []}}
  age: {values: {Adults: [], Girls: [], Boys: []}}
  color: {values: {Red: []}}
contradictions:
  - when: {department: [Men]}
    never: {age: [Girls, Boys]}
    reason: men are no children
  - when: {department: [Men, Women]}
    never: {age: [Girls]}
    reason: adults are no girls
"""
MEN = "department Men, never age Girls / Boys"
ADULTS = "department Men / Women, never age Girls"


@pytest.fixture(scope="module")
def contract(tmp_path_factory):
    return load_contract(write_contract(tmp_path_factory.mktemp("contract"), CONTRACT))


def make_labels(*rows: dict[str, list[str]]) -> pa.Table:
    """Labels of products p0, p1, ...: attribute -> values."""
    return pa.Table.from_pylist(
        [
            {"product_id": f"p{i}", "product_type": "shirt", "attribute": attribute, "values": values}
            for i, row in enumerate(rows)
            for attribute, values in row.items()
        ],
        LABELS,
    )


def pairs(table: pa.Table) -> list[tuple[str, str]]:
    return list(zip(table["product_id"].to_pylist(), table["attribute"].to_pylist(), strict=True))


def test_both_labels_go_and_are_listed_with_rule_and_reason(contract):
    labels = make_labels(
        {"department": ["Men"], "age": ["Boys"], "color": ["Red"]},
        {"department": ["Men"], "age": ["Adults"]},
        {"department": ["Women"], "age": ["Boys"]},
        {"age": ["Girls"], "department": ["Women"]},
    )
    kept, aside = drop_contradictions(labels, contract)
    assert pairs(kept) == [("p0", "color"), ("p1", "department"), ("p1", "age"), ("p2", "department"), ("p2", "age")]
    assert aside.to_pylist() == [
        {
            "product_id": product_id, "product_type": "shirt", "attribute": attribute, "values": [value],
            "rule": rule, "reason": reason,
        }
        for product_id, attribute, value, rule, reason in [
            ("p0", "department", "Men", MEN, "men are no children"),
            ("p0", "age", "Boys", MEN, "men are no children"),
            ("p3", "age", "Girls", ADULTS, "adults are no girls"),
            ("p3", "department", "Women", ADULTS, "adults are no girls"),
        ]
    ]  # fmt: skip
    assert (kept.schema, aside.schema) == (LABELS, CONTRADICTIONS)


def test_one_value_that_no_rule_lists_saves_a_label(contract):
    labels = make_labels(
        {"department": ["Women", "Girls"], "age": ["Girls"]},
        {"department": ["Men", "Women"], "age": ["Girls"]},  # no rule but the second lists both
        {"department": ["Men"], "age": ["Girls", "Adults"]},
    )
    kept, aside = drop_contradictions(labels, contract)
    assert set(kept["product_id"].to_pylist()) == {"p0", "p2"}
    assert set(aside["rule"].to_pylist()) == {ADULTS}


def test_the_order_of_the_rules_does_not_matter(contract):
    labels = make_labels({"department": ["Men"], "age": ["Girls"]})
    kept, aside = drop_contradictions(labels, contract)
    assert kept.num_rows == 0
    assert aside["rule"].to_pylist() == [MEN, MEN, ADULTS, ADULTS]  # the first leaves its labels to the second


def test_labels_of_other_products_and_alone_contradict_nothing(contract):
    labels = make_labels({"department": ["Men"]}, {"age": ["Girls"]}, {"color": ["Red"]})
    for table in (labels, labels.slice(1, 1), LABELS.empty_table()):
        kept, aside = drop_contradictions(table, contract)
        assert kept.equals(table)
        assert aside.num_rows == 0


def test_a_contract_without_contradictions_keeps_all(tmp_path):
    labels = make_labels({"department": ["Men"], "age": ["Girls"]})
    kept, aside = drop_contradictions(labels, small_contract(tmp_path))
    assert kept.equals(labels)
    assert aside.schema == CONTRADICTIONS


DEPARTMENTS = st.lists(st.sampled_from(["Men", "Women", "Girls"]), max_size=3, unique=True)
AGES = st.lists(st.sampled_from(["Adults", "Girls", "Boys"]), max_size=3, unique=True)


@given(st.lists(st.tuples(DEPARTMENTS, AGES), max_size=12), st.integers(0, 12))
def test_as_a_person_would_do_it(contract, rows, cut):
    labels = make_labels(*({"department": d, "age": a, "color": ["Red"]} for d, a in rows))
    chunked = pa.concat_tables([labels.slice(0, cut), labels.slice(cut)])
    kept, aside = drop_contradictions(chunked, contract)
    wrong = []
    for i, (department, age) in enumerate(rows):
        men = department == ["Men"] and age and set(age) <= {"Girls", "Boys"}
        adults = department and set(department) <= {"Men", "Women"} and age == ["Girls"]
        wrong += [f"p{i}"] * bool(men or adults)
        rules = [MEN] * bool(men) + [ADULTS] * bool(adults)
        assert [rule.words for rule in broken_rules({"department": department, "age": age}, contract)] == rules
    assert sorted(set(aside["product_id"].to_pylist())) == sorted(wrong)
    gone = [p in wrong and a != "color" for p, a in pairs(labels)]
    assert kept.equals(labels.filter(pa.array(np.logical_not(gone).astype(bool))))


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("when: {department: [Men]}", "when: {departments: [Men]}", 8, "'departments' in 'when'; did you mean"),
        ("when: {department: [Men]}", "when: {department: [Man]}", 8, "'Man' is unknown; did you mean 'Men'"),
        ("when: {department: [Men]}", "when: {department: []}", 8, "at least one value; allowed: Men, Women, Girls"),
        ("when: {department: [Men]}", "when: {department: Men}", 8, "must be a list"),
        ("when: {department: [Men]}", "when: {}", 8, "'when' must name one attribute"),
        ("when: {department: [Men]}", "when: {department: [Men], age: [Girls]}", 8, "'when' must name one attribute"),
        ("never: {age: [Girls, Boys]}", "never: {age: [Girls, Boy]}", 9, "'Boy' is unknown; did you mean 'Boys'"),
        ("never: {age: [Girls, Boys]}", "never: {department: [Girls]}", 9, "both name 'department'"),
        ("    never: {age: [Girls, Boys]}\n", "", 8, "key 'never' is missing"),
        ("    reason: men are no children\n", "", 8, "key 'reason' is missing"),
        ("reason: men are", "reson: men are", 10, "unknown key 'reson' .* did you mean 'reason'"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_line(tmp_path, old, new, line, message):
    assert old in CONTRACT
    path = write_contract(tmp_path, CONTRACT.replace(old, new, 1))
    with pytest.raises(ContractError, match=message) as error:
        load_contract(path)
    assert str(error.value).startswith(f"{path}:{line}: "), error.value


@pytest.mark.parametrize(
    ("department", "age", "rules"),
    [
        ("Men", "Kids-Girls", 2),
        ("Men", "Kids-Boys", 1),
        ("Women", "Adults-Men", 1),
        ("Boys", "Adults-Unisex", 1),
        ("Baby Girl", "Kids-Boys", 1),
        ("Men", "Adults-Men", 0),
        ("Boys", "Infant", 0),
        ("Unisex", "Kids-Boys", 0),
        ("Women, Girls", "Kids-Girls", 0),
    ],
)
def test_department_and_age_range_in_30pt(department, age, rules):
    contract = load_contract(THIRTY_PT)
    raw = products({"attributes": [("gender", department), ("ageGroup", age), ("baseColour", "Red")]})
    kept, aside = drop_contradictions(normalize(raw, contract).labels, contract)
    assert aside.num_rows == 2 * rules
    left = ["color"] if rules else ["age range description", "color", "department"]
    assert kept["attribute"].to_pylist() == left
    assert pc.all(pc.is_valid(kept["values"])).as_py()


def test_contradictions_of_many_parts_are_counted_by_rule(contract):
    counts = ContradictionCounts()
    for part in range(4):
        rows = [
            {"product_id": f"p{part}-{i}", "product_type": "shirt", "attribute": name, "values": [value]}
            for i in range(3)
            for name, value in (("department", "Men"), ("age", "Girls" if i else "Boys"), ("color", "Red"))
        ]
        counts.add(drop_contradictions(pa.Table.from_pylist(rows, LABELS), contract)[1])
    assert counts.labels == 24  # a label that two rules find is one label
    assert counts.products == {MEN: 12, ADULTS: 8}
    assert list(counts.examples[ADULTS]) == ["p0-1", "p0-2", "p1-1", "p1-2", "p2-1", "p2-2"]
    assert counts.examples[MEN]["p0-0"] == ["Men", "Boys"]
