"""The contracts in this repository."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

import data_contracts
from moemoe.contract.schema import contract_schema


def test_every_dataset_of_the_paper_has_a_contract_that_loads():
    assert data_contracts.known_datasets() == ["30pt", "cma_clip", "ohl", "sl"]
    for dataset in data_contracts.known_datasets():
        assert data_contracts.load(dataset).dataset == dataset


def test_30pt_has_appendix_b():
    loaded = data_contracts.load("30pt")
    assert len(loaded.product_types) == 30
    assert len(loaded.attributes) == 38


def test_cma_clip_has_table_2():
    loaded = data_contracts.load("cma_clip")
    assert list(loaded.product_types) == ["dress"]
    assert list(loaded.attributes) == [
        "color map", "dress style", "item length", "neck", "pattern", "season", "sleeve",
    ]  # fmt: skip
    assert all(len(attribute.values) >= 3 for attribute in loaded.attributes.values())


@pytest.mark.parametrize("dataset", ["sl", "ohl"])
def test_softlines_and_hardlines_are_open(dataset):
    loaded = data_contracts.load(dataset)
    assert loaded.open is not None
    assert not loaded.product_types
    assert "color" in loaded.attributes


SCHEMA = json.loads((Path(data_contracts.__file__).parent / "contract.schema.json").read_text())


@pytest.mark.parametrize("dataset", ["30pt", "cma_clip", "sl", "ohl"])
def test_the_editors_schema_accepts_every_shipped_contract(dataset):
    content = yaml.safe_load(data_contracts.contract_path(dataset).read_text())
    jsonschema.validate(content, SCHEMA)
    with pytest.raises(jsonschema.ValidationError, match="'colour' was unexpected"):
        jsonschema.validate({**content, "colour": 1}, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**content, "split": {"train": 2, "validation": 0, "test": 0}}, SCHEMA)


def test_the_editors_schema_is_what_the_loader_reads():
    assert contract_schema() == SCHEMA, "stale: run `make schema`"
