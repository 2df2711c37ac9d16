"""XML feeds: items in order, in bounded memory, and no access outside the file."""

import gzip

import pytest

from moemoe.catalog.formats import xml_rows
from moemoe.catalog.formats.opened import open_table
from moemoe.catalog.formats.xml_elements import LEFT_OUT
from moemoe.errors import CatalogError
from tests.support.catalog_files import read_as, rows_of

NAMESPACE = 'xmlns:g="http://base.google.com/ns/1.0" xmlns:x="http://other.test"'


def feed(items: str) -> str:
    return f'<?xml version="1.0"?><rss {NAMESPACE}><channel><title>Shop</title>{items}</channel></rss>'


def table(path, content: str | bytes):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_table(str(path), path)


def test_values(tmp_path):
    found = table(
        tmp_path / "a.xml",
        feed(
            "<item><g:id> 7 </g:id><title>A &amp; B</title><empty/><x:tag>one</x:tag><x:tag>two</x:tag>"
            "<g:ship><g:country>DE</g:country></g:ship><text>mixed <b>bold</b></text></item><item><g:id>8</g:id></item>"
        ),
    )
    assert found.columns == ["g:id", "title", "tag", "g:ship", "text"]
    assert list(found.rows()) == [
        {"g:id": "7", "title": "A & B", "tag": ["one", "two"], "g:ship": {"g:country": "DE"}, "text": "mixed bold"},
        {"g:id": "8"},
    ]


def test_gz_and_many_items(tmp_path):
    items = "".join(f"<item><g:id>{i}</g:id></item>" for i in range(1000))
    found = table(tmp_path / "a.xml.gz", gzip.compress(feed(items).encode()))
    assert [row["g:id"] for row in found.rows()] == [str(i) for i in range(1000)]


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>',
        '<!DOCTYPE rss [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE rss SYSTEM "http://127.0.0.1/x.dtd">',
    ],
)
def test_entities_are_refused(tmp_path, declaration):
    content = feed("<item><title>&b;</title></item>").replace("<rss", f"{declaration}<rss", 1)
    with pytest.raises(CatalogError, match=r"a\.xml declares a document type"):
        table(tmp_path / "a.xml", content)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (feed("<item><g:id>7</g:id></item>")[:-20], "is cut short or is not well-formed XML"),
        (feed("<item><g:id>7</g:id>")[:-30], "is cut short or is not well-formed XML"),
        (feed("<item><g:id>7 & 8</g:id></item>"), "is cut short or is not well-formed XML.*line 1"),
        (feed(""), "has no <item> or <entry>"),
        ("", "is cut short or is not well-formed XML"),
        (feed("<item>" + "<a>" * 200), "elements more than 100 deep"),
    ],
)
def test_bad_files(tmp_path, content, problem):
    with pytest.raises(CatalogError, match=problem):
        list(table(tmp_path / "a.xml", content).rows())


def test_an_item_has_a_size(tmp_path, monkeypatch):
    monkeypatch.setattr(xml_rows, "MAX_RECORD", 1000)
    with pytest.raises(CatalogError, match="is it a product feed"):
        table(tmp_path / "a.xml", feed(f"<item><title>{'x' * 2000}</title></item>"))


def test_a_damaged_gz(tmp_path):
    content = gzip.compress(feed("<item><g:id>7</g:id></item>" * 1000).encode())
    with pytest.raises(CatalogError, match="is damaged or cut short"):
        list(table(tmp_path / "a.xml.gz", content[:-40]).rows())


@pytest.mark.parametrize(
    "declared", ["", 'xmlns:g="http://base.google.com/ns/1.0/"', 'xmlns:g="https://base.google.com/ns/1.0"']
)
def test_googles_namespace_as_feeds_have_it(tmp_path, declared):
    """They forget it, or spell it as a page's address."""
    content = feed("<item><g:id>7</g:id><x:tag>one</x:tag></item>").replace(NAMESPACE.split(" ")[0], declared)
    assert list(table(tmp_path / "a.xml", content).rows()) == [{"g:id": "7", "tag": "one"}]


def test_a_prefix_of_ones_own(tmp_path):
    content = feed("<item><a:id>7</a:id><g:tag>one</g:tag></item>")
    content = content.replace(NAMESPACE, 'xmlns:a="http://base.google.com/ns/1.0" xmlns:g="http://other.test"')
    assert list(table(tmp_path / "a.xml", content).rows()) == [{"g:id": "7", "tag": "one"}]


def test_a_list_of_products(tmp_path):
    content = "<products><product><id>7</id><name>Chair</name></product><product><id>8</id></product></products>"
    assert list(table(tmp_path / "a.xml", content).rows()) == [{"id": "7", "name": "Chair"}, {"id": "8"}]


