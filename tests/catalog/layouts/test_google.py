"""Google Merchant Center's product data as TSV and as XML feeds."""

import json

import pytest

from moemoe.errors import CatalogError
from tests.support.seller_files import images_of, read, write
from tests.support.shop_samples import GOOGLE, GOOGLE_ROW, GOOGLE_RSS, write_tabs


@pytest.mark.parametrize("name", ["feed.tsv", "feed.txt", "feed.csv"])
def test_tsv(tmp_path, name):
    found = read(write_tabs(tmp_path / name, GOOGLE, GOOGLE_ROW))
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
    assert images_of(tmp_path / name) == [[f"https://img.test/{i}.jpg" for i in (1, 2, 3)]]


@pytest.mark.parametrize(
    ("cell", "product_type"),
    [
        ("Shirts", "Shirts"),
        ("Bags, Belts", "Bags, Belts"),  # one name with a comma
        ("Home > Bags, Belts", "Bags, Belts"),
        ('"Home > Bags, Belts",Sale', "Bags, Belts"),
        ("A > Hats,A > Sale", "Hats"),
        ("A > Handbags, Wallets & Cases > Money Clips", "Money Clips"),  # a name of Google's with a comma
        ("A > Handbags, Wallets & Cases > Money Clips, A > Sale", "Money Clips"),
        ("A > Hats, Luggage & Bags > Bags", "Hats"),
        ("", "Clothing"),
    ],
)
def test_product_type(tmp_path, cell, product_type):
    row = [cell if name == "product_type" else value for name, value in zip(GOOGLE, GOOGLE_ROW, strict=True)]
    assert read(write_tabs(tmp_path / "feed.tsv", GOOGLE, row)).first["product_type"] == product_type


@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1"])
def test_rss(tmp_path, encoding):
    feed = tmp_path / "feed.xml"
    feed.write_bytes(GOOGLE_RSS.format(encoding=encoding).encode(encoding))
    found = read(feed)
    assert found.first == {
        "product_id": "7",
        "marketplace": None,
        "product_type": "Shirts",
        "title": "Größe & more",  # Google's own comes before GOOGLE_RSS's
        "bullet_points": ["Light, airy", "Washable", "Warm"],
        "description": "Soft.",
        "image": "https://img.test/1.jpg",
        "attributes": {"product_type": "Men > Shirts, Sale", "color": "Red", "Cut": "Slim"},
    }
    assert found.products[1]["attributes"] == {"product_type": "Hats", "size": "M"}
    assert found.how.format == "XML"
    assert found.how.columns["g:shipping"] == "unused"
    assert images_of(feed)[0] == [f"https://img.test/{i}.jpg" for i in ("1", "2,x", "3")]


def test_atom(tmp_path):
    feed = write(
        tmp_path / "feed.xml",
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><title>Shop</title><entry>'
        "<g:id>7</g:id><title>Hat</title><summary>Warm</summary><g:product_type>Hats</g:product_type>"
        "<content type='html'>&lt;p&gt;Warm wool&lt;/p&gt;</content></entry></feed>",
    )
    hat = read(feed).first
    assert (hat["title"], hat["product_type"], hat["description"]) == ("Hat", "Hats", "Warm wool")
    assert hat["attributes"] == {"product_type": "Hats"}


def test_without_a_type_it_says_what_to_add(tmp_path):
    feed = write(
        tmp_path / "feed.xml",
        '<rss xmlns:g="http://base.google.com/ns/1.0"><channel><item><g:id>7</g:id></item></channel></rss>',
    )
    with pytest.raises(CatalogError, match="has no product_type and no google_product_category"):
        read(feed)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("quoted", [False, True])
def test_a_feed_of_windows(tmp_path, encoding, quoted):
    """Windows line ends; inches and quotes are written as they are, or as CSV writes them."""
    row = [*GOOGLE_ROW]
    row[1:3] = ['Big "XL" shirt', '6" heel "soft']
    rows = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in one] if quoted else one for one in (GOOGLE, row)]
    path = tmp_path / "feed.txt"
    path.write_bytes("".join("\t".join(one) + "\r\n" for one in rows).encode(encoding))
    found = read(path)
    assert (found.first["title"], found.first["description"]) == ('Big "XL" shirt', '6" heel "soft')
    assert found.first["attributes"]["custom_neckline"] == "Round"  # the last column but one
    assert (found.how.layout, found.aside) == ("google", [])


