"""BigCommerce's product exports, modern and legacy."""

import pytest

from moemoe.catalog.layouts.bigcommerce import NO_PAIRS
from tests.support.seller_files import images_of, read, write, write_dicts
from tests.support.shop_samples import BIGCOMMERCE, BIGCOMMERCE_LEGACY, BIGCOMMERCE_PRODUCT, BIGCOMMERCE_ROWS


def test_modern(tmp_path):
    path = write_dicts(tmp_path / "products.csv", BIGCOMMERCE, *BIGCOMMERCE_ROWS)
    found = read(path)
    assert found.products == [
        {
            "product_id": "100",
            "marketplace": None,
            "product_type": "Shirts",
            "title": "Shirt",
            "bullet_points": ["Warm"],
            "description": "Soft.",
            "image": "https://img.test/1.jpg",
            "attributes": {
                "Brand": "Acme",
                "Categories": "Sale, Clothing/Men/Shirts",
                "Fabric": "Cotton",
                "Fit": "Slim",
                "Color": "Red, Blue",
                "Size": "M",
            },
        }
    ]
    assert found.how.layout == "bigcommerce"
    assert found.how.counts == {"rows of variants, images, videos and rules joined": 4}
    assert images_of(path) == [[f"https://img.test/{name}.jpg" for name in ("1", "2", "v")]]


@pytest.mark.parametrize("prefix", ["", "Product "])
def test_weight_and_dimensions_are_numbers_without_a_unit(tmp_path, prefix):
    """The shop's unit is not in the file; 0 is BigCommerce's for none."""
    columns = [f"{prefix}{name}" for name in ("Weight", "Width", "Height", "Depth")]
    row = BIGCOMMERCE_PRODUCT | dict(zip(columns, ("1.5000", "20", "0.0000", "0"), strict=True))
    found = read(write_dicts(tmp_path / "products.csv", [*BIGCOMMERCE, *columns], row))
    labels = found.first["attributes"]
    assert {key: labels.get(key) for key in ("Weight", "Width", "Height", "Depth")} == {
        "Weight": "1.5000", "Width": "20", "Height": None, "Depth": None
    }  # fmt: skip
    assert {found.how.columns[column] for column in columns} == {"attribute"}


def test_rows_before_the_first_product_are_told(tmp_path):
    found = read(
        write_dicts(
            tmp_path / "products.csv", BIGCOMMERCE, BIGCOMMERCE_ROWS[1], BIGCOMMERCE_PRODUCT, {"Name": "no item"}
        )
    )
    assert [product["product_id"] for product in found.products] == ["100"]
    assert [reason for reason, _ in found.aside] == ["row belongs to no product"] * 2
    assert found.aside[0][1] == "record 1 after the header is 'Variant' item, with no readable product before it"


def test_legacy(tmp_path):
    rows = [
        {
            "Item Type": "Product",
            "Product ID": "7",
            "Product Name": "Hat",
            "Product Type": "P",
            "Category": "Shop All/Hats;Sale",
            "Product Image File - 1": "https://img.test/1.jpg",
            "Product Image File - 2": "https://img.test/2.jpg",
            "GPS Gender": "Male",
            "Product Custom Fields": '"Fabric=Wool; pure";Lining=None',
        },
        {"Item Type": "  SKU", "Product Name": '[CS]Color=Red:#ff0000,[RB]Size=7/8"'},
        {"Item Type": "  SKU", "Product Name": "[CS]Color=Blue:#00f,[RB]Size=M, tall"},
        {"Item Type": "  Rule", "Product Name": "[RB]Size=XXL"},
        {
            "Item Type": "Product",
            "Product Code/SKU": "C-1",
            "Product Name": "Cap",
            "Category": "Category Path: Hats/Caps",
        },
    ]
    found = read(write_dicts(tmp_path / "products.csv", BIGCOMMERCE_LEGACY, *rows))
    hat, cap = found.products
    assert (hat["product_id"], hat["product_type"], hat["title"], hat["image"]) == (
        "7",
        "Hats",
        "Hat",
        "https://img.test/1.jpg",
    )
    assert hat["attributes"] == {
        "Categories": "Shop All/Hats, Sale",
        "Gender": "Male",
        "Fabric": "Wool; pure",
        "Lining": "None",
        "Color": "Red, Blue",
        "Size": '7/8", M, tall',  # a rule is no variant
    }
    assert (cap["product_id"], cap["product_type"]) == ("C-1", "Caps")


@pytest.mark.parametrize("fields", ["[broken", "[1, 2]", "plain text"])
def test_odd_custom_fields_are_counted(tmp_path, fields):
    found = read(write_dicts(tmp_path / "products.csv", BIGCOMMERCE, BIGCOMMERCE_PRODUCT | {"Custom Fields": fields}))
    assert found.first["attributes"] == {"Brand": "Acme", "Categories": "Sale, Clothing/Men/Shirts"}
    assert found.how.counts == {NO_PAIRS: 1}


