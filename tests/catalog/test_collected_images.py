"""Images of collected products: usable and quarantined ones, several per product, behind URLs."""

import hashlib
import io
import shutil

import pyarrow as pa
import pytest
from PIL import Image

from moemoe.catalog.fetch_images import ImageFetcher
from moemoe.catalog.products import (
    Collection,
    collect_products,
    read_products_with_images,
    write_parts,
)
from moemoe.catalog.url_images import UrlImages
from moemoe.errors import CatalogError
from tests.support.image_server import body, image_server
from tests.support.kurtas import draw_image, make_contract, product, reasons, write
from tests.support.whole_labels import collect


@pytest.fixture
def contract(tmp_path):
    return make_contract(tmp_path, 1.0)


class TestImages:
    def test_bad_images_are_quarantined_while_their_products_stay(self, tmp_path, contract):
        (tmp_path / "secret.png").write_bytes(draw_image(kind="PNG"))
        (tmp_path / "catalog").mkdir()
        bomb = io.BytesIO()
        Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
        rows = [
            product("gone", path="gone.jpg"),
            product("outside", path="../secret.png"),
            product("bomb", bomb.getvalue()),
            product("broken", b"\xff\xd8\xff\xe0 broken"),
            product("empty", b""),
        ]
        collected = collect([write(tmp_path / "catalog" / "a.parquet", rows)], contract)
        assert collected.products["product_id"].to_pylist() == ["gone", "outside", "bomb", "broken", "empty"]
        assert collected.products["image_hash"].null_count == 5
        assert [reason for _, _, reason in reasons(collected)] == [
            "image file is missing",
            "image lies outside the catalog's folder",
            "image has too many pixels",
            "image does not decode",
            "image is empty",
        ]

    def test_several_images_are_each_quarantined_or_kept(self, tmp_path, contract):
        one, two, three = (draw_image(color) for color in ("red", "blue", "green"))
        (tmp_path / "1.jpg").write_bytes(one)
        rows = [
            product("all", one, images=[{"bytes": two}, {"bytes": three}]),
            product("second is bad", one, images=[{"bytes": b"no image"}, {"bytes": three}]),
            product("first is bad", b"no image", images=[{"bytes": two}]),
            product("a URL among files", path="1.jpg", images=[{"path": "1.jpg"}, {"path": "https://a.test/2.jpg"}]),
            product("all are bad", path="gone.jpg", images=[{"path": "gone.png"}, {"path": "../1.jpg"}]),
            product("single", one),
            product("500", images=[{"bytes": one}] + [{"path": f"{i}.jpg"} for i in range(500)]),
        ]
        collected = collect([write(tmp_path / "a.parquet", rows)], contract, images=3)
        first, second, third = (hashlib.sha256(data).hexdigest() for data in (one, two, three))
        assert collected.products["image_hash"].to_pylist() == [first, first, None, first, None, first, first]
        assert collected.products["further_image_hashes"].to_pylist() == [
            [second, third], [None, third], [second], None, None, None, [None, first],
        ]  # fmt: skip
        assert reasons(collected) == [
            ("second is bad", "image.2", "image does not decode"),
            ("first is bad", "image", "image does not decode"),
            ("a URL among files", "image.2", "image is a URL"),
            ("all are bad", "image", "image file is missing"),
            ("all are bad", "image.2", "image file is missing"),
            ("all are bad", "image.3", "image lies outside the catalog's folder"),
            ("500", "image.2", "image file is missing"),
        ]
        alone = collect([str(tmp_path / "a.parquet")], contract)
        assert alone.products["further_image_hashes"].null_count == 7
        assert alone.products["image_hash"].equals(collected.products["image_hash"])
        assert {name for _, name, _ in reasons(alone)} == {"image"}

        partitions = [str(tmp_path / "a.parquet")]
        table = pa.concat_tables(read_products_with_images(partitions, [collected.products], contract, images=3))
        assert table["image"].to_pylist() == [one, one, None, one, None, one, one]
        assert table["further_images"].to_pylist() == [
            [two, three], [None, three], [two], None, None, None, [None, one],
        ]  # fmt: skip
        (tmp_path / "1.jpg").unlink()
        with pytest.raises(CatalogError, match="the catalog changed while the run was reading it"):
            list(read_products_with_images(partitions, [collected.products], contract, images=3))

    def test_a_product_with_many_bad_images_is_one_row_of_those_quarantined(self, tmp_path):
        bad = [{"path": f"{i}.jpg"} for i in range(9)]
        rows = [product("p0", draw_image(), images=bad), product("p1", images=bad), *map(product, ("p2", "p3", "p4"))]
        contract = make_contract(tmp_path, 0.4)
        parts = write_parts(collect_products([write(tmp_path / "a.parquet", rows)], contract, images=8), str(tmp_path))
        collection = Collection(parts)
        quarantine = collection.quarantine()
        assert quarantine.num_rows == 15
        collection.check_quarantine_share(quarantine, contract)  # two of five rows
        with pytest.raises(CatalogError, match=r"2 of 5 catalog rows \(40.0%\) would be quarantined, 2 of them only"):
            collection.check_quarantine_share(quarantine, make_contract(tmp_path, 0.3))

    def test_further_images_behind_urls_are_fetched(self, tmp_path, contract):
        with image_server() as server:
            data = [draw_image(color) for color in ("red", "blue")]
            server.answers |= {"/1.jpg": body(data[0]), "/2.jpg": body(data[1]), "/3.jpg": body(data[1])}
            urls = [{"path": f"{server.url}/{i}.jpg"} for i in (1, 2, "gone", 3)]
            fetched = UrlImages.under(str(tmp_path))
            with ImageFetcher(fetched, allow_private=True) as fetcher:
                path = write(tmp_path / "a.parquet", [product("p0", images=urls)])
                collected = collect([path], contract, fetcher=fetcher, images=3)
            assert server.asked == {"/1.jpg": 1, "/2.jpg": 1, "/gone.jpg": 1}
        hashes = [hashlib.sha256(one).hexdigest() for one in data]
        assert collected.products["image_hash"].to_pylist() == hashes[:1]
        assert collected.products["further_image_hashes"].to_pylist() == [[hashes[1], None]]
        assert reasons(collected) == [("p0", "image.3", "image URL answers 404")]


