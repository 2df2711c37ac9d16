"""The schema for editors and the loader read one description of a contract's keys."""

import jsonschema
import pytest
import yaml

from moemoe.contract.load import load_contract
from moemoe.contract.schema import contract_schema
from moemoe.errors import ContractError
from tests.support.small_contract import SMALL, write_contract

OPEN = """\
dataset: small
open: {product_type_products: 1, attribute_labels: 1, value_labels: 1, attribute_values: 9}
"""
MEASURED = """\
attributes:
  width: {measurement: {unit: cm, units: {inch: []}, decimals: 1, at_least: 0, at_most: 9, tolerance: 0.1}}
"""


@pytest.mark.parametrize(
    "text",
    [
        SMALL,
        OPEN,
        OPEN + "columns:\nmissing:\nattributes: {}\n",
        OPEN + "attributes:\n  color:\n",
        SMALL.replace("Cotton: [Pure Cotton]", "Cotton:"),
        SMALL.replace("[NA, None]", "[No, 2, NA]"),
        SMALL + "expectations:\n  label_drift: {at_most: 2.5, severity: warning}\n",
        SMALL.replace("attributes:\n", MEASURED),
        SMALL.replace("keys: [baseColour]", "id: 7\n    value_ids: {Red: 1}") + "product_type_ids: {shirt: 12}\n",
    ],
)
def test_both_accept(text, tmp_path):
    jsonschema.validate(yaml.safe_load(text), contract_schema())
    load_contract(write_contract(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        SMALL + "colour: red\n",
        SMALL.replace("dataset: small\n", ""),
        SMALL.replace("product_types:", "columns:"),
        SMALL.replace("missing: [NA, None]", "missing: NA"),
        SMALL.replace("{train: 0.7, validation", "{train: 1.7, validation"),
        SMALL.replace(", test: 0.2", ""),
        SMALL + "version: 1.5\n",
        SMALL + "product_type_ids: [12]\n",
        SMALL.replace("keys: [baseColour]", "value_ids: {Red: [1]}"),
        SMALL + "version: 0\n",
        SMALL + "rare_share: 0.6\n",
        SMALL + "expectations:\n  label_drift: {at_most: 101, severity: warning}\n",
        SMALL + "expectations:\n  label_drift: {at_least: 1, severity: warning}\n",
        SMALL + "expectations:\n  title_present: {at_least: 0.5, severity: loud}\n",
        SMALL + "expectations:\n  attribute_fill: {at_least: 0.5, severity: warning}\n",
        SMALL + "contradictions:\n  - {when: {color: [Red]}, never: {material: [Wool]}}\n",
        SMALL.replace("attributes:\n", MEASURED.replace("unit: cm, ", "")),
        SMALL.replace("attributes:\n", MEASURED.replace("decimals: 1", "decimals: 0.5")),
        OPEN.replace("value_labels: 1, ", ""),
        OPEN.replace("value_labels: 1", "value_labels: 0"),
    ],
)
def test_both_refuse(text, tmp_path):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), contract_schema())
    with pytest.raises(ContractError):
        load_contract(write_contract(tmp_path, text))
