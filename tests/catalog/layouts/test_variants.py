"""Variants listed within their product."""

import json

import pytest

from tests.support.catalog_files import REQUIRED, read_as, rows_of, write_lines, write_parquet

VARIANTS = [
    {"sku": "p1-1", "color": "Red", "size": "S", "price": 3, "image": "r.jpg", "title": "Red kurta S"},
    {"sku": "p1-2", "color": "Blue", "size": "S", "inStock": True, "image_url": "b.jpg", "createdAt": "2024-01-02"},
]


def labels_of(row):
    return dict(row["attributes"])


@pytest.mark.parametrize("name", ["variants", "Product Variations", "hasVariant", "skus"])
@pytest.mark.parametrize("kind", ["flat", "own", "csv", "flat parquet", "own parquet"])
def test_the_product_has_the_labels_of_all(tmp_path, kind, name):
    """And their images behind its own; ids, prices and dates of variants are no labels."""
    path = tmp_path / f"a.{'parquet' if 'parquet' in kind else 'csv' if kind == 'csv' else 'jsonl'}"
    row = {**REQUIRED, "image": "0.jpg", name: VARIANTS}
    row |= {"attributes": {"fabric": "Cotton"}} if "own" in kind else {"fabric": "Cotton"}
    if "parquet" in kind:
        write_parquet(path, **{column: [value] for column, value in row.items()})
    elif kind == "csv":
        cells = {**row, name: json.dumps(VARIANTS).replace('"', '""')}
        write_lines(path, ",".join(cells), ",".join(f'"{cell}"' for cell in cells.values()))
    else:
        write_lines(path, row)
    (found,) = rows_of(path, images=9)
    assert labels_of(found) == {"fabric": "Cotton", "color": "Red, Blue", "size": "S"}
    assert [image["path"] for image in (found["image"], *found["images"])] == ["0.jpg", "r.jpg", "b.jpg"]
    told = read_as(path)
    assert (told.columns[name], told.layout) == ("attribute, images (of variants)", "own" if "own" in kind else "flat")
    assert told.counts == {}


@pytest.mark.parametrize(
    "variant",
    [
        {"id": 1, "options": {"color": "Red", "Width": "3 cm"}},
        {"id": 1, "attributes": [{"name": "color", "value": "Red"}, {"name": "Width", "value": 3, "unit": "cm"}]},
        {"variantId": 1, "selectedOptions": [{"name": "color", "value": "Red"}], "Width": {"value": 3, "unit": "cm"}},
        {"color": ["Red"], "Width": 3, "width_unit": "cm", "parts": [{"a": 1, "b": 2}], "images": 7},
    ],
)
def test_labels_of_a_variant_in_other_forms(tmp_path, variant):
    (row,) = rows_of(
        write_lines(tmp_path / "a.jsonl", {**REQUIRED, "attributes": {"Fit": "Slim"}, "variants": [variant]})
    )
    assert labels_of(row) == {"Fit": "Slim", "color": "Red", "Width": "3 cm"}


@pytest.mark.parametrize(
    "attributes",
    [
        None,
        "Fit: Slim; Neck: V",
        [{"name": "Fit", "value": "Slim"}, {"name": "Neck", "value": "V"}],
        {"Cut": {"Fit": "Slim"}, "Top": {"Neck": "V"}},
    ],
)
def test_beside_attributes_in_other_forms(tmp_path, attributes):
    rows = [{**REQUIRED, "attributes": {}}] * 300 + [{**REQUIRED, "attributes": attributes, "variants": VARIANTS}]
    *_, row = rows_of(write_lines(tmp_path / "a.jsonl", *rows))
    own = {"Fit": "Slim", "Neck": "V"} if attributes else {}
    assert labels_of(row) == own | {"color": "Red, Blue", "size": "S"}


def test_a_label_in_several_languages_stays_one(tmp_path):
    """It is chosen with the product's language."""
    attributes = {"Fit": [{"language_tag": "de_DE", "value": "Schmal"}, {"language_tag": "en_US", "value": "Slim"}]}
    row = {**REQUIRED, "title": {"de": "Hemd", "fr": "Chemise"}, "attributes": attributes, "variants": VARIANTS[:1]}
    (found,) = rows_of(write_lines(tmp_path / "a.jsonl", row))
    assert labels_of(found) == {"Fit": "Schmal", "color": "Red", "size": "S"}


def test_a_label_of_product_and_variant_is_one(tmp_path):
    row = {**REQUIRED, "color": "Red", "variants": [{"color": "Red"}]}
    assert rows_of(write_lines(tmp_path / "a.jsonl", row))[0]["attributes"] == [("color", "Red")]


@pytest.mark.parametrize(("cell", "expected"), [(["Red", "Blue"], "Red, Blue"), ("two", "two"), ([], "")])
def test_a_column_without_objects_is_an_attribute(tmp_path, cell, expected):
    (row,) = rows_of(write_lines(tmp_path / "a.jsonl", {**REQUIRED, "Fit": "Slim", "variants": cell}))
    assert labels_of(row).get("variants", "") == expected


def test_attributes_of_another_form_cost_their_row(tmp_path):
    bad = []
    rows = [
        {**REQUIRED, "attributes": {"Fit": "Slim"}, "variants": []},
        {**REQUIRED, "attributes": 7, "variants": VARIANTS},
    ]
    rows_of(write_lines(tmp_path / "a.jsonl", *rows), quarantine=lambda *problem: bad.append(problem))
    assert [problem[:3] for problem in bad] == [(1, "attributes", "attributes are not a map")]


def test_that_the_contract_lists_it_makes_it_an_attribute(tmp_path):
    row = {**REQUIRED, "Fit": "Slim", "variants": "two"}
    (found,) = rows_of(write_lines(tmp_path / "a.jsonl", row), {"attributes": ("variants",)})
    assert found["attributes"] == [("variants", "two")]