def test_lists_of_products_with_lists(tmp_path):
    """A list is within an element of its name, and a label has its name in an attribute or in an element."""
    content = (
        '<products xmlns:a="http://a.test"><product id="7" a:b="x" xml:lang="en"><id>8</id><title>Chair</title>'
        "<images><image>1.jpg</image><image>2.jpg</image></images><bullet_points><item>soft</item></bullet_points>"
        '<attributes><attribute name="Color">Red</attribute><attribute code="w" unit="cm">5</attribute></attributes>'
        '<param name="Fit">Slim</param><link name="x">y</link><size><w>3</w></size></product>'
        '<product id="9"><categories><category>Men</category></categories>'
        "<properties><property><name>Fit</name><value>Slim</value></property></properties></product></products>"
    )
    assert list(table(tmp_path / "a.xml", content).rows()) == [
        {
            "id": "8",
            "title": "Chair",
            "images": ["1.jpg", "2.jpg"],
            "bullet_points": ["soft"],
            "attributes": [{"name": "Color", "value": "Red"}, {"name": "w", "value": "5", "unit": "cm"}],
            "param": [{"name": "Fit", "value": "Slim"}],
            "link": "y",
            "size": {"w": "3"},
        },
        {"id": "9", "categories": ["Men"], "properties": [{"name": "Fit", "value": "Slim"}]},
    ]


@pytest.mark.parametrize(
    "labels",
    [
        '<attributes><attribute name="Fit">Slim</attribute><attribute key="Width" unit="cm">5</attribute></attributes>',
        "<attributes><attribute><name>Fit</name><value>Slim</value></attribute>"
        "<attribute><name>Width</name><value>5</value><unit>cm</unit></attribute></attributes>",
        '<param name="Fit">Slim</param><param name="Width" unit="cm">5</param>',
    ],
)
def test_labels_of_a_list_of_products(tmp_path, labels):
    product = "<product_type>Chairs</product_type><title>Chair</title><images><image>a.jpg</image></images>"
    (tmp_path / "a.xml").write_text(f'<products><product product_id="7">{product}{labels}</product></products>')
    (row,) = rows_of(tmp_path / "a.xml")
    assert (row["product_id"], row["image"]["path"]) == ("7", "a.jpg")
    assert row["attributes"] == [("Fit", "Slim"), ("Width", "5 cm")]


def test_a_value_in_an_attribute_of_an_element(tmp_path):
    (tmp_path / "a.xml").write_text(
        "<products><product><product_id>1</product_id><product_type>Shirts</product_type><title>Shirt</title>"
        '<image url="https://a.test/1.jpg"/><color value="Red"/>'
        '<attributes><attribute name="Fit" value="Slim"/></attributes></product></products>'
    )
    (row,) = rows_of(tmp_path / "a.xml")
    assert row["image"]["path"] == "https://a.test/1.jpg"
    assert ("Fit", "Slim") in row["attributes"]


def products(path, items: str, columns=(), **given):
    path.write_text(f"<shop>{items}</shop>")
    return rows_of(path, {"product_id": "id", "product_type": "type", **dict(columns)}, **given)


def test_html_within_an_element_is_its_text(tmp_path):
    """It was an object, and a text around it had the object as Python prints it."""
    text = "<description>Soft: <ul><li>of <b>wool</b></li><li>warm</li></ul><p>Wash  cold<br/>dry</p></description>"
    label = "<care><p>Cold</p></care><size><table><tr><td>S</td><td>M</td></tr></table></size>"
    (row,) = products(tmp_path / "a.xml", f"<product><id>1</id><type>S</type><title>T</title>{text}{label}</product>")
    assert row["description"] == "Soft:\nof wool\nwarm\nWash cold\ndry"
    assert row["attributes"] == [("care", "Cold"), ("size", "S M")]


def test_what_stands_in_attributes_of_elements(tmp_path):
    """Units and languages are read, what is all there is of an element is an object, and the rest is counted."""
    items = (
        '<product><id>1</id><type id="7">S</type><title lang="de">Hut</title><title languageCode="en">Hat</title>'
        '<weight unit="kg">2.5</weight><height unitCode="CMT">4</height><color xml:lang="en">red</color>'
        '<brand id="7" name="Acme"/><note>wash<at>30</at></note></product>'
    )
    (row,) = products(tmp_path / "a.xml", items)
    assert (row["title"], row["product_type"]) == ("Hat", "S")
    assert row["attributes"] == [
        ("weight", "2.5 kg"), ("height", "4 cm"), ("color", "red"), ("brand", "Acme"), ("note", "wash\n30"),
    ]  # fmt: skip
    counts = read_as(tmp_path / "a.xml", {"product_id": "id", "product_type": "type"}).counts
    assert counts[f"{LEFT_OUT} id of type"] == 1


