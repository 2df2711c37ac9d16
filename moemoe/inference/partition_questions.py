"""A partition of a catalog as questions to a model: every product with its text, its images and the values it lacks.

A row is quarantined if it cannot be read, or has no id, neither title nor description, or a product type that the model
does not answer. An image that cannot be used is quarantined too; its product is asked about without it.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import pyarrow as pa

from moemoe.catalog.fetch_images import ImageFetcher, fetch_ahead
from moemoe.catalog.images import ImageError, load_image
from moemoe.catalog.known_layouts import AUTO
from moemoe.catalog.layouts.columns import REQUIRED
from moemoe.catalog.read import read_batches
from moemoe.catalog.reading import Reading
from moemoe.catalog.screen import is_usable, screen
from moemoe.contract.text import normalize_text
from moemoe.inference.attribute_model import AttributeModel
from moemoe.inference.catalog_rows import CatalogQuery, question_of, usable_image
from moemoe.schemas import CATALOG
from moemoe.sources import image_name, images_read

STAGE = "backfill"
CHUNK_ROWS = 512
#: The columns that a catalog must have: a new one has no labels yet.
NEEDED = tuple(name for name in REQUIRED if name != "attributes")

T = TypeVar("T")


@dataclass(frozen=True)
class Chunk:
    """Some rows of a partition: the products asked about, the question on each, and the number of rows read."""

    products: list[dict[str, Any]]
    questions: list[CatalogQuery]
    rows: int


def read_chunks(
    partition: str,
    model: AttributeModel,
    quarantine: list[dict[str, str | None]],
    layout: str = AUTO,
    told: Callable[[Reading], None] = lambda _: None,
    fetcher: ImageFetcher | None = None,
) -> Iterator[Chunk]:
    """A partition as questions.

    Args:
        quarantine: rows of QUARANTINE are added to it.
        layout, told: see ``read_batches``.
        fetcher: fetches images that are URLs; None: such an image is quarantined.

    Raises:
        CatalogError: the partition cannot be read.
    """
    unreadable: dict[int, tuple[str, str, str]] = {}

    def keep(row: int, field: str, reason: str, detail: str) -> None:
        unreadable[row] = (field, reason, detail)

    questions = _Questions(partition, model, quarantine, fetcher)
    what = (partition, model.contract.columns, keep, tuple(CATALOG.names), CHUNK_ROWS, NEEDED, layout, told)
    batches = read_batches(*what, images=max(1, images_read(model.sources)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for batch in fetch_ahead(batches, fetcher) if fetcher else batches:
            usable = list(questions.usable(batch, unreadable))
            images = pool.map(questions.images_of, [row for _, row, _ in usable])
            asked = [questions.of(*row, found) for row, found in zip(usable, images, strict=True)]
            yield Chunk([row for _, row, _ in usable], asked, batch.num_rows)


class _Questions:
    """Makes a partition's questions, batch by batch, and adds to ``quarantine``."""

    def __init__(
        self,
        partition: str,
        model: AttributeModel,
        quarantine: list[dict[str, str | None]],
        fetcher: ImageFetcher | None,
    ) -> None:
        self._partition, self._model, self._quarantine = partition, model, quarantine
        self._read_url = fetcher.images.read if fetcher else None
        self._types = model.contract.product_type_aliases()
        self._start = 0  # the number of the next batch's first row

    def usable(
        self, batch: pa.RecordBatch, unreadable: dict[int, tuple[str, str, str]]
    ) -> Iterator[tuple[int, dict[str, Any], str]]:
        """Yields number, row and product type of the rows to ask about; takes their entries out of ``unreadable``."""
        for number, row in enumerate(batch.to_pylist(), start=self._start):
            found = unreadable.pop(number, None)
            problem = screen(row["product_id"], row["product_type"], row["title"], row["description"], found)
            product_type = self._types.get(normalize_text(row["product_type"] or ""), "")
            if is_usable(problem) and product_type not in self._model.attributes:
                problem = ("product_type", "unknown to the model", repr(row["product_type"])[:100])
            if problem is not None:
                self._reject(row["product_id"], number, *problem)
            if is_usable(problem):
                yield number, row, product_type
        self._start += batch.num_rows

    def images_of(self, row: dict[str, Any]) -> list[bytes | ImageError | None]:
        """A row's images; for one that cannot be used, the error."""
        return [self._image(one) for one in (row["image"], *(row["images"] or []))]

    def of(
        self, number: int, row: dict[str, Any], product_type: str, images: list[bytes | ImageError | None]
    ) -> CatalogQuery:
        """The question about a row."""
        for index, image in enumerate(images):
            if isinstance(image, ImageError):
                self._reject(row["product_id"], number, image_name(index), image.reason, image.detail)
        usable = [None if isinstance(image, ImageError) else image for image in images]
        return question_of(row, product_type, usable, self._model.attributes[product_type])

    def _image(self, image: dict[str, Any] | None) -> bytes | ImageError | None:
        try:
            data = load_image(image, self._partition, self._read_url)
            return None if data is None else usable_image(data)
        except ImageError as error:
            return error

    def _reject(self, product_id: str | None, number: int, field: str, reason: str, detail: str) -> None:
        place = f"{self._partition.rsplit('/', 1)[-1]}, row {number}"
        detail = f"{place}: {detail}" if detail else place
        self._quarantine.append(
            {"product_id": product_id, "stage": STAGE, "field": field, "reason": reason, "detail": detail}
        )


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """``items`` in order, the next one made in a thread while the caller works on this one."""
    nothing = object()
    with ThreadPoolExecutor(1, thread_name_prefix="reader") as pool:
        waiting = pool.submit(next, items, nothing)
        while (item := waiting.result()) is not nothing:
            waiting = pool.submit(next, items, nothing)
            yield item  # type: ignore[misc]
