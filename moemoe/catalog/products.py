"""The accepted rows of a catalog, and those quarantined with their reason."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, groupby, islice, pairwise, zip_longest
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.catalog.fetch_images import ImageFetcher, fetch_ahead
from moemoe.catalog.images import ImageError, check_image, load_image, shrink_image
from moemoe.catalog.known_layouts import AUTO
from moemoe.catalog.product_images import images_in
from moemoe.catalog.read import read_batches
from moemoe.catalog.reading import Reading, merge_readings
from moemoe.catalog.screen import is_usable, screen
from moemoe.contract.contract import Contract
from moemoe.errors import CatalogError
from moemoe.schemas import FURTHER_IMAGES, PRODUCTS, QUARANTINE
from moemoe.sources import IMAGE, image_name
from moemoe.storage import join, part_uri, read_table, size, write_table

STAGE = "validate"
_IMAGES_PER_TASK = 16  # small enough to keep every thread busy, large enough to hide the hand-over
#: Rows of one part; its texts are what a step holds in memory.
PART_ROWS = 50_000
MAX_GROUPS = 100  # Metaflow's own limit on a foreach
GROUP_BYTES = 128 * 2**20


@dataclass(frozen=True)
class Collected:
    """A part of a catalog: ``products`` (PRODUCTS), ``quarantine`` (QUARANTINE), and the number of ``rows`` read.

    ``readings`` say how the files that ended in this part were read.

    Every row becomes a product, or a quarantine entry for a field other than images. A row has at most one entry, and
    one for each further image (``image.2``, ...) that cannot be used.
    """

    products: pa.Table
    quarantine: pa.Table
    rows: int
    readings: list[Reading] = field(default_factory=list)


def plan_tasks(partitions: Sequence[str], max_products: int | None = None) -> list[list[int]]:
    """The indices of all partitions in at most MAX_GROUPS consecutive groups, one per task.

    A group has at least GROUP_BYTES, except the last, so a small catalog is one task, and so are ``max_products`` rows.
    """
    if max_products is not None:
        return [list(range(len(partitions)))]
    sizes = [size(partition) for partition in partitions]
    least = max(GROUP_BYTES, -(-sum(sizes) // MAX_GROUPS))
    groups: list[list[int]] = [[]]
    held = 0
    for partition, more in enumerate(sizes):
        if held >= least and more:  # an empty file at the end is not a separate task
            groups.append([])
            held = 0
        groups[-1].append(partition)
        held += more
    return groups


def collect_products(
    partitions: Sequence[str],
    contract: Contract,
    group: Sequence[int] | None = None,
    max_products: int | None = None,
    progress: Callable[[int], None] | None = None,
    layout: str = AUTO,
    fetcher: ImageFetcher | None = None,
    images: int = 1,
) -> Iterator[Collected]:
    """Reads a catalog once and checks every row and every image; yields parts of about PART_ROWS rows.

    Quarantined are rows that cannot be read, or lack product id, product type, or both title and description. An image
    that cannot be used (see ``images``) is quarantined, and its product stays without it. Products with a type that the
    contract does not have, and repeated product ids, stay: the contract's expectations cover them.

    Args:
        partitions: from ``find_partitions``; ``partition`` in PRODUCTS is an index into them.
        group: indices of the partitions to read; all by default.
        max_products: read at most this many rows, the first ones.
        progress: called with the number of rows read so far, after each batch.
        layout: name of all files' layout; by default each file's is recognised.
        fetcher: fetches images behind URLs; None: such images are quarantined.
        images: number of images per product to read; further ones are ignored.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    read_url = fetcher.images.read if fetcher else None
    tables: list[pa.RecordBatch] = []
    quarantine: list[dict[str, str | None]] = []
    readings: list[Reading] = []
    rows = given = 0

    def part() -> Collected:
        bad = pa.Table.from_pylist(quarantine, QUARANTINE)
        return Collected(pa.Table.from_batches(tables, PRODUCTS), bad, rows - given, list(readings))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for index in range(len(partitions)) if group is None else group:
            unreadable: dict[int, tuple[str, str, str]] = {}
            start = 0
            what = (partitions[index], contract.columns, _remember(unreadable))
            read = read_batches(*what, layout=layout, told=readings.append, images=images)
            for batch in _fetched(read, None if max_products is None else max_products - rows, fetcher):
                where = (partitions[index], index, start)
                tables.append(_accept(batch, *where, unreadable, pool, quarantine, read_url))
                start += batch.num_rows
                rows += batch.num_rows
                if progress:
                    progress(rows)
                if rows - given >= PART_ROWS:
                    yield part()
                    tables, quarantine, given = [], [], rows
                    readings.clear()
            if rows == max_products:
                break
    if rows > given or readings:
        yield part()


