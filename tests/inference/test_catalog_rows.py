"""Rows in the forms that clients send."""

import pytest

import data_contracts
from moemoe.errors import CatalogError
from moemoe.inference.catalog_rows import questions_of


def test_a_row_of_an_unknown_type_or_with_a_broken_image_is_named():
    contract = data_contracts.load("30pt")
    asked = {"shirt": {"color": None}}
    question = questions_of([{"product_type": "Tshirts", "title": "x"}], contract, asked)[0]
    assert (question.product_type, question.attributes) == ("shirt", ["color"])
    with pytest.raises(CatalogError, match="row 0: product type 'Sofa' is unknown; known are shirt"):
        questions_of([{"product_type": "Sofa", "title": "x"}], contract, asked)
    with pytest.raises(CatalogError, match=r"row 0: the image cannot be used \(image does not decode"):
        questions_of([{"product_type": "shirt", "title": "x", "image": b"no image"}], contract, asked)
