"""WooCommerce's product export: numbered attributes, escaped lists, variations that name their parent."""

import pytest

from moemoe.errors import CatalogError
from tests.support.seller_files import images_of, read, write, write_dicts
from tests.support.shop_samples import WOO, WOO_SHIRT

VARIATION = {"ID": "76", "Type": "variation", "SKU": "shirt-red", "Name": "Red", "Parent": "id:44"}


def test_rows(tmp_path):
    path = write_dicts(tmp_path / "wc-product-export.csv", WOO, WOO_SHIRT)
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
    assert images_of(path) == [["https://img.test/1,w_2.jpg", "https://img.test/2.jpg"]]


@pytest.mark.parametrize("parent", ["id:44", "shirt"])
def test_variations_are_part_of_their_parents(tmp_path, parent):
    orphan = VARIATION | {"SKU": "lost", "Parent": "id:99"}
    simple = {"ID": "45", "Type": "simple, virtual", "SKU": "hat", "Name": "Hat", "Categories": "Hats"}
    found = read(write_dicts(tmp_path / "a.csv", WOO, WOO_SHIRT, simple, VARIATION | {"Parent": parent}, orphan))
    assert [product["product_id"] for product in found.products] == ["44", "45"]
    assert found.how.counts == {"rows of variations, which their products list": 1}
    assert found.aside == [("row belongs to no product", "variation 'lost': no row before has its parent 'id:99'")]


def test_an_import_file_without_ids_goes_by_sku(tmp_path):
    rows = ["SKU,Type,Name,Categories,Attribute 1 name,Attribute 1 value(s)", "s1,simple,Shirt,Shirts,Size,M"]
    assert read(write(tmp_path / "a.csv", *rows)).first["product_id"] == "s1"
    with pytest.raises(CatalogError, match="has no Categories, which becomes the product type"):
        read(write(tmp_path / "b.csv", rows[0].replace("Categories", "Groups"), rows[1]))
