"""A catalog's rows, read ahead while their images are fetched."""

import threading

import pyarrow as pa

from moemoe.catalog.fetch_images import ImageFetcher, fetch_ahead
from moemoe.schemas import CATALOG
from tests.support.image_server import body
from tests.support.url_images import JPEG, LIMITS, jpeg


class TestFetchAhead:
    def test_rows_come_in_order_with_their_images_settled(self, server, images):
        server.answers = {f"/{i}.jpg": body(jpeg(i)) for i in range(0, 40, 2)}
        paths = [f"{server.url}/{i}.jpg" if i % 5 else None for i in range(40)]
        rows = [{"product_id": str(i), "image": {"path": path}} for i, path in enumerate(paths)]
        rows[4]["image"] = {"bytes": b"own", "path": f"{server.url}/never.jpg"}
        batches = [pa.RecordBatch.from_pylist(rows[i : i + 7], CATALOG) for i in range(0, 40, 7)]
        seen = []
        with ImageFetcher(images, True, LIMITS) as fetcher:
            for batch in fetch_ahead(batches, fetcher):
                seen += batch["product_id"].to_pylist()
                for row in batch.to_pylist():
                    if row["image"] and row["image"]["bytes"] is None and row["image"]["path"]:
                        assert images.is_settled(row["image"]["path"], 0)
        assert seen == [str(i) for i in range(40)]
        assert server.asked["/never.jpg"] == 0

    def test_a_slow_one_holds_up_no_other(self, server, images):
        """The first image comes only after the last row's has been asked for."""
        server.answers = {f"/{i}.jpg": body(JPEG) for i in range(1, 20)}
        last = threading.Event()
        server.answers["/0.jpg"] = lambda request: (last.wait(10), body(JPEG)(request))
        server.answers["/19.jpg"] = lambda request: (last.set(), body(JPEG)(request))
        rows = [{"product_id": str(i), "image": {"path": f"{server.url}/{i}.jpg"}} for i in range(20)]
        batches = [pa.RecordBatch.from_pylist([row], CATALOG) for row in rows]
        with ImageFetcher(images, True, LIMITS) as fetcher:
            list(fetch_ahead(batches, fetcher))
        assert last.is_set()
        assert fetcher.fetched == 20

    def test_without_urls_nothing_waits(self, images):
        read: list[int] = []

        def batches():
            for i in range(5):
                read.append(i)
                yield pa.RecordBatch.from_pylist([{"product_id": str(i)}], CATALOG)

        with ImageFetcher(images, True, LIMITS) as fetcher:
            for number, _ in enumerate(fetch_ahead(batches(), fetcher)):
                assert read[-1] == number
