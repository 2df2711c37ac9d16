"""What "1.200" means without ``decimal_sign``: decided by the catalog's other labels, or unmapped."""

import pyarrow as pa
import pytest

from moemoe.contract.decimal_signs import signs_found
from moemoe.contract.load import load_contract
from moemoe.contract.open_contract import resolve_contract
from moemoe.labels.normalize import value_mapper
from tests.support.small_contract import write_contract

BOXES = """\
dataset: boxes
# kept as it is written
product_types:
  box: []
attributes:
  width:
    measurement: {unit: mm, units: {cm: []}, decimals: 1, at_least: 0, at_most: 9000, tolerance: 1}
  weight:
    keys: [Mass]
    measurement: {unit: g, units: {kg: []}, decimals: 1, at_least: 0, at_most: 90000, tolerance: 1}
"""


def resolved(tmp_path, labels, text=BOXES):
    """The run's contract after a catalog with these (key, label) pairs, in two parts, and the signs that it found."""
    given = load_contract(write_contract(tmp_path, text))
    maps = pa.array([[pair] for pair in labels], pa.map_(pa.string(), pa.string()))
    types = pa.array(["box"] * len(labels))
    parts = [
        pa.table({"product_type": pa.chunked_array([types[half]]), "attributes": pa.chunked_array([maps[half]])})
        for half in (slice(0, 2), slice(2, None))
    ]
    contract = resolve_contract(given, parts, tmp_path / "run.yaml")
    return contract, signs_found(given, contract)


def read(contract, attribute, label):
    return value_mapper(contract.attributes[attribute], contract.normalized_missing())(label)


@pytest.mark.parametrize(
    ("labels", "sign", "value"),
    [
        (["12,5 cm", "80,25 mm", "7,5 cm"], ",", "1200 mm"),
        (["1.234,5 mm", "0,125 cm", "1.234.567 mm"], ",", "1200 mm"),
        (["12.5 cm", "80.25 mm", "7.5 cm"], ".", "1.2 mm"),
        (["1,234.5 mm", "0.125 cm", "1,00,000 mm"], ".", "1.2 mm"),
    ],
)
def test_other_labels_of_the_attribute_decide(tmp_path, labels, sign, value):
    contract, found = resolved(tmp_path, [("Width", label) for label in (*labels, "1.200 mm")])
    assert found == {"width": sign}
    assert read(contract, "width", "1.200 mm") == (value,)
    assert load_contract(tmp_path / "run.yaml").attributes == contract.attributes


def test_labels_of_other_measurements_decide_if_its_own_show_nothing(tmp_path):
    others = [("Mass", f"{n},5 kg") for n in range(3)]
    contract, found = resolved(tmp_path, [("Width", "1.200 mm"), ("Width", "950 mm"), *others, ("Color", "1.5")])
    assert found == {"width": ","}  # weight needs none
    assert read(contract, "width", "1.200 mm") == ("1200 mm",)


@pytest.mark.parametrize(
    "labels",
    [
        ["950 mm", "80 cm", "9 cm"],
        ["12,5 cm", "80.5 mm", "7,5 cm", "8.5 cm"],  # two markets in one catalog
        ["12,5 cm"],  # may be a slip of the pen
    ],
)
def test_what_nothing_shows_is_unmapped(tmp_path, labels):
    pairs = [("Width", label) for label in (*labels, "1.200 mm")]
    contract, found = resolved(tmp_path, [*pairs, *([("Mass", "1.5 g")] * 60 if "80.5 mm" in labels else [])])
    assert found == {}
    assert read(contract, "width", "1.200 mm") == -1
    assert (tmp_path / "run.yaml").read_text() == (tmp_path / "contract.yaml").read_text()


def test_the_contract_decides_if_it_says_so(tmp_path):
    text = BOXES.replace("tolerance: 1}", "tolerance: 1, decimal_sign: '.'}")
    contract, found = resolved(
        tmp_path, [("Width", label) for label in ("12,5 cm", "7,5 cm", "8,5 cm", "1.200 mm")], text
    )
    assert found == {}
    assert read(contract, "width", "1.200 mm") == ("1.2 mm",)


def test_an_open_contract_keeps_the_sign_too(tmp_path):
    text = BOXES + "open: {product_type_products: 1, attribute_labels: 5, value_labels: 1, attribute_values: 9}\n"
    labels = ["12,5 cm", "7,5 cm", "8,5 cm", "1.200 mm", "1.300 mm"]  # five only if the last two are read
    contract, found = resolved(tmp_path, [("Width", label) for label in labels], text)
    assert found == {"width": ","}
    assert read(contract, "width", "1.300 mm") == ("1300 mm",)
