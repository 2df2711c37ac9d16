"""Several images of a product: lists in any form, in order, without duplicates."""

import csv
import json

import pyarrow as pa
import pytest

from moemoe.catalog.read import read_batches
from moemoe.errors import CatalogError
from tests.support.catalog_files import write_parquet
from tests.support.seller_files import images_of

ROW = {"product_id": "1", "product_type": "Kurtas", "title": "a kurta", "attributes": {}}


def json_lines(path, *rows):
    path.write_text("".join(json.dumps({**ROW, **row}) + "\n" for row in rows))
    return path


def minimal(**columns):
    return {**{name: pa.array([value]) for name, value in ROW.items() if name != "attributes"}, **columns}


@pytest.mark.parametrize(
    ("row", "order"),
    [
        ({"image": "1.jpg"}, ["1.jpg"]),
        ({"images": ["1.jpg", "2.jpg"]}, ["1.jpg", "2.jpg"]),
        ({"image": "", "images": ["1.jpg", "2.jpg"]}, ["1.jpg", "2.jpg"]),
        ({"image": "1.jpg", "images": ["2.jpg"]}, ["1.jpg", "2.jpg"]),
        ({"image": "2.jpg", "images": ["1.jpg", "2.jpg", "1.jpg", "3.jpg"]}, ["2.jpg", "1.jpg", "3.jpg"]),
        ({"image": "1.jpg", "images": [None, "", {"path": None}, {"path": "2.jpg"}]}, ["1.jpg", "2.jpg"]),
        ({"images": '["1.jpg", "a, b.jpg"]'}, ["1.jpg", "a, b.jpg"]),
        ({"images": "['1.jpg', '2.jpg']"}, ["1.jpg", "2.jpg"]),
        ({"images": "1.jpg\n2.jpg\n"}, ["1.jpg", "2.jpg"]),
        ({"images": "https://a.test/1,w_2.jpg,https://a.test/2.jpg | http://a.test/3.jpg"},
         ["https://a.test/1,w_2.jpg", "https://a.test/2.jpg", "http://a.test/3.jpg"]),
        ({"images": "//a.test/1.jpg, //a.test/2.jpg"}, ["//a.test/1.jpg", "//a.test/2.jpg"]),
        ({"images": {"path": "1.jpg"}}, ["1.jpg"]),
        ({"image": "https://a.test/1,w_2.jpg, //a.test/2.jpg|HTTP://a.test/3.jpg", "images": ["4.jpg"]},
         ["https://a.test/1,w_2.jpg", "//a.test/2.jpg", "HTTP://a.test/3.jpg", "4.jpg"]),
        ({"image": "https://a.test/1.jpg\nhttps://a.test/2.jpg"}, ["https://a.test/1.jpg", "https://a.test/2.jpg"]),
        ({"image": "https://a.test/?of=https://b.test/1.jpg"}, ["https://a.test/?of=https://b.test/1.jpg"]),
        ({"image": "a/1.jpg|a/2.PNG"}, ["a/1.jpg", "a/2.PNG"]),
        ({"images": "1.jpg, 2, b.webp;3.jpeg"}, ["1.jpg", "2, b.webp", "3.jpeg"]),
        ({"image": "https://a.test/1.jpg,w_2.jpg"}, ["https://a.test/1.jpg,w_2.jpg"]),
        ({"image": '["1.jpg", "2.jpg"]'}, ["1.jpg", "2.jpg"]),
        ({"image": "https://a.test/1.jpg||https://a.test/2.jpg;"}, ["https://a.test/1.jpg", "https://a.test/2.jpg"]),
        ({"image": "https://a.test/1.jpg;"}, ["https://a.test/1.jpg"]),
        ({"images": "https://a.test/1.jpg,,https://a.test/2.jpg,"}, ["https://a.test/1.jpg", "https://a.test/2.jpg"]),
        ({"image": "1.jpg, "}, ["1.jpg"]),
        ({"image": "[1].jpg"}, ["[1].jpg"]),
        ({"image": "//a.test/1.jpg, //a.test/2.jpg", "images": ["//a.test/1.jpg, //a.test/2.jpg", "3.jpg|4.jpg"]},
         ["//a.test/1.jpg", "//a.test/2.jpg", "3.jpg", "4.jpg"]),
        ({"image": ["1.jpg", "2.jpg"]}, ["1.jpg", "2.jpg"]),
        ({"image": ["1.jpg", "2.jpg"], "images": None}, ["1.jpg", "2.jpg"]),
        ({"images": float("nan")}, []),
        ({"images": []}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_in_json(tmp_path, row, order):
    assert images_of(json_lines(tmp_path / "a.jsonl", row, {"image": "other.jpg"})) == [order, ["other.jpg"]]


def test_in_csv(tmp_path):
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*ROW, "images"])
        writer.writerow(["1", "Kurtas", "a kurta", "{}", '["1.jpg", "2.jpg"]'])
        writer.writerow(["2", "Kurtas", "a kurta", "{}", "1.jpg"])
        writer.writerow(["3", "Kurtas", "a kurta", "{}", ""])
    assert images_of(path) == [["1.jpg", "2.jpg"], ["1.jpg"], []]


@pytest.mark.parametrize(
    "images",
    [
        pa.array([["1.jpg", None, "2.jpg"]]),
        pa.array([["1.jpg", "2.jpg"]], pa.large_list(pa.large_string())),
        pa.array([[{"path": "1.jpg", "bytes": b"raw"}, {"path": "2.jpg", "bytes": None}]]),
        pa.array(['["1.jpg", "2.jpg"]']).dictionary_encode(),
    ],
)
def test_in_parquet(tmp_path, images):
    path = write_parquet(tmp_path / "a.parquet", **minimal(images=images, attributes=pa.array(["{}"])))
    assert images_of(path) == [["1.jpg", "2.jpg"]]


@pytest.mark.parametrize(
    "image",
    [
        pa.array(["https://a.test/1.jpg, https://a.test/2.jpg"]),
        pa.array([["https://a.test/1.jpg", "https://a.test/2.jpg"]]),
        pa.array(['["https://a.test/1.jpg", "https://a.test/2.jpg"]']),
    ],
)
@pytest.mark.parametrize("rest", [{"attributes": pa.array(["{}"])}, {"Fit": pa.array(["Slim"])}])
def test_several_urls_in_a_cell_of_parquet(tmp_path, image, rest):
    path = write_parquet(tmp_path / "a.parquet", **minimal(image=image, **rest))
    assert images_of(path) == [["https://a.test/1.jpg", "https://a.test/2.jpg"]]


def test_bytes_without_a_path_count_once_too(tmp_path):
    images = pa.array([[b"one", b"two", b"one", b"three"]])
    columns = minimal(image=pa.array([b"two"]), images=images, attributes=pa.array(["{}"]))
    [batch] = read_batches(str(write_parquet(tmp_path / "a.parquet", **columns)), images=3)
    [row] = batch.to_pylist()
    assert [row["image"]["bytes"], *(image["bytes"] for image in row["images"])] == [b"two", b"one", b"three"]


@pytest.mark.parametrize("most", [1, 2, 16])
def test_of_500_images_so_many_are_kept(tmp_path, most):
    names = [f"{i}.jpg" for i in range(500)]
    as_json = json_lines(tmp_path / "a.jsonl", {"images": names}, {"image": "x.jpg", "images": names})
    as_parquet = write_parquet(tmp_path / "a.parquet", **minimal(images=pa.array([names]), attributes=pa.array(["{}"])))
    [of_json] = read_batches(str(as_json), images=most)
    [of_parquet] = read_batches(str(as_parquet), images=most)
    for batch, first, rest in ((of_json, "0.jpg", names[1:most]), (of_parquet, "0.jpg", names[1:most])):
        row = batch.to_pylist()[0]
        assert row["image"]["path"] == first
        assert [image["path"] for image in row["images"] or []] == rest
    assert of_json.to_pylist()[1]["image"]["path"] == "x.jpg"


class TestBadLists:
    def read(self, path):
        aside = []
        [batch] = read_batches(str(path), quarantine=lambda *problem: aside.append(problem), images=4)
        return batch.to_pylist(), aside

    @pytest.mark.parametrize("images", [True, {"height": "3"}])
    def test_no_list(self, tmp_path, images):
        rows, aside = self.read(json_lines(tmp_path / "a.jsonl", {"image": "1.jpg", "images": images}, {}))
        assert aside == [(0, "images", "images are not a list", repr(images))]
        assert rows[0]["title"] == "a kurta"
        assert (rows[0]["image"]["path"], rows[0]["images"]) == ("1.jpg", None)

    def test_an_item_that_is_no_image(self, tmp_path):
        images = ["1.jpg", {"bytes": "!!"}, ["x.jpg"], {"height": 3}, "2.jpg"]
        rows, aside = self.read(json_lines(tmp_path / "a.jsonl", {"images": images}))
        [(row, field, reason, detail)] = aside
        assert (row, field, reason) == (0, "images", "image bytes are not base64")
        assert all(told in detail for told in ("number 2 of 5: ", "number 3 of 5: ['x.jpg']", "number 4 of 5: {"))
        assert rows[0]["image"]["path"] == "1.jpg"
        assert [image["path"] for image in rows[0]["images"]] == ["2.jpg"]

    def test_both_columns_are_bad(self, tmp_path):
        rows, aside = self.read(json_lines(tmp_path / "a.jsonl", {"image": [1], "images": True}))
        assert [problem[:3] for problem in aside] == [(0, "image", "image is not a path or {bytes, path}")]
        assert aside[0][3] == "['1']; True"
        assert rows[0]["title"] == "a kurta"

    def test_another_column_is_bad_too(self, tmp_path):
        rows, aside = self.read(json_lines(tmp_path / "a.jsonl", {"images": True, "attributes": 7}))
        assert [problem[:3] for problem in aside] == [(0, "attributes", "attributes are not a map")]
        assert rows[0]["title"] is None

    def test_a_type_that_cannot_be_a_list(self, tmp_path):
        path = write_parquet(tmp_path / "a.parquet", **minimal(images=pa.array([7]), attributes=pa.array(["{}"])))
        with pytest.raises(CatalogError, match=r"column 'images' has type int64.*allowed is a list of struct<bytes,"):
            self.read(path)


@pytest.mark.parametrize(
    ("images", "paths"),
    [
        ({"main": "1.jpg", "others": ["2.jpg", None, "3.jpg"]}, ["1.jpg", "2.jpg", "3.jpg"]),
        ({"1": "https://h/1", "2": {"url": "https://h/2"}}, ["https://h/1", "https://h/2"]),
        ({"thumbs": ["t.jpg"], "large": ["1.jpg", "2.jpg"]}, ["1.jpg", "2.jpg"]),
        ([{"tm": "t.jpg", "big": "1.jpg"}, {"tm": "u.jpg", "big": "2.jpg"}], ["1.jpg", "2.jpg"]),
        ({"thumbnail": "t.jpg"}, ["t.jpg"]),
    ],
)
@pytest.mark.parametrize("name", ["images", "photos"])
@pytest.mark.parametrize("attributes", [{"attributes": {}}, {"Fit": "Slim"}])
def test_images_in_objects_that_name_them(tmp_path, name, images, paths, attributes):
    row = {"product_id": "1", "product_type": "K", "title": "t", name: images, **attributes}
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(row))
    (found,) = [row for batch in read_batches(str(path), images=9) for row in batch.to_pylist()]
    assert [image["path"] for image in (found["image"], *(found["images"] or []))] == paths


def test_an_image_in_several_sizes(tmp_path):
    (row,) = TestBadLists().read(json_lines(tmp_path / "a.jsonl", {"image": {"small": "s.jpg", "large": "1.jpg"}}))[0]
    assert row["image"]["path"] == "1.jpg"


@pytest.mark.parametrize("cell", ["[]", "[ ]", "['']", "[None]", "[nan]"])
def test_the_text_of_an_empty_list_is_no_image(tmp_path, cell):
    path = tmp_path / "a.csv"
    path.write_text(f"product_id,product_type,title,image_urls,Fit\n1,K,t,{cell},Slim\n2,K,t,\"['1.jpg', '2.jpg']\",\n")
    one, two = [row for batch in read_batches(str(path), images=9) for row in batch.to_pylist()]
    assert not one["image"]
    assert not one["images"]
    assert [two["image"]["path"], two["images"][0]["path"]] == ["1.jpg", "2.jpg"]
