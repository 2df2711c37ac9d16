"""Columns with one image or bullet point each."""

import json

import pytest

from moemoe.catalog.layouts.listed_columns import listed_columns
from moemoe.errors import CatalogError
from tests.support.catalog_files import REQUIRED, read_as, rows_of, write_lines, write_parquet

IMAGES = ("Image 2", "image_url_1", "Image1 URL", "picture_03", "additional_image_link", "Other Image URL 4")
BULLETS = (
    "Bullet Point 1",
    "bullet_3",
    "KeyBullet2",
    "Highlight 1",
    "selling_point_2",
    "Key Feature 3",
    "Key Features",
    "Key Features (+)",  # of Walmart
)
OTHERS = (
    "image",
    "Image alt 1",
    "Photo 360",
    "image_2024",
    "Number of images",
    "bullet",
    "other",
    "Feature 1",
    "image0",
)


def test_names():
    found = listed_columns([*OTHERS, *BULLETS, *IMAGES])
    assert found == {"images": list(IMAGES), "bullet_points": list(BULLETS)}


@pytest.mark.parametrize(
    "first", ["image", "Main Image", "image_1", "main_image_url", "Product Image", "primary_image"]
)
def test_they_are_those_of_the_product(tmp_path, first):
    lines = [f"product_id,product_type,title,Fit,{first},image_2,additional_images,bullet_point_1,bullet_point_2"]
    lines += ['p1,K,t,Slim,https://h/1.jpg,https://h/2.jpg,"https://h/3.jpg, https://h/4.jpg",soft,red', "p2,K,t,,,,,,"]
    path = write_lines(tmp_path / "a.csv", *lines)
    one, two = rows_of(path, images=9)
    assert [image["path"] for image in (one["image"], *one["images"])] == [f"https://h/{i}.jpg" for i in (1, 2, 3, 4)]
    assert one["bullet_points"] == ["soft", "red"]
    assert one["attributes"] == [("Fit", "Slim")]
    assert not any(two[name] for name in ("image", "images", "bullet_points"))
    told = read_as(path).columns
    assert (told["image_2"], told["bullet_point_2"]) == ("images", "bullet_points")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("picture_url", "1"),
        ("Bild,Bild 2", "12"),
        ("image_front,image_back", "12"),
        ("images.0.src,images.1.src", "12"),
        ("Main Picture,Picture 2", "12"),
        ("image,hover", "12"),
        ("thumbnail,hi_res", "2"),
        ("image_url,swatch", "1"),
        ("thumb", "1"),
    ],
)
@pytest.mark.parametrize(
    "path", ["https://h/{}.jpg", "img/{}.JPEG", "//h/{}.webp?v=2", "https://h/0.png, https://h/{}.png"]
)
def test_columns_whose_cells_are_images_are_no_labels(tmp_path, columns, expected, path):
    """Whatever they are called; a small one beside another counts for nothing."""
    names = columns.split(",")
    rows = [{**REQUIRED, "Fit": "Slim"} | {n: path.format(i) for i, n in enumerate(names, 1)}, {**REQUIRED, "Fit": "A"}]
    (first, _) = rows_of(write_lines(tmp_path / "a.jsonl", *rows), images=9)
    found = [image["path"] for image in (first["image"], *(first["images"] or ()))]
    wanted = [part.strip() for number in expected for part in path.format(number).split(",")]
    assert found == list(dict.fromkeys(wanted))
    assert first["attributes"] == [("Fit", "Slim")]
    told = read_as(tmp_path / "a.jsonl").columns
    assert {told[name].partition(";")[0] for name in names} <= {"image", "images", "unused"}


def test_columns_of_links_that_are_called_images(tmp_path):
    row = {**REQUIRED, "Fit": "Slim", "Foto": "https://h/show?id=1", "link": "https://h/p/1", "cut": "V.jpg neck"}
    (found,) = rows_of(write_lines(tmp_path / "a.jsonl", row))
    assert found["image"]["path"] == "https://h/show?id=1"
    assert found["attributes"] == [("Fit", "Slim"), ("link", "https://h/p/1"), ("cut", "V.jpg neck")]
    others = {"logo": "https://h/l.png", "image_credit": "https://h", "size_chart": "c.jpg", "energy_label": "e.png"}
    (none,) = rows_of(write_lines(tmp_path / "c.jsonl", {**REQUIRED, "Fit": "Slim", **others}))
    assert (none["image"], none["attributes"]) == (None, [("Fit", "Slim")])
    assert read_as(tmp_path / "c.jsonl").columns["logo"] == "unused; images of something else"
    objects = {**REQUIRED, "Fit": "Slim", "photos": [{"url": "https://h/1"}, {"src": "https://h/2"}]}
    (other,) = rows_of(write_lines(tmp_path / "b.jsonl", objects), images=9)
    assert [image["path"] for image in (other["image"], *other["images"])] == ["https://h/1", "https://h/2"]
    listed = rows_of(tmp_path / "a.jsonl", {"attributes": ["Foto"]})[0]
    assert (listed["image"], listed["attributes"]) == (None, [("Foto", "https://h/show?id=1")])


