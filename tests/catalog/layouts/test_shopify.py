"""Shopify's product export: rows of variants and images joined by their handle."""

import csv
import io
import re

import pytest

from moemoe.errors import CatalogError
from tests.support.seller_files import images_of, read, write
from tests.support.shop_samples import SHOPIFY, SHOPIFY_SHIRT

VARIANT = "red-shirt,,,,,,,,,Blue,,M,A-2,30.00,https://cdn.test/1.jpg,1,,,,"
IMAGE = "red-shirt,,,,,,,,,,,,,,https://cdn.test/3.jpg,3,,,,"
HAT = "hat,Hat,,Acme,,Hats,,true,Title,Default Title,,,H-1,9.00,,,,Wool,,active"


@pytest.fixture
def export(tmp_path):
    return tmp_path / "products_export.csv"


def test_variants_and_images_are_joined(export):
    found = read(write(export, SHOPIFY, SHOPIFY_SHIRT, VARIANT, IMAGE, HAT))
    assert found.first == {
        "product_id": "red-shirt",
        "marketplace": None,
        "product_type": "Shirts",  # the category's last, as Type is empty
        "title": "Red & Blue Shirt",
        "bullet_points": ["Cotton"],
        "description": "Soft.",
        "image": "https://cdn.test/1.jpg",  # by its position
        "attributes": {
            "Color": "Red, Blue",  # of variants that differ the product has both
            "Size": "S, M",
            "Gender": "Men",
            "Fabric": "Cotton, Linen",
            "Vendor": "Acme",
            "Product Category": "Apparel > Tops > Shirts",
            "Tags": "new, summer",
        },
    }
    hat = found.products[1]
    assert (hat["product_type"], hat["image"]) == ("Hats", None)
    assert hat["attributes"] == {"Fabric": "Wool", "Vendor": "Acme"}  # "Default Title" is no option
    assert found.how.layout == "shopify"
    assert found.how.counts == {"rows of variants and further images joined": 2}
    assert found.how.columns["Variant Price"] == "unused"
    assert found.how.columns["Handle"] == "product_id"
    assert found.how.columns["Option2 Value"] == "attribute"


def test_all_images_in_order(export):
    write(export, SHOPIFY, SHOPIFY_SHIRT, VARIANT, IMAGE)
    assert images_of(export) == [[f"https://cdn.test/{name}.jpg" for name in ("1", "2", "3", "v")]]


def test_the_export_since_2025(export):
    header = (
        "Title,URL handle,Description,Vendor,Product category,Type,Option1 name,Option1 value,Option1 Linked To,SKU,"
        "Product image URL,Image position,Variant image URL,Color (product.metafields.shopify.color-pattern)"
    )
    rows = [
        "Shirt,shirt,<p>Soft.</p>,Acme,Apparel,Shirts,Size,S,,A-1,https://cdn.test/1.jpg,1,,red; blue",
        ",shirt,,,,,,M,,A-2,,,,",
    ]
    found = read(write(export, header, *rows))
    assert found.first["title"] == "Shirt"
    assert found.first["image"] == "https://cdn.test/1.jpg"
    assert found.first["attributes"]["Size"] == "S, M"
    assert found.first["attributes"]["Color"] == "red; blue"


def test_rows_of_no_product_are_told(export):
    note = "Note: the red column is required" + "," * 19
    nameless = ",,,,,,,,,Blue,,M,A-3,30.00,,,,,,"
    found = read(write(export, SHOPIFY, SHOPIFY_SHIRT, note, VARIANT, nameless, HAT))
    assert [product["product_id"] for product in found.products] == ["red-shirt", "hat"]
    assert found.first["attributes"]["Size"] == "S, M"  # a row of another product between does not part them
    reasons = [
        ("record 2 after the header has handle 'Note: the red column is required'", "neither title nor body"),
        ("record 4 after the header has no handle", ""),
    ]
    assert [reason for reason, _ in found.aside] == ["row belongs to no product"] * 2
    for (_, detail), (begins, holds) in zip(found.aside, reasons, strict=True):
        assert detail.startswith(begins)
        assert holds in detail


def test_a_row_that_cannot_be_read_costs_no_more(export):
    found = read(write(export, SHOPIFY, SHOPIFY_SHIRT, "red-shirt,too,few", VARIANT, HAT))
    assert found.aside == [("row is not readable", "line 4 has 3 cells; the header has 20")]
    assert [product["attributes"].get("Size") for product in found.products] == ["S, M", None]


