"""Amazon Berkeley Objects: one language per product, images by id, normalized quantities."""

import gzip
import json

import pytest

from moemoe.catalog.find import find_partitions
from moemoe.catalog.images import ImageError, load_image
from moemoe.catalog.layouts.abo import UNLISTED
from moemoe.catalog.read import read_batches
from tests.support.s3 import s3_bucket
from tests.support.seller_files import images_of, read, write, write_dicts
from tests.support.shop_samples import ABO_LISTING, tagged, write_listings


def test_a_listing(tmp_path):
    images = tmp_path / "images/metadata/images.csv.gz"
    images.parent.mkdir(parents=True)
    images.write_bytes(gzip.compress(b"image_id,height,width,path\n01+x,9,9,ab/1.jpg\n02,9,9,cd/2.jpg\n"))
    path = write_listings(tmp_path / "listings_0.json.gz", ABO_LISTING)
    found = read(path)
    assert found.first == {
        "product_id": "B1@amazon.in",  # an item has a listing in each market
        "marketplace": "IN",
        "product_type": "SHIRT",
        "title": "Shirt",
        "bullet_points": ["Cotton", "Light"],
        "description": "Soft.",
        "image": "images/small/ab/1.jpg",
        "attributes": {
            "brand": "Acme",
            "color": "Olive Mist",
            "color_standardized": "Olive",
            "color_code": "#8B8B5B",
            "item_dimensions.height": "4.5 inches",
            "item_weight": "0.3 pounds",
            "model_year": "2017",
            "node": "/Categories/Men/Shirts",
        },
    }
    assert found.how.layout == "abo"
    assert images_of(path) == [["images/small/ab/1.jpg", "images/small/cd/2.jpg"]]
    of_images = read(images)
    assert (of_images.products, of_images.how.layout) == ([], "abo")


def test_without_the_list_of_images_it_says_so(tmp_path):
    found = read(write_listings(tmp_path / "listings_0.json.gz", ABO_LISTING))
    assert found.first["image"] is None
    assert found.how.columns["main_image_id"] == (
        "unused: no images/metadata/images.csv.gz beside the file's folder listings/metadata, or below it"
    )


@pytest.mark.parametrize(
    ("names", "country", "title"),
    [
        ({"hi_IN": "Kameez", "en_IN": "Shirt", "en_US": "Tee"}, "IN", "Shirt"),  # its country's, English first
        ({"en_US": "Tee", "hi_IN": "Kameez"}, "IN", "Kameez"),
        ({"de_DE": "Hemd", "en_US": "Tee", "en_GB": "Shirt"}, "JP", "Shirt"),  # English, then the alphabet
        ({"nl_NL": "Hemd", "fr_FR": "Chemise"}, "", "Chemise"),
    ],
)
def test_language(tmp_path, names, country, title):
    rows = [
        ABO_LISTING | {"item_name": tagged(**dict(order)), "country": country}
        for order in (list(names.items()), list(names.items())[::-1])
    ]
    found = read(write_listings(tmp_path / "a.json.gz", *rows))
    assert [product["title"] for product in found.products] == [title, title]


def test_other_texts_follow_the_language_of_the_name(tmp_path):
    row = ABO_LISTING | {"item_name": tagged(de_DE="Hemd"), "country": "DE", "brand": tagged(de_AT="A", en_US="B")}
    product = read(write_listings(tmp_path / "a.json.gz", row)).first
    assert (product["title"], product["bullet_points"]) == ("Hemd", ["Warm"])
    assert product["attributes"]["brand"] == "A"  # German of Austria before English
    assert product["attributes"]["color"] == "Oliv"


@pytest.mark.parametrize(
    ("style", "labels"),
    [
        ([["Plain"]], {"style": "Plain"}),
        ([["Plain", "Loose"], "Soft"], {"style": "Plain, Loose, Soft"}),
        ([{"value": "Plain"}, "Loose"], {"style": "Plain, Loose"}),
        (
            [[{"language_tag": "en_IN", "value": "Plain"}, {"language_tag": "de_DE", "value": "Glatt"}]],
            {"style": "Plain"},
        ),
        ([{"language_tag": "en_IN", "value": ["Plain", ["Loose"]]}], {"style": "Plain, Loose"}),
        ({"value": {"value": "Plain"}}, {"style": "Plain"}),
        ([{"cut": {"value": 3, "unit": "cm"}}], {"style.cut": "3 cm"}),
        ({"cut": {"low": [{"value": 3, "unit": "cm"}]}}, {"style.cut.low": "3 cm"}),
        ([{"value": "Rot", "standardized_values": ["Red"]}], {"style": "Rot", "style_standardized": "Red"}),
    ],
)
def test_a_label_within_lists_and_objects(tmp_path, style, labels):
    """Such as the files do not have, but programs make of them: nothing of it is lost."""
    row = {key: value for key, value in ABO_LISTING.items() if key in ("item_id", "domain_name", "country")}
    row |= {"item_name": tagged(en_IN="Shirt"), "product_type": [{"value": "SHIRT"}], "style": style}
    assert read(write_listings(tmp_path / "a.json.gz", row)).first["attributes"] == labels