@pytest.mark.parametrize("photo", [{"bytes": b"raw", "path": "1.jpg"}, b"raw"])
def test_columns_of_bytes_that_are_called_images(tmp_path, photo):
    """As data sets have them."""
    columns = {name: [value] for name, value in {**REQUIRED, "Fit": "Slim", "photo": photo}.items()}
    (row,) = rows_of(write_parquet(tmp_path / "a.parquet", **columns))
    assert (row["image"]["bytes"], row["attributes"]) == (b"raw", [("Fit", "Slim")])
    both = {**columns, "image": [{"bytes": b"first", "path": "0.jpg"}], "image_2": [{"bytes": b"two", "path": None}]}
    (row,) = rows_of(write_parquet(tmp_path / "b.parquet", **both), images=3)
    assert [image["bytes"] for image in (row["image"], *row["images"])] == [b"first", b"raw", b"two"]


@pytest.mark.parametrize(
    "header",
    [
        "image,image,bullet_point,bullet_point",
        "image,image.1,bullet_point,bullet_point.1",
        "image_0,image_1,bullet_0,bullet_1",
        "images.0,images.1,bullet_point.0,bullet_point.1",
    ],
)
def test_columns_of_one_name_or_counted_from_0(tmp_path, header):
    """As flat files have them, as pandas writes them again, and as it flattens a list."""
    path = write_lines(
        tmp_path / "a.csv", f"product_id,product_type,title,Fit,{header}", "p1,K,t,Slim,a.jpg,b.jpg,soft,red"
    )
    (row,) = rows_of(path, images=9)
    assert [image["path"] for image in (row["image"], *row["images"])] == ["a.jpg", "b.jpg"]
    assert (row["bullet_points"], row["attributes"]) == (["soft", "red"], [("Fit", "Slim")])


def test_beside_lists(tmp_path):
    """In JSON the first rows need not have them."""
    second = {"image": ["a.jpg", "b.jpg"], "image_2": "c.jpg", "bullet_points": ["soft"], "bullet_point_2": "red"}
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({**REQUIRED, "Fit": "Slim"}) + "\n" + json.dumps({**REQUIRED, **second, "Neck": "V"}))
    row = rows_of(path, images=9)[1]
    assert [image["path"] for image in (row["image"], *row["images"])] == ["a.jpg", "b.jpg", "c.jpg"]
    assert (row["bullet_points"], row["attributes"]) == (["soft", "red"], [("Neck", "V")])


def test_one_that_the_contract_lists_is_an_attribute(tmp_path):
    path = write_lines(tmp_path / "a.csv", "product_id,product_type,title,Image 1,Image 2", "p1,K,t,a.jpg,dark")
    (row,) = rows_of(path, {"attributes": ["Image 2"]})
    assert (row["image"]["path"], row["attributes"]) == ("a.jpg", [("Image 2", "dark")])


def test_without_attributes(tmp_path):
    """As a backfill may have it."""
    path = write_lines(tmp_path / "a.csv", "product_id,product_type,title,image_1,image_2", "p1,K,t,a.jpg,b.jpg")
    (row,) = rows_of(path, required=("product_id", "product_type", "title"), images=2)
    assert (row["image"]["path"], row["images"][0]["path"], row["attributes"]) == ("a.jpg", "b.jpg", [])
    with pytest.raises(CatalogError, match="column 'attributes' is missing"):
        rows_of(path)


OF_PICTURES = {
    "photos": ["https://h/1", "https://h/2"],
    "picture": "https://h/3",
    "image_2": "https://h/4",
    "thumbnail": "https://h/s",
    "bullet_point_1": "soft",
}


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "long"])
def test_beside_a_column_of_attributes(tmp_path, kind):
    """They are the product's, whatever layout its attributes are in."""
    row = {**REQUIRED, "attributes": {"Fit": "Slim"}, **OF_PICTURES}
    path = tmp_path / f"a.{'csv' if kind == 'long' else kind}"
    if kind == "jsonl":
        write_lines(path, row)
    elif kind == "parquet":
        write_parquet(path, **{name: [value] for name, value in row.items()})
    else:
        row |= {"photos": " ".join(OF_PICTURES["photos"]), "attributes": "Fit=Slim"}
        row |= {"attribute_name": "Fit", "attribute_value": "Slim"} if kind == "long" else {}
        columns = [name for name in row if kind != "long" or name != "attributes"]
        write_lines(path, ",".join(columns), ",".join(row[name] for name in columns))
    (found,) = rows_of(path, images=9)
    assert [image["path"] for image in (found["image"], *found["images"])] == [f"https://h/{i}" for i in (1, 2, 3, 4)]
    assert (found["bullet_points"], found["attributes"]) == (["soft"], [("Fit", "Slim")])
    assert read_as(path).columns["thumbnail"] == "unused; small copies of images"
    assert read_as(path).layout == ("long" if kind == "long" else "own")


def test_several_images_beside_a_column_of_attributes_are_unclear(tmp_path):
    path = write_lines(
        tmp_path / "a.jsonl", {**REQUIRED, "attributes": {}, "image_url": "1.jpg", "image_path": "2.jpg"}
    )
    assert rows_of(path)[0]["image"] is None
    assert (
        read_as(path).columns["image_url"] == "unused; --column image=NAME says which of several columns is the image"
    )