@pytest.mark.parametrize("cut", ['hat,Hat,"<p>A hat of w', "hat,Hat"])
def test_an_export_cut_in_the_middle_of_a_product(export, cut):
    export.write_text(f"{SHOPIFY}\n{SHOPIFY_SHIRT}\n{VARIANT}\n{cut}")
    if '"' in cut:
        with pytest.raises(CatalogError, match=r"products_export\.csv is cut short or is not CSV: line 5"):
            read(export)
    else:
        found = read(export)
        assert [product["product_id"] for product in found.products] == ["red-shirt"]
        assert found.aside == [("row is not readable", "line 5 has 2 cells; the header has 20")]


def test_without_a_type_it_says_what_to_export(export):
    header = "Handle,Title,Option1 Name,Option1 Value,Variant SKU"
    with pytest.raises(CatalogError, match="has no Type and no Product Category, which becomes the product type"):
        read(write(export, header, "a,A,Size,S,1"))


@pytest.mark.parametrize("begin", ["", "sep=;\r\n"])
def test_as_a_spreadsheet_saves_it_in_europe(tmp_path, begin):
    """Semicolons, a mark at the beginning, Windows line ends."""
    path = tmp_path / "products_export.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        file.write(begin)
        csv.writer(file, delimiter=";").writerows(csv.reader(io.StringIO(f"{SHOPIFY}\n{SHOPIFY_SHIRT}")))
    found = read(path)
    assert (found.first["product_id"], found.first["attributes"]["Fabric"]) == ("red-shirt", "Cotton, Linen")
    assert (found.how.layout, found.how.format) == ("shopify", "CSV (semicolon)")


MATRIXIFY = (
    "ID,Handle,Command,Title,Body HTML,Vendor,Type,Tags,Tags Command,Status,Top Row,Category: ID,Category: Name,"
    "Category,Image Type,Image Src,Image Position,Variant ID,Option1 Name,Option1 Value,Variant SKU,Variant Price"
)
IN_PARTS = '{"type": "root", "children": [{"type": "paragraph", "children": [%s]}, {"type": "list", "children": [%s]}]}'
RICH = IN_PARTS % (
    '{"type": "text", "value": "Made in "}, {"type": "text", "value": "Spain", "bold": true}',
    '{"type": "list-item", "children": [{"type": "text", "value": "Soft"}]}',
)


def test_the_export_of_matrixify(export):
    """Each row repeats what is said of the product; the category stands in where there is no type."""
    shirt = "1,tee,NEW,Tee,<p>Soft</p>,Acme,,,REPLACE,Active,{},gid://1,T-Shirts,Apparel > Tops > T-Shirts,IMAGE"
    rows = [
        f"{shirt.format('TRUE')},https://cdn.test/1.jpg,1,91,Color,Red,A-1,9",
        f"{shirt.format('')},https://cdn.test/2.jpg,2,92,Color,Blue,A-2,9",
    ]
    found = read(write(export, MATRIXIFY, *rows)).first
    assert (found["product_id"], found["product_type"], found["description"]) == ("tee", "T-Shirts", "Soft")
    assert found["attributes"] == {"Color": "Red, Blue", "Vendor": "Acme", "Category": "Apparel > Tops > T-Shirts"}


@pytest.mark.parametrize("cell", ["{0}1", '["{0}1","{0}2"]', "{0}1; {0}2", "{0}1,{0}2"])
def test_metafields_that_refer_to_other_objects_are_no_labels(export, cell):
    text = cell.format("gid://shopify/Metaobject/").replace('"', '""')
    assert SHOPIFY_SHIRT.count('"[""Cotton"", ""Linen""]"') == 1
    found = read(write(export, SHOPIFY, SHOPIFY_SHIRT.replace('"[""Cotton"", ""Linen""]"', f'"{text}"')))
    assert "Fabric" not in found.first["attributes"]
    assert found.how.counts["metafields that refer to other objects of the shop, left out"] == 1


WAYS = {
    "lower": lambda name: name.lower(),
    "underscores": lambda name: name.lower().replace(" ", "_"),
    "words alone": lambda name: re.sub(r"\W+", "_", name.lower()).strip("_"),
}