@pytest.mark.parametrize("name", ["PRODUCT", "Item", "offer", "SHOPITEM", "ARTICLE", "row"])
@pytest.mark.parametrize(
    "label",
    [
        "<FEATURE><FNAME>Width</FNAME><FVALUE>5</FVALUE><FUNIT>cm</FUNIT></FEATURE>",
        "<ARTICLE_FEATURES><FEATURE><FNAME>Width</FNAME><FVALUE>5</FVALUE><FUNIT>cm</FUNIT></FEATURE></ARTICLE_FEATURES>",
        "<PARAM><PARAM_NAME>Width</PARAM_NAME><VAL>5 cm</VAL></PARAM>",
        '<Param Name="Width" Unit="cm">5</Param>',
    ],
)
def test_what_products_are_called(tmp_path, name, label):
    items = f"<{name}><id>1</id><type>S</type><DETAILS/><title>T</title>{label}</{name}>"
    (row,) = products(tmp_path / "a.xml", items)
    assert (row["product_id"], row["title"], row["attributes"]) == ("1", "T", [("Width", "5 cm")])


def test_elements_that_are_called_as_those_of_html(tmp_path):
    """As Ceneo has them, whose attributes HTML does not know."""
    lists = '<imgs><main url="1.jpg"/><i url="2.jpg"/></imgs><attrs><a name="Fit">Slim</a><a name="Neck">V</a></attrs>'
    path = tmp_path / "a.xml"
    path.write_text(f'<offers><o id="1"><name>T</name>{lists}</o></offers>')
    (row,) = open_table(str(path), path).rows()
    assert row["attrs"] == [{"name": "Fit", "value": "Slim"}, {"name": "Neck", "value": "V"}]
    assert row["imgs"] == {"main": {"url": "1.jpg"}, "i": {"url": "2.jpg"}}


def test_products_that_have_a_text_called_product(tmp_path):
    """As Heureka's have, whose row is the <SHOPITEM>."""
    path = tmp_path / "a.xml"
    path.write_text("<SHOP><SHOPITEM><ITEM_ID>7</ITEM_ID><PRODUCT>Chair</PRODUCT></SHOPITEM></SHOP>")
    assert list(open_table(str(path), path).rows()) == [{"ITEM_ID": "7", "PRODUCT": "Chair"}]


def test_labels_with_their_name_outside_and_their_value_within(tmp_path):
    """As TradeTracker has them."""
    labels = (
        '<property name="Fit"><value>Slim</value></property><property name="Width"><value>3</value><unit>cm</unit>'
        '</property><property name="Colors"><values><value>Red</value><value>Blue</value></values></property>'
    )
    path = tmp_path / "a.xml"
    path.write_text(
        "<products><product><product_id>1</product_id><product_type>S</product_type><title>T</title>"
        f"<properties>{labels}</properties></product></products>"
    )
    assert rows_of(path)[0]["attributes"] == [("Fit", "Slim"), ("Width", "3 cm"), ("Colors", "Red, Blue")]
    path.write_text(path.read_text().replace(labels, labels.partition("</property>")[0] + "</property>"))
    assert rows_of(path)[0]["attributes"] == [("Fit", "Slim")]


def test_bmecat(tmp_path):
    items = (
        "<T_NEW_CATALOG><ARTICLE><SUPPLIER_AID>1</SUPPLIER_AID><ARTICLE_DETAILS><DESCRIPTION_SHORT>T</DESCRIPTION_SHORT>"
        "</ARTICLE_DETAILS><ARTICLE_FEATURES><REFERENCE_FEATURE_GROUP_ID>S</REFERENCE_FEATURE_GROUP_ID><FEATURE><FNAME>"
        "Fit</FNAME><FVALUE>Slim</FVALUE><FVALUE>Wide</FVALUE></FEATURE></ARTICLE_FEATURES><MIME_INFO><MIME><MIME_SOURCE>"
        "a.jpg</MIME_SOURCE></MIME><MIME><MIME_SOURCE>b.jpg</MIME_SOURCE></MIME></MIME_INFO></ARTICLE></T_NEW_CATALOG>"
    )
    names = {"product_id": "SUPPLIER_AID", "title": "DESCRIPTION_SHORT", "product_type": "REFERENCE_FEATURE_GROUP_ID"}
    (row,) = products(tmp_path / "a.xml", items, names, images=2)
    assert (row["product_id"], row["title"], row["attributes"]) == ("1", "T", [("Fit", "Slim, Wide")])
    assert [row["image"]["path"], row["images"][0]["path"]] == ["a.jpg", "b.jpg"]


def test_of_a_file_without_products_it_says_what_is_there(tmp_path):
    with pytest.raises(CatalogError, match=r"has no <item> or <entry>, nor <product>.*it has <shop>, <goods>$"):
        products(tmp_path / "a.xml", "<goods/>")
