"""Google Merchant Center's product data as TSV and as XML feeds."""

import pytest

from moemoe.catalog.layouts import google
from moemoe.errors import CatalogError
from tests.catalog.layouts.reading import images_of, read, write

HEADER = [
    *("id", "title", "description", "link", "image_link", "additional_image_link", "price", "product_type"),
    *("google_product_category", "color", "material", "item_group_id", "product_detail", "product_highlight"),
    *("Custom Neckline", "shipping(country:price)"),
]
ROW = [
    *("7", "Red shirt", "Soft &amp; warm", "https://shop.test/7", "https://img.test/1.jpg"),
    *("https://img.test/2.jpg, https://img.test/3.jpg", "9 EUR", "Home > Men > Shirts, Home > Sale"),
    *("Apparel & Accessories > Clothing", "Red/Blue", "Cotton/Linen", "g7", "Fit:Cut:Slim,:Care:Wash cold"),
    *('Washable,"Light, airy"', "Round", "DE:4.95 EUR"),
]


def tsv(path, *rows):
    return write(path, *("\t".join('"' + c.replace('"', '""') + '"' if '"' in c else c for c in row) for row in rows))


@pytest.mark.parametrize("name", ["feed.tsv", "feed.txt", "feed.csv"])
def test_tsv(tmp_path, name):
    found = read(tsv(tmp_path / name, HEADER, ROW))
    assert found.first == {
        "product_id": "7",
        "marketplace": None,
        "product_type": "Shirts",
        "title": "Red shirt",
        "bullet_points": ["Washable", "Light, airy"],
        "description": "Soft & warm",
        "image": "https://img.test/1.jpg",
        "attributes": {
            "product_type": "Home > Men > Shirts, Home > Sale",
            "google_product_category": "Apparel & Accessories > Clothing",
            "color": "Red, Blue",
            "material": "Cotton, Linen",
            "custom_neckline": "Round",
            "Cut": "Slim",
            "Care": "Wash cold",
        },
    }
    assert found.how.layout == "google"
    assert {c for c, became in found.how.columns.items() if became == "unused"} == {
        "link", "price", "item_group_id", "shipping(country:price)",
    }  # fmt: skip
    assert images_of(tmp_path / name, google.LAYOUT) == [[f"https://img.test/{i}.jpg" for i in (1, 2, 3)]]


@pytest.mark.parametrize(
    ("cell", "product_type"),
    [
        ("Shirts", "Shirts"),
        ("Bags, Belts", "Bags, Belts"),  # one name with a comma
        ("Home > Bags, Belts", "Bags, Belts"),
        ('"Home > Bags, Belts",Sale', "Bags, Belts"),
        ("A > Hats,A > Sale", "Hats"),
        ("", "Clothing"),
    ],
)
def test_product_type(tmp_path, cell, product_type):
    row = [cell if name == "product_type" else value for name, value in zip(HEADER, ROW, strict=True)]
    assert read(tsv(tmp_path / "feed.tsv", HEADER, row)).first["product_type"] == product_type


RSS = """<?xml version="1.0" encoding="{encoding}"?>
<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel><title>Shop</title><link>https://shop.test</link>
<item><title>Shop's title</title><g:id>7</g:id><g:title>Größe &amp; more</g:title>
<description><![CDATA[<p>Soft.</p><ul><li>Warm</li></ul>]]></description><g:image_link>https://img.test/1.jpg</g:image_link>
<g:additional_image_link>https://img.test/2,x.jpg</g:additional_image_link>
<g:additional_image_link>https://img.test/3.jpg</g:additional_image_link>
<g:product_type>Men &gt; Shirts</g:product_type><g:product_type>Sale</g:product_type><g:color>Red</g:color>
<g:shipping><g:country>DE</g:country><g:price>4 EUR</g:price></g:shipping>
<g:product_highlight>Light, airy</g:product_highlight><g:product_highlight>Washable</g:product_highlight>
<g:product_detail><g:section_name>Fit</g:section_name><g:attribute_name>Cut</g:attribute_name>
<g:attribute_value>Slim</g:attribute_value></g:product_detail></item>
<item><g:id>8</g:id><title>Hat</title><g:product_type>Hats</g:product_type><g:size>M</g:size></item></channel></rss>"""


@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1"])
def test_rss(tmp_path, encoding):
    feed = tmp_path / "feed.xml"
    feed.write_bytes(RSS.format(encoding=encoding).encode(encoding))
    found = read(feed)
    assert found.first == {
        "product_id": "7",
        "marketplace": None,
        "product_type": "Shirts",
        "title": "Größe & more",  # Google's own comes before RSS's
        "bullet_points": ["Light, airy", "Washable", "Warm"],
        "description": "Soft.",
        "image": "https://img.test/1.jpg",
        "attributes": {"product_type": "Men > Shirts, Sale", "color": "Red", "Cut": "Slim"},
    }
    assert found.products[1]["attributes"] == {"product_type": "Hats", "size": "M"}
    assert found.how.format == "XML"
    assert found.how.columns["g:shipping"] == "unused"
    assert images_of(feed, google.LAYOUT)[0] == [f"https://img.test/{i}.jpg" for i in ("1", "2,x", "3")]


def test_atom(tmp_path):
    feed = write(
        tmp_path / "feed.xml",
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><title>Shop</title><entry>'
        "<g:id>7</g:id><title>Hat</title><summary>Warm</summary><g:product_type>Hats</g:product_type></entry></feed>",
    )
    assert (read(feed).first["title"], read(feed).first["product_type"]) == ("Hat", "Hats")


def test_without_a_type_it_says_what_to_add(tmp_path):
    feed = write(
        tmp_path / "feed.xml",
        '<rss xmlns:g="http://base.google.com/ns/1.0"><channel><item><g:id>7</g:id></item></channel></rss>',
    )
    with pytest.raises(CatalogError, match="has no product_type and no google_product_category"):
        read(feed)
