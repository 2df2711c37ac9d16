"""WooCommerce's product export: numbered attributes, escaped lists, variations that name their parent."""

import csv

import pytest

from moemoe.catalog.layouts import woocommerce
from moemoe.errors import CatalogError
from tests.catalog.layouts.reading import images_of, read, write

COLUMNS = [
    *("ID", "Type", "SKU", "Name", "Published", "Short description", "Description", "Regular price", "Categories"),
    *("Tags", "Images", "Parent", "Attribute 1 name", "Attribute 1 value(s)", "Attribute 1 visible"),
    *("Attribute 2 name", "Attribute 2 value(s)", "Meta: care", "Meta: _wpcom_is_markdown"),
]
SHIRT = {
    "ID": "44",
    "Type": "variable",
    "SKU": "shirt",
    "Name": "Red &amp; Blue",
    "Short description": "Light",
    "Description": "<p>Soft.</p>\\n<ul>\\n<li>Warm</li>\\n</ul>",
    "Categories": r"Sale, Clothing > Shirts\, Tops, Clothing > Men",
    "Tags": "new, summer",
    "Images": "https://img.test/1,w_2.jpg, https://img.test/2.jpg",
    "Attribute 1 name": "Color",
    "Attribute 1 value(s)": r"Red, Blue\, dark",
    "Attribute 2 name": "Note",
    "Attribute 2 value(s)": '"Powered up, tested."',
    "Meta: care": "'-30 degrees",
    "Meta: _wpcom_is_markdown": "1",
}
VARIATION = {"ID": "76", "Type": "variation", "SKU": "shirt-red", "Name": "Red", "Parent": "id:44"}


def export(path, *rows):
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_rows(tmp_path):
    path = export(tmp_path / "wc-product-export.csv", SHIRT)
    found = read(path)
    assert found.first == {
        "product_id": "44",
        "marketplace": None,
        "product_type": "Shirts, Tops",
        "title": "Red & Blue",
        "bullet_points": ["Warm"],
        "description": "Light\nSoft.",
        "image": "https://img.test/1,w_2.jpg",
        "attributes": {
            "Color": "Red, Blue, dark",
            "Note": "Powered up, tested.",
            "care": "-30 degrees",
            "Categories": "Sale, Clothing > Shirts, Tops, Clothing > Men",
            "Tags": "new, summer",
        },
    }
    assert found.how.layout == "woocommerce"
    assert found.how.columns["Meta: _wpcom_is_markdown"] == found.how.columns["Regular price"] == "unused"
    assert images_of(path, woocommerce.LAYOUT) == [["https://img.test/1,w_2.jpg", "https://img.test/2.jpg"]]


@pytest.mark.parametrize("parent", ["id:44", "shirt"])
def test_variations_are_part_of_their_parents(tmp_path, parent):
    orphan = VARIATION | {"SKU": "lost", "Parent": "id:99"}
    simple = {"ID": "45", "Type": "simple, virtual", "SKU": "hat", "Name": "Hat", "Categories": "Hats"}
    found = read(export(tmp_path / "a.csv", SHIRT, simple, VARIATION | {"Parent": parent}, orphan))
    assert [product["product_id"] for product in found.products] == ["44", "45"]
    assert found.how.counts == {"rows of variations, which their products list": 1}
    assert found.aside == [("row belongs to no product", "variation 'lost': no row before has its parent 'id:99'")]


def test_an_import_file_without_ids_goes_by_sku(tmp_path):
    rows = ["SKU,Type,Name,Categories,Attribute 1 name,Attribute 1 value(s)", "s1,simple,Shirt,Shirts,Size,M"]
    assert read(write(tmp_path / "a.csv", *rows)).first["product_id"] == "s1"
    with pytest.raises(CatalogError, match="has no Categories, which becomes the product type"):
        read(write(tmp_path / "b.csv", rows[0].replace("Categories", "Groups"), rows[1]))