def test_product_type_as_the_readme_has_it(tmp_path):
    row = {"item_id": "B2", "item_name": tagged(en_US="Shoe"), "product_type": "SHOES", "domain_name": "amazon.com"}
    product = read(write(tmp_path / "a.jsonl", json.dumps(row))).first
    assert (product["product_type"], product["marketplace"]) == ("SHOES", None)


class TestArchivesAsTheyUnpack:
    """``listings/metadata/listings_0.json.gz``, ``images/metadata/images.csv.gz``, ``images/small/ab/1.jpg``."""

    @pytest.fixture
    def listings(self, tmp_path):
        images = tmp_path / "images/metadata/images.csv.gz"
        images.parent.mkdir(parents=True)
        images.write_bytes(gzip.compress(b"image_id,height,width,path\n01+x,9,9,ab/1.jpg\n02,9,9,../../../secret\n"))
        (tmp_path / "images/small/ab").mkdir(parents=True)
        (tmp_path / "images/small/ab/1.jpg").write_bytes(b"jpeg")
        (tmp_path / "secret").write_bytes(b"secret")
        return write_listings(tmp_path / "listings/metadata/listings_0.json.gz", ABO_LISTING)

    def test_images_are_found(self, listings):
        [[found, stray]] = images_of(listings)
        assert load_image({"path": found}, str(listings)) == b"jpeg"
        with pytest.raises(ImageError, match="outside the catalog's folder"):
            load_image({"path": stray}, str(listings))

    def test_ids_that_the_list_lacks_are_counted(self, tmp_path):
        images = tmp_path / "images.csv"
        images.write_text("image_id,height,width,path\n02,9,9,cd/2.jpg\n")
        path = write_listings(tmp_path / "listings_0.json.gz", ABO_LISTING)
        assert images_of(path) == [["images/small/cd/2.jpg"]]
        assert read(path).how.counts == {UNLISTED: 2}

    def test_on_s3(self, listings, monkeypatch):
        root = listings.parents[2]
        with s3_bucket(monkeypatch) as client:
            for name in (
                "listings/metadata/listings_0.json.gz",
                "images/metadata/images.csv.gz",
                "images/small/ab/1.jpg",
            ):
                client.put_object(Bucket="bucket", Key=f"abo/{name}", Body=(root / name).read_bytes())
            uri = "s3://bucket/abo/listings/metadata/listings_0.json.gz"
            rows = [row for batch in read_batches(uri) for row in batch.to_pylist()]
            assert load_image(rows[0]["image"], uri) == b"jpeg"

    def test_no_other_folder_leads_up(self, tmp_path, listings):
        elsewhere = tmp_path / "listings/other/catalog.csv"
        with pytest.raises(ImageError, match="outside the catalog's folder"):
            load_image({"path": "../../images/small/ab/1.jpg"}, str(elsewhere))

    def test_the_whole_folder_is_a_catalog(self, tmp_path, listings):
        read = [list(read_batches(one)) for one in find_partitions(str(tmp_path))]
        assert sorted(sum(batch.num_rows for batch in batches) for batches in read) == [0, 1]


def test_a_listing_without_a_name_has_its_models(tmp_path):
    unnamed = {name: value for name, value in ABO_LISTING.items() if name != "item_name"}
    model = unnamed | {"item_id": "B2", "model_name": tagged(en_IN="Runner 5")}
    bare = unnamed | {"item_id": "B3", "bullet_point": []}
    found = read(write_listings(tmp_path / "listings_0.json.gz", unnamed, model, bare))
    assert [one["title"] for one in found.products] == ["Cotton", "Runner 5", None]
    assert found.how.layout == "abo"
    assert found.how.counts == {"listings without item_name, whose title is their model_name or first bullet_point": 2}


@pytest.mark.parametrize("kind", [json.dumps, str])
def test_listings_in_a_table(tmp_path, kind):
    expected = read(write_listings(tmp_path / "listings_0.json.gz", ABO_LISTING)).first
    cells = {name: kind(value) if isinstance(value, (dict, list)) else value for name, value in ABO_LISTING.items()}
    assert read(write_dicts(tmp_path / "a.csv", list(cells), cells)).first == expected


def test_values_without_a_list(tmp_path):
    """They were lost without a word."""
    plain = {"material": {"value": "Wool"}, "item_dimensions": {"height": "3 cm"}}
    labels = read(write_listings(tmp_path / "listings_0.json.gz", ABO_LISTING | plain)).first["attributes"]
    assert (labels["material"], labels["item_dimensions.height"]) == ("Wool", "3 cm")