@pytest.mark.parametrize("fields", ["Fit=Slim;bad", '[{"name": "Fit", "value": "Slim"}, {"value": "bad"}]'])
def test_a_custom_field_without_a_name_beside_others_is_counted(tmp_path, fields):
    found = read(write_dicts(tmp_path / "products.csv", BIGCOMMERCE, BIGCOMMERCE_PRODUCT | {"Custom Fields": fields}))
    assert found.first["attributes"]["Fit"] == "Slim"
    assert found.how.counts == {NO_PAIRS: 1}


def test_a_custom_field_without_a_value_is_nothing(tmp_path):
    fields = {"Custom Fields": "Fit=Slim;Neck="}
    found = read(write_dicts(tmp_path / "products.csv", BIGCOMMERCE, BIGCOMMERCE_PRODUCT | fields))
    assert (found.first["attributes"]["Fit"], found.how.counts) == ("Slim", {})


def test_odd_options_are_counted(tmp_path):
    variant = {"Item": "Variant", "SKU": "A-1", "Options": "Color: Red"}
    rows = [BIGCOMMERCE_PRODUCT, variant, variant | {"Options": ""}]
    found = read(write_dicts(tmp_path / "products.csv", BIGCOMMERCE, *rows))
    assert (len(found.products), found.how.counts[NO_PAIRS]) == (1, 1)


def test_an_entity_in_a_category_divides_nothing(tmp_path):
    row = BIGCOMMERCE_PRODUCT | {"Categories": "Sale;Clothing/Tops &amp; Tees"}
    found = read(write_dicts(tmp_path / "products.csv", BIGCOMMERCE, row)).first
    assert (found["product_type"], found["attributes"]["Categories"]) == ("Tops & Tees", "Sale, Clothing/Tops & Tees")


def test_the_legacy_exports_thumbnail_comes_first(tmp_path):
    kinds = {"File": ("back.jpg", "front.jpg", "side.jpg"), "Is Thumbnail": ("N", "Y", "N"), "Sort": ("2", "0", "1")}
    numbered = {f"Product Image {name} - {i}": cells[i - 1] for name, cells in kinds.items() for i in (1, 2, 3)}
    row = {"Item Type": "Product", "Product ID": "7", "Product Name": "Hat", "Category": "Hats"}
    path = write_dicts(tmp_path / "a.csv", [*dict.fromkeys([*BIGCOMMERCE_LEGACY, *numbered])], row | numbered)
    assert images_of(path) == [["front.jpg", "side.jpg", "back.jpg"]]
    assert read(path).how.columns["Product Image Is Thumbnail - 2"] == "order of images"


LEGACY_HEADER = ",".join(BIGCOMMERCE_LEGACY)
HAT = "Product,7,Hat,P,H-1,Acme,,Soft,Hats"  # what is blank at the end is left out


def test_legacy_rows_lack_blank_cells_at_their_end(tmp_path):
    sizes = [f"  SKU,{i},[RB]Size={size},,H-{size}" for i, size in enumerate("SML")]
    rows = [HAT, *sizes, "  Rule,,[RB]Size=XL", HAT.replace("7,Hat", "8,Cap"), sizes[0]]
    found = read(write(tmp_path / "products.csv", LEGACY_HEADER, *rows))
    assert [(one["product_id"], one["title"], one["attributes"]["Size"]) for one in found.products] == [
        ("7", "Hat", "S, M, L"), ("8", "Cap", "S"),
    ]  # fmt: skip
    assert found.aside == []
    assert found.how.counts == {
        "rows with fewer cells than the header, padded with blank cells": 7,
        "rows of variants, images, videos and rules joined": 5,
    }
    assert found.how.columns["Product Name"] == "title, attribute"


def test_variants_behind_a_product_that_cannot_be_read_are_not_those_of_the_one_before(tmp_path):
    cut = "Product,8,Cap,P,C-1,Acme,,Soft and"
    rows = [HAT, "  SKU,1,[RB]Size=S", cut, "warm,Caps,,,,", "  SKU,2,[RB]Size=XL", HAT.replace("7,", "9,")]
    found = read(write(tmp_path / "products.csv", LEGACY_HEADER, *rows))
    assert [(one["product_id"], one["attributes"].get("Size")) for one in found.products] == [("7", "S"), ("9", None)]
    assert [reason for reason, _ in found.aside] == ["row is not readable"] * 2 + ["row belongs to no product"]


@pytest.mark.parametrize("last", [HAT.removesuffix(",Hats"), "  SKU,1,[RB]Size=Larg"])
def test_a_legacy_export_that_was_cut(tmp_path, last):
    path = tmp_path / "products.csv"
    path.write_text("\n".join([LEGACY_HEADER, HAT.replace("7,", "6,"), last]))
    found = read(path)
    assert [(one["product_id"], one["attributes"].get("Size")) for one in found.products] == [("6", None)]
    assert [reason for reason, _ in found.aside] == ["row is not readable"]


def test_a_column_without_a_name_is_no_column_that_the_file_lacks(tmp_path):
    """As pandas writes its index."""
    columns = ["", *(name for name in BIGCOMMERCE if name != "Brand Name")]
    row = {name: cell for name, cell in BIGCOMMERCE_PRODUCT.items() if name in columns} | {"": "0"}
    assert "Brand" not in read(write_dicts(tmp_path / "a.csv", columns, row)).first["attributes"]
