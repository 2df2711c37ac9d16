"""``moemoe convert CATALOG --output FILE``: a catalog in any layout -> one Parquet file in the catalog's own schema.

Images beside the catalog's files are put into the file, so that it is self-contained; URLs stay URLs. At most
MOST_IMAGES are kept per product. Rows and images that cannot be read are written beside it, with the reason.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from moemoe.atomic_files import replacing
from moemoe.catalog.find import find_partitions
from moemoe.catalog.images import IS_URL, ImageError, load_image
from moemoe.catalog.known_layouts import check_layout
from moemoe.catalog.layouts.columns import columns_given
from moemoe.catalog.product_images import images_in
from moemoe.catalog.read import check_columns, read_batches
from moemoe.catalog.reading import Reading, merge_readings
from moemoe.catalog.screen import is_usable, screen
from moemoe.cli import main
from moemoe.errors import CatalogError, ConfigError
from moemoe.schemas import CATALOG, QUARANTINE
from moemoe.sources import MOST_IMAGES, image_name
from moemoe.storage import local_file

STAGE = "convert"
#: A catalog without labels is converted too; a backfill needs none.
NEEDED = ("product_id", "product_type", "title")
_WRITTEN_ROWS = 4096


class Conversion:
    """A catalog's rows in the CATALOG schema; the attributes are filled while the rows are read.

    Attributes:
        quarantine: rows of QUARANTINE, one for each row and each image that was left out.
        readings: how the files were read.
        rows: number of products.
        unfit: why a run will not use some of them -> how many; they are written nevertheless.
    """

    def __init__(self, partitions: Iterable[str], layout: str, columns: Mapping[str, str] | None = None):
        self._partitions, self._layout, self._columns = partitions, layout, columns
        self.quarantine: list[dict[str, str | None]] = []
        self.readings: list[Reading] = []
        self.rows = 0
        self.unfit: Counter[str] = Counter()
        self._seen: set[int] = set()  # hashes of ids: 60 bytes a product

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows that can be read.

        Raises:
            CatalogError: a file cannot be read, or its layout is not known.
        """
        for partition in self._partitions:
            start, bad = 0, dict[int, tuple[str, str, str]]()
            what = (partition, self._columns, lambda row, *problem, bad=bad: bad.__setitem__(row, problem))
            read = read_batches(
                *what, required=NEEDED, layout=self._layout, told=self.readings.append, images=MOST_IMAGES
            )
            for batch in read:
                kept = [i for i in range(batch.num_rows) if is_usable(bad.get(start + i))]
                for row, problem in bad.items():
                    self._quarantine(partition, None, row, *problem)
                bad.clear()
                found = batch.take(pa.array(kept, pa.int64()))
                images = [self._with_bytes(found, i, start + kept[i], partition) for i in range(len(kept))]
                self.rows += len(kept)
                start += batch.num_rows
                self._count_unfit(found)
                columns = {"image": [own[0] for own in images], "images": [own[1:] or None for own in images]}
                for name, values in columns.items():
                    field = CATALOG.get_field_index(name)
                    found = found.set_column(field, CATALOG.field(field), pa.array(values, CATALOG.field(field).type))
                yield found

    def _count_unfit(self, batch: pa.RecordBatch) -> None:
        columns = (batch[name].to_pylist() for name in ("product_id", "product_type", "title", "description"))
        for product_id, *others in zip(*columns, strict=True):
            if problem := screen(product_id, *others):
                self.unfit[problem[1]] += 1
            elif hash(product_id) in self._seen:
                self.unfit["duplicate product id"] += 1
            self._seen.add(hash(product_id))

    def _with_bytes(self, batch: pa.RecordBatch, index: int, row: int, partition: str) -> list[dict[str, Any] | None]:
        """The images of a row, with the bytes of those that lie beside the catalog's files."""
        found = []
        for number, image in enumerate(images_in(batch, index)):
            try:
                data = load_image(image, partition)
                found.append(None if image is None or data is None else {"bytes": data, "path": image["path"]})
            except ImageError as error:
                if error.reason != IS_URL:
                    product_id = batch["product_id"][index].as_py()
                    self._quarantine(partition, product_id, row, image_name(number), error.reason, error.detail)
                found.append(image)
        return found

    def _quarantine(
        self, partition: str, product_id: str | None, row: int, field: str, reason: str, detail: str
    ) -> None:
        place = f"{partition.rsplit('/', 1)[-1]}, row {row}: {detail}"
        entry = {"product_id": product_id, "stage": STAGE, "field": field, "reason": reason, "detail": place}
        self.quarantine.append(entry)


def convert(
    partitions: Sequence[str], layout: str, output: Path, columns: Mapping[str, str] | None = None
) -> Conversion:
    """Writes a catalog to ``output``, completely or not at all.

    Args:
        columns: catalog column -> the seller's, if it has another name.

    Raises:
        CatalogError: a file cannot be read, or no row.
        OSError: the output cannot be written.
    """
    conversion = Conversion(partitions, layout, columns)
    with replacing(output) as path, pq.ParquetWriter(path, CATALOG, compression="zstd") as writer:
        waiting: list[pa.RecordBatch] = []
        for batch in conversion.batches():
            waiting.append(batch)
            if sum(each.num_rows for each in waiting) >= _WRITTEN_ROWS:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))
        if not conversion.quarantine and not conversion.rows:
            raise CatalogError(f"the catalog has no rows: {', '.join(partitions[:3])}")
        if not conversion.rows:
            first = conversion.quarantine[0]
            raise CatalogError(f"no row could be read; the first: {first['reason']} ({first['detail']})")
    return conversion


def reading_lines(readings: Iterable[Reading]) -> Iterator[str]:
    """How files were read, as lines for a terminal."""
    for reading in merge_readings(readings):
        files = f"{reading.files} files such as {reading.example}" if reading.files > 1 else reading.example
        yield f"{files}: {reading.format}, layout {reading.layout}"
        for became, columns in reading.by_use().items():
            yield f"  {became}: {', '.join(columns)}"
        for what, number in reading.counts.items():
            yield f"  {number:,} {what}"


def command(chosen: argparse.Namespace) -> None:
    """Runs ``moemoe convert``: writes the file and prints how rows and columns were used."""
    check_layout(chosen.layout)
    columns = columns_given(chosen.column)
    output = local_file("--output", chosen.output)
    if output.suffix != ".parquet":
        raise ConfigError(f"--output {chosen.output!r} does not end in .parquet; the output is Parquet")
    if output.exists():
        raise ConfigError(f"{output} exists; give another --output")
    partitions = find_partitions(chosen.catalog, print)
    check_columns(partitions, columns)
    output.parent.mkdir(parents=True, exist_ok=True)
    conversion = convert(partitions, chosen.layout, output, columns)
    print(f"{output}: {conversion.rows:,} products")
    print(*reading_lines(conversion.readings), sep="\n")
    for why, number in conversion.unfit.most_common():
        print(f"  products that a run cannot use: {why}: {number:,}")
    if conversion.quarantine:
        beside = output.with_suffix(".quarantine.parquet")
        pq.write_table(pa.Table.from_pylist(conversion.quarantine, QUARANTINE), beside)
        counts = Counter((entry["field"], entry["reason"]) for entry in conversion.quarantine)
        reasons = "; ".join(f"{reason} ({field}): {number:,}" for (field, reason), number in counts.most_common())
        print(f"{beside}: {reasons}")


if __name__ == "__main__":
    sys.exit(main(["convert", *sys.argv[1:]]))