def test_a_header_may_have_a_name_twice(tmp_path):
    twice = ["additional_image_link", "product_highlight", "product_detail", "size"]
    first, second = ["2.jpg", "Soft", "General:Neck:Crew", "S"], ["3.jpg", "Light", "General:Fit:Slim", "M"]
    header = ["id", "title", "link", "image_link", "product_type", *twice, *twice]
    path = write_tabs(tmp_path / "a.tsv", header, ["7", "Shirt", "x", "1.jpg", "Shirts", *first, *second])
    found = read(path).first
    assert images_of(path) == [["1.jpg", "2.jpg", "3.jpg"]]
    assert found["bullet_points"] == ["Soft", "Light"]
    assert (found["attributes"]["Neck"], found["attributes"]["Fit"]) == ("Crew", "Slim")
    assert found["attributes"]["size"] == "S, M"


def test_what_later_items_of_a_feed_have_is_told(tmp_path):
    item = "<item><g:id>7</g:id><title>Hat</title><g:product_type>Bed, Bath</g:product_type>{}</item>"
    items = [item.format("")] * 300 + [item.format("<g:material>Wool</g:material>")]
    feed = f'<rss xmlns:g="http://base.google.com/ns/1.0"><channel>{"".join(items)}</channel></rss>'
    found = read(write(tmp_path / "feed.xml", feed))
    assert found.products[-1]["attributes"] == {"product_type": "Bed, Bath", "material": "Wool"}
    assert found.products[-1]["product_type"] == "Bed, Bath"
    assert found.how.columns["g:material"] == "attribute"


@pytest.mark.parametrize("column", ["c:fabric", "c:fabric:string"])
def test_attributes_of_the_shops_own(tmp_path, column):
    header = ["id", "title", "link", "image_link", "product_type", column]
    found = read(write_tabs(tmp_path / "a.tsv", header, ["7", "Shirt", "x", "1.jpg", "Shirts", "Cotton"])).first
    assert found["attributes"] == {"product_type": "Shirts", "fabric": "Cotton"}


def test_metas_template_has_comments_above_its_header(tmp_path):
    header = "id,title,link,image_link,google_product_category"
    comments = [
        '"# Required | A unique content ID, up to 100 characters",# Required,# Required,# Required,# Optional'
    ] * 2
    row = "7,Shirt,x,1.jpg,Apparel > Shirts"
    found = read(write(tmp_path / "a.csv", *comments, header, row))
    assert (found.first["product_id"], found.first["product_type"]) == ("7", "Shirts")
    assert found.how.counts == {"rows above the header, left out": 2}


@pytest.mark.parametrize(
    ("cell", "details"),
    [
        ("General:Seat height:45 cm,:Wood:Oak", {"Seat height": "45 cm", "Wood": "Oak"}),
        ('Wood:Oak,"General:Finish:Oil, matt"', {"Wood": "Oak", "Finish": "Oil, matt"}),
        ("Solid oak, oiled", {"product_detail": "Solid oak, oiled"}),
        ("General:Care:Wipe, do not wash,General:Ratio:16:9", {"Care": "Wipe, do not wash", "Ratio": "16:9"}),
    ],
)
def test_details_of_a_product(tmp_path, cell, details):
    """People leave the section out, and forget the quotes around commas."""
    header = ["id", "title", "link", "image_link", "product_type", "product_detail"]
    found = read(write_tabs(tmp_path / "a.tsv", header, ["7", "Chair", "x", "1.jpg", "Chairs", cell])).first
    assert found["attributes"] == {"product_type": "Chairs"} | details


def test_a_feed_without_googles_namespace(tmp_path):
    feed = (
        "<products><product><id>7</id><title>Chair</title><image_link>a.jpg</image_link>"
        "<product_type>Home &gt; Chairs</product_type><color>Red</color></product></products>"
    )
    found = read(write(tmp_path / "feed.xml", feed))
    assert (found.how.layout, found.first["product_id"], found.first["product_type"]) == ("google", "7", "Chairs")
    assert found.first["attributes"]["color"] == "Red"


def test_a_description_that_was_escaped_twice(tmp_path):
    body = "<![CDATA[&lt;p&gt;Tv&#228;tt: Dyna &amp;amp; stol&lt;/p&gt;&lt;ul&gt;&lt;li&gt;Ull&lt;/li&gt;&lt;/ul&gt;]]>"
    item = f"<item><g:id>7</g:id><title>Dyna &amp;amp; stol</title><description>{body}</description>"
    feed = f'<rss xmlns:g="http://base.google.com/ns/1.0">{item}<g:product_type>Stol</g:product_type></item></rss>'
    found = read(write(tmp_path / "feed.xml", feed)).first
    assert (found["title"], found["description"], found["bullet_points"]) == (
        "Dyna & stol", "Tvätt: Dyna & stol", ["Ull"],
    )  # fmt: skip