@dataclass(frozen=True)
class CollectedPart:
    """The path of a stored ``Collected``, its counts (rows, products, usable images), and how files were read."""

    products: str
    quarantine: str
    rows: int
    accepted: int
    images: int
    readings: list[Reading]


def write_parts(parts: Iterable[Collected], folder: str) -> list[CollectedPart]:
    """Writes the parts from ``collect_products`` to ``folder``; the same catalog gives the same files."""
    written = []
    for i, part in enumerate(parts):
        products = write_table(part.products, part_uri(join(folder, "products"), i))
        quarantine = write_table(part.quarantine, part_uri(join(folder, "quarantine"), i))
        accepted = part.products.num_rows
        images = accepted - part.products["image_hash"].null_count
        readings = merge_readings(part.readings)
        written.append(CollectedPart(products, quarantine, part.rows, accepted, images, readings))
    return written


@dataclass(frozen=True)
class Collection:
    """A whole collected catalog, with the sums of the counts of ``CollectedPart``."""

    parts: list[CollectedPart]

    @property
    def rows(self) -> int:
        """Rows read."""
        return sum(part.rows for part in self.parts)

    @property
    def accepted(self) -> int:
        """Products."""
        return sum(part.accepted for part in self.parts)

    @property
    def images(self) -> int:
        """Products with a usable image."""
        return sum(part.images for part in self.parts)

    @property
    def readings(self) -> list[Reading]:
        """How the files were read, equal readings merged."""
        return merge_readings(reading for part in self.parts for reading in part.readings)

    def quarantine(self) -> pa.Table:
        """The quarantined rows and images (QUARANTINE)."""
        return pa.concat_tables([QUARANTINE.empty_table(), *(read_table(part.quarantine) for part in self.parts)])

    def check_quarantine_share(self, quarantine: pa.Table, contract: Contract) -> None:
        """Raises CatalogError if there are no rows, or more quarantined ones than the contract allows."""
        if not self.rows:
            raise CatalogError("the catalog has no rows")
        count = _rows_in(quarantine)
        if count <= contract.max_quarantine_share * self.rows:
            return
        examples: dict[str, list[str]] = defaultdict(list)
        for entry in quarantine.to_pylist():
            examples[entry["reason"]].append(entry["product_id"] or entry["detail"])
        frequent = sorted(examples.items(), key=lambda item: -len(item[1]))[:5]
        reasons = "; ".join(f"{reason}: {len(ids)} ({', '.join(ids[:3])})" for reason, ids in frequent)
        images = _rows_in(quarantine.filter(pc.starts_with(quarantine["field"], IMAGE)))
        raise CatalogError(
            f"{count} of {self.rows} catalog rows ({count / self.rows:.1%}) would be quarantined, {images} of them "
            f"only for their image; contract {contract.dataset} allows {contract.max_quarantine_share:.1%} "
            "(max_quarantine_share, for images the expectation undecodable_images: raise them to go on). "
            f"{reasons}"
        )


def _rows_in(quarantine: pa.Table) -> int:
    """The number of rows with quarantine entries; several entries of one row count once."""
    is_further = pc.fill_null(pc.starts_with(quarantine["field"], f"{IMAGE}."), False)
    rows, further = quarantine.filter(pc.invert(is_further)), quarantine.filter(is_further)
    return len(rows) + len(set(further["product_id"].to_pylist()) - set(rows["product_id"].to_pylist()))


