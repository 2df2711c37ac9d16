"""Magento 2's product export: attributes in one cell, variations before their product, further store views."""

import pytest

from tests.support.seller_files import images_of, read, write_dicts
from tests.support.shop_samples import MAGENTO, MAGENTO_HOODIE

VARIATION = {
    "sku": "MH01-S",
    "attribute_set_code": "Top",
    "product_type": "simple",
    "name": "Hoodie-S",
    "visibility": "Not Visible Individually",
}


def test_variations_are_part_of_their_product(tmp_path):
    path = write_dicts(tmp_path / "export.csv", MAGENTO, VARIATION, MAGENTO_HOODIE, VARIATION | {"sku": "MH01-M"})
    found = read(path)
    assert found.products == [
        {
            "product_id": "MH01",
            "marketplace": "base",
            "product_type": "Hoodies & Sweatshirts",
            "title": "Chaz Hoodie",
            "bullet_points": ["Warm"],
            "description": "Light\nSoft.",
            "image": "m/h/mh01-gray_main.jpg",
            "attributes": {
                "size": "S, M",
                "color": "Black, Gray",
                "attribute_set_code": "Top",
                "categories": ", ".join(MAGENTO_HOODIE["categories"].split(",")),
                "climate": "Cool, Indoor",
                "note": "Fits 10, 12 and 14",
                "pattern": "Solid",
            },
        }
    ]
    assert found.how.layout == "magento"
    assert found.how.counts == {"rows of variations, which their products list": 2}
    assert images_of(path) == [["m/h/mh01-gray_main.jpg", "m/h/mh01-gray_back.jpg"]]


def test_a_variation_that_no_product_names_is_told(tmp_path):
    found = read(write_dicts(tmp_path / "a.csv", MAGENTO, VARIATION | {"sku": "lost"}, MAGENTO_HOODIE, VARIATION))
    assert [product["product_id"] for product in found.products] == ["MH01"]
    assert [reason for reason, _ in found.aside] == ["row belongs to no product"]
    assert found.aside[0][1].startswith("'lost' is not visible individually")


def test_further_store_views_are_left_out(tmp_path):
    german = {"sku": "MH01", "store_view_code": "de", "name": "Kapuzenjacke"}
    alone = {
        "sku": "MH02",
        "store_view_code": "de",
        "attribute_set_code": "Top",
        "name": "Jacke",
        "base_image": "no_selection",
    }
    found = read(write_dicts(tmp_path / "a.csv", MAGENTO, MAGENTO_HOODIE, german, alone))
    assert [(product["title"], product["product_type"]) for product in found.products] == [
        ("Chaz Hoodie", "Hoodies & Sweatshirts"), ("Jacke", "Top"),
    ]  # fmt: skip
    assert found.products[1]["image"] is None
    assert found.how.counts == {"rows of further store views left out": 1}


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ('color="Red, dark",note="5"" wide",fit=Slim', {"color": "Red, dark", "note": '5" wide', "fit": "Slim"}),
        ("color=Red,,fit=", {"color": "Red,"}),
        ("formula=a=b, c", {"formula": "a=b, c"}),
        (
            '"color=Red|Blue","size=M, L","note=""5"""" wide"", a=b"',
            {"color": "Red, Blue", "size": "M, L", "note": '"5"" wide", a=b'},
        ),
        ('"color=""Red""","size=""M, L"""', {"color": "Red", "size": "M, L"}),
        ("color=Red;size=M, L", {"color": "Red", "size": "M, L"}),
        ('"color=Red"|"size=M, L"', {"color": "Red", "size": "M, L"}),
        ("link=?a=1&amp;b=2", {"link": "?a=1&amp;b=2"}),
    ],
)
def test_pairs(tmp_path, cell, labels):
    row = {"sku": "1", "attribute_set_code": "Top", "name": "A", "additional_attributes": cell}
    attributes = read(write_dicts(tmp_path / "a.csv", MAGENTO, row)).first["attributes"]
    assert attributes.pop("attribute_set_code") == "Top"
    assert attributes == labels


def test_variations_and_lists_with_another_separator(tmp_path):
    row = MAGENTO_HOODIE | {
        "categories": "Default/Men, Boys;Default/Men, Boys/Hoodies", "additional_images": "b.jpg;c.jpg",
        "additional_attributes": "climate=Cool, dry;pattern=Solid",
        "configurable_variations": '"sku=MH01-S";"size=S, small"|"sku=MH01-M";"size=M"',
    }  # fmt: skip
    found = read(path := write_dicts(tmp_path / "a.csv", MAGENTO, row, VARIATION))
    assert (found.first["product_type"], len(found.products)) == ("Hoodies", 1)
    labels = found.first["attributes"]
    assert (labels["climate"], labels["pattern"], labels["size"]) == ("Cool, dry", "Solid", "S, small, M")
    assert images_of(path)[0][1:] == ["b.jpg", "c.jpg"]