@pytest.mark.parametrize("way", WAYS)
def test_headers_of_metafields_that_were_changed(export, way):
    header = ",".join(WAYS[way](name) for name in SHOPIFY.split(","))
    found = read(write(export, header, SHOPIFY_SHIRT)).first
    labels = {key.casefold(): label for key, label in found["attributes"].items()}
    assert (labels["fabric"], labels["gender"], labels["color"]) == ("Cotton, Linen", "Men", "Red")


@pytest.mark.parametrize("header", ["Variant Grams", "Weight value (grams)"])
def test_what_the_variants_weigh_in_grams(export, header):
    write(export, f"Handle,Title,Type,Option1 Name,Option1 Value,{header}", "cup,Cup,Cups,Size,S,250", "cup,,,,M,310.5",
          "cup,,,,L,0.0", "cup,,,,XL,", "hat,Hat,Hats,Size,M,0")  # fmt: skip
    cup, hat = read(export).products
    assert cup["attributes"] == {"Size": "S, M, L, XL", "Weight": "250 g, 310.5 g"}  # 0 is what nobody weighed
    assert hat["attributes"] == {"Size": "M"}
    assert read(export).how.columns[header] == "attribute"


def test_the_title_in_every_row(export):
    rows = [row.replace("red-shirt,,", "red-shirt,Red Shirt,") for row in (VARIANT, IMAGE)]
    found = read(write(export, SHOPIFY, SHOPIFY_SHIRT, *rows, HAT))
    assert [product["attributes"].get("Color") for product in found.products] == ["Red, Blue", None]
    assert found.how.counts == {"rows of variants and further images joined": 2}


@pytest.mark.parametrize("title", ["", "Red Shirt"])
def test_rows_of_a_product_that_stand_apart(export, title):
    """As after sorting by price: half a product, or two of one id, would be worse than a reason."""
    apart = VARIANT.replace("red-shirt,,", f"red-shirt,{title},")
    found = read(write(export, SHOPIFY, SHOPIFY_SHIRT, HAT, apart, IMAGE))
    assert [product["product_id"] for product in found.products] == ["red-shirt", "hat"]
    told = "after the header has handle 'red-shirt', whose rows ended before; sort the file by its handles"
    assert found.aside == [("rows of a product stand apart", f"record {number} {told}") for number in (3, 4)]


@pytest.mark.parametrize(
    ("kind", "cell", "label"),
    [
        ("list.single_line_text_field", '["Cotton","Linen"]', "Cotton, Linen"),
        ("dimension", '{"value":70.5,"unit":"CENTIMETERS"}', "70.5 CENTIMETERS"),
        ("list.dimension", '[{"value":1.0,"unit":"INCHES"},{"value":2.5,"unit":"INCHES"}]', "1.0 INCHES, 2.5 INCHES"),
        ("rating", '{"scale_min":"1.0","scale_max":"5.0","value":"4.5"}', "4.5"),
        ("rich_text_field", RICH, "Made in Spain Soft"),
        ("json", '{"tone": "red"}', '{"tone": "red"}'),
        ("single_line_text_field", "[NEW] soft", "[NEW] soft"),
    ],
)
@pytest.mark.parametrize(
    "name",
    [
        *("Metafield: custom.fabric [{}]", "Variant Metafield: custom.fabric [{}]", "metafield:_custom.fabric_[{}]"),
        *("Metafield: fabric", "fabric (product.metafields.custom.fabric)"),
    ],
)
def test_metafields_of_each_kind(export, name, kind, cell, label):
    with export.open("w", newline="") as file:
        columns = ["Handle", "Title", "Type", "Option1 Name", name.format(kind)]
        csv.writer(file).writerows([columns, ["tee", "Tee", "Tees", "", cell]])
    assert read(export).first["attributes"] == {"fabric": label}


def test_several_images_in_one_cell(export):
    """As Matrixify writes them."""
    urls = [f"https://cdn.test/{number}.jpg" for number in (1, 2, 3)]
    header = "Handle,Title,Body HTML,Type,Variant SKU,Image Src"
    lines = [f"shirt,Shirt,,Shirts,s1,{';'.join(urls[:2])}", f"shirt,,,,s2,{urls[2]}"]
    assert images_of(write(export, header, *lines)) == [urls]