def _fetched(
    read: Generator[pa.RecordBatch, None, None], most: int | None, fetcher: ImageFetcher | None
) -> Iterator[pa.RecordBatch]:
    """The batches of a file, of at most ``most`` rows; their images behind URLs are being fetched."""
    with closing(read):
        batches = read if most is None else _first(read, most)
        yield from fetch_ahead(batches, fetcher) if fetcher else batches


def _first(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The first ``rows`` rows; no batch after them is read."""
    for batch in batches:
        yield batch.slice(0, rows)
        rows -= batch.num_rows
        if rows <= 0:
            return


def _remember(unreadable: dict[int, tuple[str, str, str]]) -> Callable[[int, str, str, str], None]:
    def quarantine(row: int, field: str, reason: str, detail: str) -> None:
        unreadable[row] = (field, reason, detail)

    return quarantine


def _accept(
    batch: pa.RecordBatch,
    partition: str,
    index: int,
    start: int,
    unreadable: dict[int, tuple[str, str, str]],
    pool: ThreadPoolExecutor,
    quarantine: list[dict[str, str | None]],
    read_url: Callable[[str], bytes] | None,
) -> pa.RecordBatch:
    """The rows of a batch that become products; the others, and bad images, go to ``quarantine``."""
    ids = batch["product_id"].to_pylist()
    kept, images, problems = [], [], list[tuple[int, str, str, str]]()
    texts = zip(ids, *(batch[name].to_pylist() for name in ("product_type", "title", "description")), strict=True)
    for i, (product_id, product_type, title, description) in enumerate(texts):
        problem = screen(product_id, product_type, title, description, unreadable.pop(start + i, None))
        if problem is not None:
            problems.append((i, *problem))
        if is_usable(problem):
            kept.append(i)
            images.append(images_in(batch, i))
    hashed = iter(_map(pool, lambda image: _hash_if_usable(image, partition, read_url), list(chain(*images))))
    hashes: list[list[str | None]] = []
    for i, own in zip(kept, images, strict=True):
        found = list(islice(hashed, len(own)))
        for number, error in enumerate(found):
            if isinstance(error, ImageError):
                problems.append((i, image_name(number), error.reason, error.detail))
        hashes.append([one if isinstance(one, str) else None for one in found])
    for i, name, reason, detail in sorted(problems, key=lambda problem: problem[0]):
        place = f"{partition.rsplit('/', 1)[-1]}, row {start + i}"
        detail = f"{place}: {detail}" if detail else place
        entry = {"product_id": ids[i], "stage": STAGE, "field": name, "reason": reason, "detail": detail}
        quarantine.append(entry)

    accepted = batch.take(pa.array(kept, pa.int64()))
    further = [own[1:] if any(own[1:]) else None for own in hashes]
    found_here = {
        "image_hash": pa.array([own[0] for own in hashes], pa.string()),
        "further_image_hashes": pa.array(further, pa.list_(pa.string())),
        "partition": pa.array(np.full(len(kept), index, np.int32)),
        "row": pa.array(start + np.array(kept, np.int64)),
    }
    columns = [found_here[name] if name in found_here else accepted[name] for name in PRODUCTS.names]
    return pa.record_batch(columns, schema=PRODUCTS)


def _hash_if_usable(
    image: dict[str, Any] | None, partition: str, read_url: Callable[[str], bytes] | None
) -> str | ImageError | None:
    """SHA-256 (hex) of the image's bytes, None if there is no image, or the reason why it cannot be used."""
    try:
        data = load_image(image, partition, read_url)
        if data is None:
            return None
        check_image(data)
        return hashlib.sha256(data).hexdigest()
    except ImageError as error:
        return error


def _map(pool: ThreadPoolExecutor, function: Callable[[Any], Any], items: list[Any]) -> list[Any]:
    parts = [items[i : i + _IMAGES_PER_TASK] for i in range(0, len(items), _IMAGES_PER_TASK)]
    return [result for results in pool.map(lambda part: [function(item) for item in part], parts) for result in results]


def read_products_with_images(
    partitions: Sequence[str],
    products: Iterable[pa.Table],
    contract: Contract,
    layout: str = AUTO,
    read_url: Callable[[str], bytes] | None = None,
    images: int = 1,
) -> Iterator[pa.Table]:
    """``products`` in slices, with last columns ``image`` (binary) and ``further_images`` (list of binary).

    Reads the catalog again, once. Images are processed by ``shrink_image``, and null if their hash is null.

    Args:
        partitions: the same as for ``collect_products``, in the same order.
        products: parts of PRODUCTS, or some rows of them, sorted by partition and row.
        layout: as for ``collect_products``.
        read_url: returns the bytes of a URL that ``collect_products`` has fetched (``UrlImages.read``).
        images: as for ``collect_products``.

    Raises:
        CatalogError: a product or image has changed since ``collect_products``.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for index, parts in groupby(_by_partition(products), lambda part: part["partition"][0].as_py()):
            yield from _with_images(partitions[index], parts, contract, pool, layout, read_url, images)


def _by_partition(products: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """``products``, split by partition."""
    for part in products:
        where = part["partition"].to_numpy()
        edges = [0, *(np.flatnonzero(np.diff(where)) + 1), len(where)]
        yield from (part.slice(first, last - first) for first, last in pairwise(edges) if first < last)


def _with_images(
    partition: str,
    parts: Iterator[pa.Table],
    contract: Contract,
    pool: ThreadPoolExecutor,
    layout: str,
    read_url: Callable[[str], bytes] | None,
    images: int,
) -> Iterator[pa.Table]:
    only = ("product_id", "image")
    start = 0
    waiting = next(parts, None)
    for batch in read_batches(partition, contract.columns, lambda *_: None, only, layout=layout, images=images):
        end = start + batch.num_rows
        while waiting is not None and (here := int(np.searchsorted(waiting["row"].to_numpy(), end))):
            part = waiting.slice(0, here)
            rows = part["row"].to_numpy()
            seen = batch.take(pa.array(rows - start))
            changed = pc.not_equal(seen["product_id"], part["product_id"].combine_chunks())
            if pc.any(pc.fill_null(changed, True)).as_py():
                raise CatalogError(_changed(partition, f"row {rows[0]} and following hold other products"))
            hashes = zip(part["image_hash"].to_pylist(), part["further_image_hashes"].to_pylist(), strict=True)
            expected = [[first, *(further or [])] for first, further in hashes]
            listed = [images_in(seen, i) for i in range(here)]
            pairs = list(chain(*map(zip_longest, listed, expected)))
            shrunk = iter(_map(pool, lambda pair: _shrunk(pair[0], pair[1], partition, read_url), pairs))
            found = [list(islice(shrunk, max(len(own), len(e)))) for own, e in zip(listed, expected, strict=True)]
            part = part.append_column("image", pa.array([own[0] for own in found], pa.binary()))
            further = [own[1:] if any(own[1:]) else None for own in found]
            yield part.append_column(FURTHER_IMAGES, pa.array(further, FURTHER_IMAGES.type))
            waiting = waiting.slice(here) if here < len(waiting) else next(parts, None)
        start = end
        if waiting is None:
            return
    if waiting is not None:
        row = waiting["row"][-1].as_py()
        raise CatalogError(_changed(partition, f"it ends at row {start}; row {row} was read before"))


def _shrunk(
    image: dict[str, Any] | None, expected: str | None, partition: str, read_url: Callable[[str], bytes] | None
) -> bytes | None:
    if expected is None:
        return None
    try:
        data = load_image(image, partition, read_url)
        if data is not None and hashlib.sha256(data).hexdigest() == expected:
            return shrink_image(data)
        problem = "an image has other bytes" if data is not None else "an image is gone"
    except ImageError as error:
        problem = str(error)
    raise CatalogError(_changed(partition, problem))


def _changed(partition: str, problem: str) -> str:
    return f"the catalog changed while the run was reading it: {partition}: {problem}; run again"