def test_a_cell_without_pairs_is_counted(tmp_path):
    row = MAGENTO_HOODIE | {"additional_attributes": "no pair at all", "configurable_variations": ""}
    found = read(write_dicts(tmp_path / "a.csv", MAGENTO, row))
    assert found.how.counts == {"cells of additional_attributes without a pair such as code=value, left out": 1}


def test_a_store_view_away_from_its_product_is_no_product(tmp_path):
    other = MAGENTO_HOODIE | {"sku": "MH02", "name": "Other"}
    french = {"sku": "MH01", "store_view_code": "fr", "name": "Sweat"}
    found = read(write_dicts(tmp_path / "a.csv", MAGENTO, MAGENTO_HOODIE, other, french))
    assert [product["title"] for product in found.products] == ["Chaz Hoodie", "Other"]
    whole = MAGENTO_HOODIE | french  # as Magento writes it, with its product's type and attribute set
    found = read(write_dicts(tmp_path / "b.csv", MAGENTO, MAGENTO_HOODIE, other, whole, french))
    assert [product["title"] for product in found.products] == ["Chaz Hoodie", "Other"]
    assert found.how.counts == {"rows of further store views left out": 2}


def test_a_description_that_stands_for_nothing_is_none(tmp_path):
    row = MAGENTO_HOODIE | {"short_description": "NULL", "store_view_code": "nan"}
    assert read(write_dicts(tmp_path / "a.csv", MAGENTO, row)).first["description"] == "Soft."


def test_values_of_a_list_in_quotes(tmp_path):
    row = MAGENTO_HOODIE | {"additional_attributes": 'activity="Gym"|"Yoga, Hot",wide=5"'}
    attributes = read(write_dicts(tmp_path / "a.csv", MAGENTO, row)).first["attributes"]
    assert (attributes["activity"], attributes["wide"]) == ("Gym, Yoga, Hot", '5"')


#: Of a whole export of Magento 2, besides those in MAGENTO and of attributes.
OF_SHOP = """product_online,tax_class_name,special_price,special_price_from_date,special_price_to_date,url_key,
meta_title,meta_keywords,meta_description,base_image_label,small_image,small_image_label,thumbnail_image,thumbnail_image_label,
swatch_image,created_at,updated_at,new_from_date,new_to_date,display_product_options_in,map_price,msrp_price,map_enabled,
gift_message_available,custom_design,custom_design_from,custom_design_to,custom_layout_update,page_layout,
product_options_container,msrp_display_actual_price_type,qty,out_of_stock_qty,use_config_min_qty,is_qty_decimal,
allow_backorders,use_config_backorders,min_cart_qty,max_cart_qty,is_in_stock,notify_on_stock_below,manage_stock,
enable_qty_increments,is_decimal_divided,website_id,related_skus,related_position,crosssell_skus,upsell_position,
additional_image_labels,hide_from_product_page,custom_options,bundle_price_type,bundle_values,associated_skus,
downloadable_links,configurable_variation_labels"""


def test_attributes_in_columns_of_their_own(tmp_path):
    """As many write them for the import, which takes both."""
    shop = OF_SHOP.replace("\n", "").split(",")
    columns = [*MAGENTO, *shop, "color", "activity", "Neck_Type", "max_load", ""]
    row = (
        MAGENTO_HOODIE
        | dict.fromkeys(shop, "x")
        | {"color": "Red", "activity": "Gym|Yoga", "Neck_Type": "V", "": "y", "max_load": "5"}
    )
    found = read(write_dicts(tmp_path / "a.csv", columns, row | {"configurable_variations": ""}))
    labels = found.first["attributes"]
    assert (labels["color"], labels["activity"], labels["neck_type"]) == ("Red", "Gym, Yoga", "V")
    assert labels.keys() - {"color", "activity", "neck_type", "max_load"} == {
        *("attribute_set_code", "categories", "climate", "note", "pattern")
    }
    assert {found.how.columns[column] for column in shop} == {"unused"}


@pytest.mark.parametrize("weight", ["0", "0.0000"])
def test_a_weight_that_nobody_gave(tmp_path, weight):
    row = MAGENTO_HOODIE | {"weight": weight}
    assert "weight" not in read(write_dicts(tmp_path / "a.csv", MAGENTO, row)).first["attributes"]


@pytest.mark.parametrize("of_shop", ["visibility", "base_image", "url_key", "product_online"])
def test_attributes_in_columns_of_their_own_alone(tmp_path, of_shop):
    """It was taken for an export of WooCommerce in another language, whose types of products are called alike."""
    columns = ["sku", "attribute_set_code", "product_type", "categories", "name", "color", of_shop]
    row = dict(zip(columns, ["A", "Top", "simple", "Root/Men/Shirts", "Shirt", "Red", ""], strict=True))
    found = read(write_dicts(tmp_path / "a.csv", columns, row))
    assert (found.how.layout, found.first["product_type"], found.first["title"]) == ("magento", "Shirts", "Shirt")
    assert found.first["attributes"]["color"] == "Red"
