"""Amazon's flat files, with the field names of until 2024 and of since."""

import pytest

from moemoe.catalog.layouts import amazon
from tests.catalog.layouts.reading import images_of, read, write

OLD = [
    ["TemplateType=fptcustom", "Version=2021.1014", "TemplateSignature=U0hJUlQ=", "Top 3 rows: Amazon only"],
    ["Product Type", "Seller SKU", "Product Name"],
    [
        *("feed_product_type", "item_sku", "item_name", "update_delete", "parent_child", "parent_sku"),
        *("product_description", "bullet_point1", "bullet_point2", "main_image_url", "other_image_url1", "color_name"),
        *(
            "material_type1",
            "material_type2",
            "item_length",
            "item_length_unit_of_measure",
            "standard_price",
            "quantity",
        ),
    ],
]
PARENT = ["shirt", "P1", "Shirt", "Update", "Parent", "", "<p>Soft.</p>", "Warm", "Light"] + [""] * 9
RED = [
    "shirt",
    "C1",
    "Red shirt",
    "Update",
    "Child",
    "P1",
    "",
    "",
    "",
    "https://img.test/1.jpg",
    "https://img.test/2.jpg",
] + [
    *("Red", "Cotton", "Linen", "12.6", "IN", "19.99", "3"),
]
GONE = ["shirt", "C2", "Blue shirt", "Delete"] + [""] * 14


def flat_file(path, header, *rows):
    width = len(header[-1])
    return write(path, *("\t".join((*row, *[""] * (width - len(row)))) for row in (*header, *rows)))


def test_the_template_until_2024(tmp_path):
    path = flat_file(tmp_path / "clothing.txt", OLD, PARENT, RED, GONE, [""])
    found = read(path)
    assert found.products == [
        {
            "product_id": "C1",
            "marketplace": None,
            "product_type": "shirt",
            "title": "Red shirt",
            "bullet_points": ["Warm", "Light"],  # of its parent, as it has none
            "description": "Soft.",
            "image": "https://img.test/1.jpg",
            "attributes": {"color_name": "Red", "material_type": "Cotton, Linen", "item_length": "12.6 IN"},
        }
    ]
    assert found.aside == []
    assert found.how.layout == "amazon"
    assert found.how.counts == {
        "rows of parents left out: their children are the products": 1,
        "rows of deleted products left out": 1,
    }
    assert found.how.columns["standard_price"] == found.how.columns["quantity"] == "unused"
    assert found.how.columns["item_length_unit_of_measure"] == "unit of item_length"
    assert images_of(path, amazon.LAYOUT) == [["https://img.test/1.jpg", "https://img.test/2.jpg"]]


US = "[marketplace_id=ATVPDKIKX0DER]"
NEW = [
    ["settings=attributeRow=5&contentLanguageTag=en_US&dataRow=7&primaryMarketplaceId=amzn1.mp.o.ATVPDKIKX0DER"],
    ["Fill in the template"],
    ["Identity"],
    ["SKU", "Product Type", "Item Name"],
    [
        *("contribution_sku#1.value", "product_type#1.value", "::record_action"),
        *(f"item_name{US}[language_tag={tag}]#1.value" for tag in ("en_US", "es_US")),
        *(f"bullet_point{US}[language_tag=en_US]#{i}.value" for i in (1, 2)),
        f"main_product_image_locator{US}#1.media_location",
        f"other_product_image_locator_1{US}#1.media_location",
        f"color{US}[language_tag=en_US]#1.value",
        *(f"material{US}[language_tag=en_US]#{i}.value" for i in (1, 2)),
        *(f"item_length_width{US}#1.length.{part}" for part in ("value", "unit")),
        f"purchasable_offer{US}#1.our_price#1.schedule#1.value_with_tax",
    ],
]
NEW_ROW = [
    *("S1", "SHIRT", "Create or Replace (Full Update)", "Red shirt", "Camisa roja", "Warm", "Light"),
    *("https://img.test/1.jpg", "https://img.test/2.jpg", "Red", "Cotton", "Linen", "12.6", "Inches", "9"),
]


def test_the_template_since(tmp_path):
    path = flat_file(tmp_path / "SHIRT.txt", NEW, ["ABC123", "", "example"], NEW_ROW)
    found = read(path)
    assert found.products == [
        {
            "product_id": "S1",
            "marketplace": "US",
            "product_type": "SHIRT",
            "title": "Red shirt",
            "bullet_points": ["Warm", "Light"],
            "description": None,
            "image": "https://img.test/1.jpg",
            "attributes": {
                "color": "Red",
                "material": "Cotton, Linen",
                "item_length_width.length": "12.6 Inches",
            },
        }
    ]
    spanish = f"item_name{US}[language_tag=es_US]#1.value"
    assert found.how.columns[spanish] == "unused: another language than en_US"
    assert images_of(path, amazon.LAYOUT) == [["https://img.test/1.jpg", "https://img.test/2.jpg"]]


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("bullet_point3", "bullet_point"),
        ("material_type", "material_type"),
        (
            "other_product_image_locator_1[marketplace_id=X]#1.media_location",
            "other_product_image_locator.media_location",
        ),
        ("size[marketplace_id=X][language_tag=de_DE]#2.value", "size"),
    ],
)
def test_numbered_fields_have_one_key(column, key):
    assert amazon.field_key(column)[0] == key