@pytest.mark.parametrize("others", [("", ""), ("Tops", "Apparel > Tops")])
def test_metas_category_where_no_other_is(tmp_path, others):
    columns = ["id", "title", "availability", "image_link", "fb_product_category", "google_product_category"]
    path = write_tabs(
        tmp_path / "a.tsv", columns[:5], ["1", "Dress", "in stock", "https://a.test/1.jpg", "Clothing > Dresses"]
    )
    assert read(path).first["product_type"] == "Dresses"
    path = write_tabs(
        tmp_path / "b.tsv", columns, ["1", "Dress", "in stock", "https://a.test/1.jpg", "x > Dresses", others[1]]
    )
    assert read(path).first["product_type"] == (others[0] or "Dresses")


def test_numbered_columns_of_meta(tmp_path):
    columns = ["id", "title", "availability", "google_product_category", "image[0].url", "image[1].url"]
    columns += ["video[0].url", "video[0].tag[0]", "product_tags[0]", "product_tags[1]", "style[0]"]
    row = ["1", "Dress", "in stock", "Dresses", "https://a.test/1.jpg", "https://a.test/2.jpg"]
    row += ["https://a.test/v.mp4", "front", "summer", "beach", "Boho"]
    path = write_tabs(tmp_path / "a.tsv", columns, row)
    found = read(path)
    labels = {"google_product_category": "Dresses", "product_tags": "summer, beach", "style": "Boho"}
    assert found.first["attributes"] == labels
    assert images_of(path) == [["https://a.test/1.jpg", "https://a.test/2.jpg"]]
    assert found.how.columns["video[0].url"] == found.how.columns["video[0].tag[0]"] == "unused"


def test_names_as_googles_api_and_templates_spell_them(tmp_path):
    columns = ["Unnamed: 0", "id*", "title", "imageLink", "googleProductCategory", "product\ntype", "ageGroup", "index"]
    row = ["0", "1", "Dress", "https://a.test/1.jpg", "Apparel > Dresses", "Dresses", "adult", "0"]
    quoted = [",".join(f'"{cell}"' for cell in cells) for cells in (columns, row)]
    found = read(write(tmp_path / "a.csv", *quoted))
    assert (found.first["product_id"], found.first["image"]) == ("1", "https://a.test/1.jpg")
    assert found.first["attributes"] == {
        "google_product_category": "Apparel > Dresses", "product_type": "Dresses", "age_group": "adult"
    }  # fmt: skip
    assert (found.how.columns["index"], found.how.columns["Unnamed: 0"]) == ("unused", "unused")


def test_answers_of_the_content_api(tmp_path):
    product = {
        **{"kind": "content#product", "id": "online:en:US:7", "offerId": "7", "title": "Shirt", "targetCountry": "US"},
        "imageLink": "https://img.test/1.jpg",
        "additionalImageLinks": [f"https://img.test/{i}.jpg" for i in (2, 3)],
        **{"productTypes": ["Men > Shirts, white", "Sale"], "googleProductCategory": "212", "sizes": ["M", "L"]},
        **{"productHighlights": ["Light, airy", "Warm"], "price": {"value": "9", "currency": "USD"}},
        **{"ageGroup": "adult", "productWeight": {"value": 300, "unit": "g"}, "color": "Red/Blue", "customLabel0": "x"},
        "productDetails": [
            {"sectionName": "General", "attributeName": "Cut", "attributeValue": "Slim"},
            {"sectionName": "General", "attributeName": "Neck", "attributeValue": "Round"},
        ],
        "customAttributes": [
            {"name": "Sleeve", "value": "Long"},
            {"name": "care", "groupValues": [{"name": "Wash", "value": "Cold"}]},
        ],
    }
    answer = {"kind": "content#productsListResponse", "nextPageToken": "x", "resources": [product]}
    found = read(write(tmp_path / "a.json", json.dumps(answer)))
    assert (found.first["product_id"], found.first["product_type"]) == ("online:en:US:7", "Shirts, white")
    assert found.first["bullet_points"] == ["Light, airy", "Warm"]
    assert found.first["attributes"] == {
        **{"product_type": "Men > Shirts, white, Sale", "google_product_category": "212", "size": "M, L"},
        **{"age_group": "adult", "product_weight": "300 g", "color": "Red, Blue"},
        **{"Cut": "Slim", "Neck": "Round", "Sleeve": "Long", "Wash": "Cold"},
    }
    assert images_of(tmp_path / "a.json") == [[f"https://img.test/{i}.jpg" for i in (1, 2, 3)]]
    product.pop("id")
    assert read(write(tmp_path / "b.json", json.dumps([product]))).first["product_id"] == "7"


def test_an_image_of_another_namespace_is_no_description(tmp_path):
    of_media = '<media:content xmlns:media="http://m.test" url="https://a.test/1.jpg" medium="image"/>'
    item = f"<item><g:id>7</g:id><title>Hat</title><g:product_type>Hats</g:product_type>{of_media}</item>"
    feed = f'<rss xmlns:g="http://base.google.com/ns/1.0"><channel>{item}</channel></rss>'
    assert read(write(tmp_path / "feed.xml", feed)).first["description"] is None
