"""The contracts that are shipped."""

import pytest

import data_contracts


def test_every_dataset_of_the_paper_has_a_contract_that_loads():
    assert data_contracts.known_datasets() == ["30pt", "cma_clip", "ohl", "sl"]
    for dataset in data_contracts.known_datasets():
        contract = data_contracts.load(dataset)
        assert contract.dataset == dataset


def test_30pt_has_appendix_b():
    contract = data_contracts.load("30pt")
    assert len(contract.product_types) == 30
    assert len(contract.attributes) == 38


def test_cma_clip_has_table_2():
    contract = data_contracts.load("cma_clip")
    assert list(contract.product_types) == ["dress"]
    assert list(contract.attributes) == [
        "color map", "dress style", "item length", "neck", "pattern", "season", "sleeve",
    ]  # fmt: skip
    assert all(len(attribute.values) >= 3 for attribute in contract.attributes.values())


@pytest.mark.parametrize("dataset", ["sl", "ohl"])
def test_softlines_and_hardlines_are_open(dataset):
    contract = data_contracts.load(dataset)
    assert contract.open is not None
    assert not contract.product_types
    assert "color" in contract.attributes