class TestImagesBehindUrls:
    @pytest.fixture
    def server(self):
        with image_server() as server:
            server.answers = {
                "/1.jpg": body(draw_image("red")),
                "/half.jpg": body(draw_image("blue", (400, 300))[:-200]),
            }
            yield server

    @pytest.fixture
    def catalog(self, tmp_path, server) -> str:
        paths = ["1.jpg", "gone.jpg", "1.jpg", "half.jpg"]
        rows = [product(f"p{i}", path=f"{server.url}/{path}") for i, path in enumerate(paths)]
        return write(tmp_path / "a.parquet", [*rows, product("own", draw_image("green"))])

    def test_they_are_fetched_once_and_dead_ones_are_quarantined(self, tmp_path, server, catalog, contract):
        images = UrlImages(str(tmp_path / "images"))
        with ImageFetcher(images, allow_private=True) as fetcher:
            collected = collect([catalog], contract, fetcher=fetcher)
        assert [(i, reason) for i, _, reason in reasons(collected)] == [
            ("p1", "image URL answers 404"),
            ("p3", "image is cut short"),
        ]
        assert collected.quarantine["detail"][0].as_py() == f"a.parquet, row 1: '{server.url}/gone.jpg': Not Found"
        server.answers = {}
        (table,) = read_products_with_images([catalog], [collected.products], contract, read_url=images.read)
        assert table["image"].to_pylist() == [draw_image("red"), None, draw_image("red"), None, draw_image("green")]
        assert server.asked == {"/1.jpg": 1, "/gone.jpg": 1, "/half.jpg": 1}

    def test_private_hosts_are_not_asked_unless_allowed(self, tmp_path, server, catalog, contract):
        with ImageFetcher(UrlImages(str(tmp_path / "images"))) as fetcher:
            collected = collect([catalog], contract, fetcher=fetcher)
        assert {reason for *_, reason in reasons(collected)} == {"image host has a private address"}
        assert not server.asked

    def test_only_the_first_rows_images_are_asked(self, tmp_path, server, catalog, contract):
        with ImageFetcher(UrlImages(str(tmp_path / "images")), allow_private=True) as fetcher:
            assert collect([catalog], contract, max_products=2, fetcher=fetcher).rows == 2
        assert server.asked == {"/1.jpg": 1, "/gone.jpg": 1}

    def test_one_that_is_gone_from_the_root_is_named(self, tmp_path, server, catalog, contract):
        images = UrlImages(str(tmp_path / "images"))
        with ImageFetcher(images, allow_private=True) as fetcher:
            collected = collect([catalog], contract, fetcher=fetcher)
        shutil.rmtree(tmp_path / "images" / "urls")
        with pytest.raises(CatalogError, match=r"the catalog changed.*image URL was not fetched: 'http://127"):
            list(read_products_with_images([catalog], [collected.products], contract, read_url=images.read))

    def test_without_a_fetcher_none_is_followed(self, server, catalog, contract):
        assert ("p0", "image", "image is a URL") in reasons(collect([catalog], contract))
        assert not server.asked
