"""Small catalogs by hand: what is accepted, what is set aside and why, and the second reading with images."""

import hashlib
import io
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from moemoe.catalog import products as products_module
from moemoe.catalog.fetch_images import ImageFetcher
from moemoe.catalog.find import find_partitions
from moemoe.catalog.products import (
    Collection,
    collect_products,
    partition_groups,
    read_products_with_images,
    write_parts,
)
from moemoe.catalog.url_images import UrlImages
from moemoe.contract.load import load_contract
from moemoe.errors import CatalogError
from moemoe.schemas import CATALOG, PRODUCTS, QUARANTINE
from moemoe.storage import read_table
from tests.support.image_server import body, image_server
from tests.support.s3 import s3_bucket
from tests.support.whole_labels import collect, in_parts


def draw_image(color="red", size=(12, 16), kind="JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, kind)
    return buffer.getvalue()


def product(product_id, data=None, path=None, **columns) -> dict:
    image = None if data is None and path is None else {"bytes": data, "path": path}
    row = {"product_id": product_id, "marketplace": "IN", "product_type": "Kurtas", "title": f"Kurta {product_id}"}
    return {**row, "image": image, "attributes": [("baseColour", "Red")], **columns}


def write(path: Path, rows: list[dict]) -> str:
    pq.write_table(pa.Table.from_pylist(rows, CATALOG), path)
    return str(path)


def make_contract(folder: Path, share: float):
    path = folder / "contract.yaml"
    path.write_text(
        "dataset: small\nproduct_types: {kurta: [Kurtas]}\n"
        "attributes: {color: {keys: [baseColour], values: {Red: []}}}\n"
        f"max_quarantine_share: {share}\n"
    )
    return load_contract(path)


@pytest.fixture
def contract(tmp_path):
    return make_contract(tmp_path, 1.0)


def reasons(collected) -> list[tuple]:
    return [(e["product_id"], e["field"], e["reason"]) for e in collected.quarantine.to_pylist()]


class TestCollectProducts:
    def test_products_and_quarantine(self, tmp_path, contract):
        good, large = draw_image(), draw_image("blue", (4000, 3000))
        (tmp_path / "1.jpg").write_bytes(large)
        first = [
            product("p0", good),
            product("p1", path="1.jpg"),
            product("p2"),
            product("p3", title=None, description="has a description"),
            product(None, good),
            product("p5", product_type="Watches"),
            product(" ", title="blank id"),
        ]
        second = [
            product("p6", title=" ", description=None),
            product("p7", product_type=None),
            product("p8", large[:-500]),
            product("p0", b"no image"),
        ]
        partitions = [write(tmp_path / "a.parquet", first), write(tmp_path / "b.parquet", second)]
        seen = []
        collected = collect(partitions, contract, progress=seen.append)

        assert (collected.rows, seen) == (11, [7, 11])
        assert collected.products.schema == PRODUCTS
        assert collected.quarantine.schema == QUARANTINE
        rows = collected.products.select(["product_id", "partition", "row"]).to_pylist()
        assert [tuple(row.values()) for row in rows] == [
            ("p0", 0, 0), ("p1", 0, 1), ("p2", 0, 2), ("p3", 0, 3), ("p5", 0, 5), ("p8", 1, 2), ("p0", 1, 3),
        ]  # fmt: skip
        hashes = [hashlib.sha256(data).hexdigest() for data in (good, large)]
        assert collected.products["image_hash"].to_pylist() == [*hashes, None, None, None, None, None]
        assert reasons(collected) == [
            (None, "product_id", "no product id"),
            (None, "product_id", "no product id"),
            ("p6", "title", "neither title nor description"),
            ("p7", "product_type", "no product type"),
            ("p8", "image", "image is cut short"),
            ("p0", "image", "image does not decode"),
        ]
        assert set(collected.quarantine["stage"].to_pylist()) == {"validate"}
        assert collected.quarantine["detail"][4].as_py().startswith("b.parquet, row 2: ")

    def test_bad_images_are_set_aside_while_their_products_stay(self, tmp_path, contract):
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

    def test_several_images_are_each_set_aside_or_kept(self, tmp_path, contract):
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

    def test_a_product_with_many_bad_images_is_one_row_of_those_set_aside(self, tmp_path):
        bad = [{"path": f"{i}.jpg"} for i in range(9)]
        rows = [product("p0", draw_image(), images=bad), product("p1", images=bad), *map(product, ("p2", "p3", "p4"))]
        contract = make_contract(tmp_path, 0.4)
        parts = write_parts(collect_products([write(tmp_path / "a.parquet", rows)], contract, images=8), str(tmp_path))
        collection = Collection(parts)
        quarantine = collection.quarantine()
        assert quarantine.num_rows == 15
        collection.check_quarantine_share(quarantine, contract)  # two of five rows
        with pytest.raises(CatalogError, match=r"2 of 5 catalog rows \(40.0%\) would be quarantined, 2 of them with"):
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

    def test_texts_of_any_length_and_script_stay_as_they_are(self, tmp_path, contract):
        texts = ["", None, "x" * 50_000, "सूती कुर्ता, मशीन से धोएँ", "பருத்தி குர்தா", "ab\n👩\u200d👧"]
        rows = [product(f"p{i}", description=text, bullet_points=[text, text]) for i, text in enumerate(texts)]
        collected = collect([write(tmp_path / "a.parquet", rows)], contract)
        assert collected.quarantine.num_rows == 0
        assert collected.products["description"].to_pylist() == texts
        [part] = write_parts(collect_products([str(tmp_path / "a.parquet")], contract), str(tmp_path / "parts"))
        assert read_table(part.products) == collected.products

    def test_unreadable_lines_are_counted_once(self, tmp_path, contract):
        good = {"product_id": "p0", "product_type": "Kurtas", "title": "t", "attributes": {"Fit": None}}
        bad_image = {**good, "product_id": "p2", "image": {"bytes": "no base64!"}}
        lines = [json.dumps(good), "{broken", json.dumps(bad_image), json.dumps({**bad_image, "product_id": None})]
        path = tmp_path / "a.jsonl"
        path.write_text("\n".join(lines) + "\n")
        collected = collect([str(path)], contract)
        assert collected.rows == 4
        assert collected.products["product_id"].to_pylist() == ["p0", "p2"]
        assert collected.products["row"].to_pylist() == [0, 2]
        assert reasons(collected) == [
            (None, "row", "row is not readable"),
            ("p2", "image", "image bytes are not base64"),
            (None, "product_id", "no product id"),
        ]

    @pytest.mark.parametrize("limit", [1, 3, 4, 600, 601])
    def test_max_products_keeps_the_first_rows(self, tmp_path, contract, limit):
        rows = [product(f"p{i}") for i in range(598)]
        partitions = [write(tmp_path / "a.parquet", rows[:3]), write(tmp_path / "b.parquet", rows[3:])]
        collected = collect(partitions, contract, max_products=limit)
        assert collected.rows == min(limit, 598)
        assert collected.products["product_id"].to_pylist() == [f"p{i}" for i in range(min(limit, 598))]

    def test_quarantine_share_exceeded(self, tmp_path, contract):
        rows = [product(f"p{i}", b"broken" if i < 6 else None) for i in range(98)] + [product(None), product(None)]
        parts = collect_products([write(tmp_path / "a.parquet", rows)], contract)
        collection = Collection(write_parts(parts, str(tmp_path)))
        quarantine = collection.quarantine()
        assert (collection.rows, collection.accepted, collection.images, quarantine.num_rows) == (100, 98, 0, 8)
        expected = (
            r"8 of 100 catalog rows \(8\.0%\) would be quarantined, 6 of them with their image alone; "
            r"contract small allows 7\.0% \(max_quarantine_share, and of images the expectation undecodable_images: "
            r"raise them to go on without\)\. "
            r"image does not decode: 6 \(p0, p1, p2\); no product id: 2 \(a\.parquet, row 98"
        )
        with pytest.raises(CatalogError, match=expected):
            collection.check_quarantine_share(quarantine, make_contract(tmp_path, 0.07))
        collection.check_quarantine_share(quarantine, make_contract(tmp_path, 0.08))

    def test_no_rows(self, tmp_path, contract):
        collection = Collection(
            write_parts(collect_products([write(tmp_path / "a.parquet", [])], contract), str(tmp_path / "parts"))
        )
        with pytest.raises(CatalogError, match="the catalog has no rows"):
            collection.check_quarantine_share(collection.quarantine(), contract)

    @settings(max_examples=25)
    @given(rows=st.lists(st.tuples(st.sampled_from(["id", "", None]), st.sampled_from(["t", None]), st.booleans())))
    def test_nothing_is_lost(self, tmp_path_factory, rows):
        folder = tmp_path_factory.mktemp("catalog")
        table = [product(i, b"bad" if bad else None, title=title) for i, title, bad in rows] + [product("last")]
        collected = collect([write(folder / "a.parquet", table)], make_contract(folder, 1.0))
        set_aside = [field for _, field, _ in reasons(collected)]
        assert collected.rows == len(table) == collected.products.num_rows + len(set_aside) - set_aside.count("image")


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

    def test_they_are_fetched_once_and_dead_ones_are_set_aside(self, tmp_path, server, catalog, contract):
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


class TestReadProductsWithImages:
    @pytest.fixture
    def partitions(self, tmp_path):
        (tmp_path / "1.webp").write_bytes(draw_image("green", (600, 300), "WEBP"))
        first = [product(f"p{i}", draw_image() if i % 2 else None) for i in range(700)]
        second = [product("q0", path="1.webp"), product("q1", b"broken"), product(None), product("q3", draw_image())]
        return [write(tmp_path / "a.parquet", first), write(tmp_path / "b.parquet", second)]

    def test_all_rows_in_order(self, partitions, contract):
        products = collect(partitions, contract).products
        table = pa.concat_tables(read_products_with_images(partitions, in_parts(products, 4), contract))
        assert table.drop_columns(["image", "further_images"]).equals(products)
        assert table.schema.field("image").type == pa.binary()
        images = table["image"].to_pylist()
        assert images[:700] == [draw_image() if i % 2 else None for i in range(700)]
        assert Image.open(io.BytesIO(images[700])).size == (256, 128)
        assert images[701:] == [None, draw_image()]

    def test_some_rows(self, partitions, contract):
        products = collect(partitions, contract).products
        some = products.take(pa.array([3, 300, 699, 702]))
        table = pa.concat_tables(read_products_with_images(partitions, in_parts(some, 3), contract))
        assert table["product_id"].to_pylist() == ["p3", "p300", "p699", "q3"]
        assert table["image"].to_pylist() == [draw_image(), None, draw_image(), draw_image()]
        assert list(read_products_with_images(partitions, [products.slice(0, 0)], contract)) == []

    @pytest.mark.parametrize(
        ("row", "problem"),
        [
            (product("q0", draw_image()), "an image has other bytes"),
            (product("q0"), "an image is gone"),
            (product("q0", path="gone.jpg"), "image file is missing: gone.jpg"),
            (product("other", path="1.webp"), "row 0 and following hold other products"),
            (None, "it ends at row 0; row 3 was read before"),
        ],
    )
    def test_a_catalog_that_changed_meanwhile(self, tmp_path, partitions, contract, row, problem):
        products = collect(partitions, contract).products
        rest = pq.read_table(partitions[1]).to_pylist()[1:]
        write(Path(partitions[1]), [row, *rest] if row else [])
        with pytest.raises(CatalogError, match=rf"the catalog changed while .*b\.parquet: .*{problem}; run again"):
            list(read_products_with_images(partitions, in_parts(products, 4), contract))


class TestParts:
    def test_groups_read_apart_make_the_same_rows_in_parts_of_bounded_size(self, tmp_path, contract, monkeypatch):
        monkeypatch.setattr(products_module, "PART_ROWS", 300)
        partitions = [
            write(tmp_path / f"{i}.parquet", [product(f"{i}-{row}") for row in range(n)])
            for i, n in enumerate([600, 0, 5, 700])
        ]
        whole = collect(partitions, contract)
        parts = [part for group in ([0, 1], [2, 3]) for part in collect_products(partitions, contract, group)]
        assert pa.concat_tables([part.products for part in parts]) == whole.products
        assert len(parts) == 4
        assert all(part.rows <= 300 + 256 for part in parts)  # at most a batch more

    def test_writing_again_changes_nothing(self, tmp_path, contract):
        partitions = [write(tmp_path / "a.parquet", [product("p0"), product(None), product("p2", draw_image())])]
        first = write_parts(collect_products(partitions, contract), str(tmp_path / "parts"))
        content = {path: path.read_bytes() for path in (tmp_path / "parts").rglob("*.parquet")}
        assert write_parts(collect_products(partitions, contract), str(tmp_path / "parts")) == first
        assert {path: path.read_bytes() for path in (tmp_path / "parts").rglob("*.parquet")} == content
        assert read_table(first[0].products, ["product_id"])["product_id"].to_pylist() == ["p0", "p2"]

    @given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
    def test_groups_cover_every_partition_once_and_are_few(self, sizes):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(products_module, "MAX_GROUPS", 5)
            patch.setattr(products_module, "GROUP_BYTES", 4)
            patch.setattr(products_module, "size", lambda partition: sizes[int(partition)])
            partitions = [str(i) for i in range(len(sizes))]
            groups = partition_groups(partitions)
            assert partition_groups(partitions, max_products=1) == [list(range(len(sizes)))]
        assert [partition for group in groups for partition in group] == list(range(len(sizes)))
        assert len(groups) <= 5
        assert all(sum(sizes[p] for p in group) >= 4 for group in groups[:-1])


@pytest.fixture
def bucket(monkeypatch):
    """A bucket on a real S3 endpoint of this machine."""
    with s3_bucket(monkeypatch, "catalogs") as client:
        yield client


def test_a_catalog_on_s3(bucket, tmp_path, contract):
    rows = [
        product("inside", path="img/1.jpg"),
        product("uri", path="s3://catalogs/elsewhere/2.jpg"),
        product("gone", path="img/3.jpg"),
        product("outside", path="../elsewhere/2.jpg"),
    ]
    bucket.upload_file(write(tmp_path / "a.parquet", rows), "catalogs", "shop/a.parquet")
    bucket.put_object(Bucket="catalogs", Key="shop/img/1.jpg", Body=draw_image("red"))
    bucket.put_object(Bucket="catalogs", Key="elsewhere/2.jpg", Body=draw_image("blue"))

    partitions = find_partitions("s3://catalogs/shop")
    assert partitions == find_partitions("s3://catalogs/shop/*.parquet") == ["s3://catalogs/shop/a.parquet"]
    with pytest.raises(CatalogError, match="no catalog file matches 's3://catalogs/none'"):
        find_partitions("s3://catalogs/none")
    collected = collect(partitions, contract)
    assert [(i, reason) for i, _, reason in reasons(collected)] == [
        ("gone", "image file is missing"),
        ("outside", "image lies outside the catalog's folder"),
    ]
    (table,) = read_products_with_images(partitions, [collected.products], contract)
    assert table["image"].to_pylist() == [draw_image("red"), draw_image("blue"), None, None]
