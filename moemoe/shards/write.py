"""Writes products and labels as payload shards, labels sidecar and manifest."""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from moemoe.atomic_files import remove_leftovers
from moemoe.errors import StorageError
from moemoe.schemas import FURTHER_IMAGES, SPLIT_KEYS
from moemoe.shards.manifest import (
    PAYLOAD,
    SCHEMA_VERSION,
    SIDECAR,
    File,
    Manifest,
    arrow_bytes,
    store,
    store_file,
)
from moemoe.shards.mapped_labels import map_labels
from moemoe.storage import exists, join, read_json, write_bytes

SHARD_ROWS = 2048


def write_payload(products: Iterable[pa.Table], root: str) -> list[File]:
    """Writes payload shards under ``root`` and returns them in order.

    ``products`` are slices with the columns of ``PAYLOAD`` and optionally ``FURTHER_IMAGES``. A shard's path is a hash
    of its content, so writing the same products again writes nothing, and two processes may write them at once.
    """
    remove_leftovers(join(root, "payload"))
    tables = (_without_empty_column(table) for table in _rechunk(map(_payload, products), SHARD_ROWS))
    return [store(root, "payload", ".arrow", arrow_bytes(table), table.num_rows) for table in tables]


def _payload(products: pa.Table) -> pa.Table:
    name = FURTHER_IMAGES.name
    further = products[name] if name in products.column_names else pa.nulls(len(products), FURTHER_IMAGES.type)
    return products.select(PAYLOAD.names).cast(PAYLOAD).append_column(FURTHER_IMAGES, further)


def _without_empty_column(table: pa.Table) -> pa.Table:
    is_empty = table[FURTHER_IMAGES.name].null_count == len(table)
    return table.drop_columns(FURTHER_IMAGES.name) if is_empty else table


def write_manifest(
    shards: Sequence[File],
    parts: Iterable[tuple[pa.ChunkedArray, pa.Table]],
    splits: Iterable[pa.RecordBatch],
    root: str,
    dataset: str,
    contract_hash: str,
    sample_catalog: bool = False,
    latest: bool = True,
) -> tuple[Manifest, str]:
    """Writes the labels sidecar, the splits and, last, the manifest; returns it with its URI.

    Args:
        shards: as ``write_payload`` returned them, for all products in order.
        parts: the same products in the same order, in parts: product ids, and their labels (LABELS with group and
            split, in any order). Each part becomes a row group of the sidecar, so that only one is in memory.
        splits: SPLIT_KEYS so far, which the dataset's next run reads by ``earlier_run``.
        root: local folder or ``s3://``.
        latest: whether the dataset's next run continues these splits; False for a fold of a cross-validation.
    """
    for folder in ("labels", "splits", "shards"):
        remove_leftovers(join(root, folder))
    data_hash = hashlib.sha256("".join(shard.sha256 for shard in shards).encode()).hexdigest()
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        path = Path(scratch) / "labels.parquet"
        with pq.ParquetWriter(path, SIDECAR, compression="zstd") as writer:
            rows = labels = 0
            mapped: list[File] = []
            for product_ids, own in parts:
                row = pc.add(pc.index_in(own["product_id"], product_ids.combine_chunks()).cast(pa.int64()), rows)
                sidecar = own.append_column("row", row).filter(pc.is_valid(row)).cast(SIDECAR)
                writer.write_table(sidecar, row_group_size=max(1, sidecar.num_rows))  # pyarrow would split at a million
                if len(product_ids):
                    own_file = arrow_bytes(map_labels(product_ids, own))
                    mapped.append(store(root, "labels", ".arrow", own_file, len(product_ids)))
                rows, labels = rows + len(product_ids), labels + sidecar.num_rows
        assert sum(shard.rows for shard in shards) == rows
        sidecar_file = store_file(root, "labels", ".parquet", path, labels)
    splits_file = _store_splits(splits, root)
    manifest = Manifest(
        SCHEMA_VERSION, dataset, contract_hash, data_hash, sample_catalog, tuple(shards), sidecar_file, tuple(mapped),
        splits_file,
    )  # fmt: skip
    name = hashlib.sha256((data_hash + sidecar_file.sha256 + contract_hash).encode()).hexdigest()[:32]
    uri = join(root, "shards", name, "manifest.json")
    manifest.write(uri)
    if latest:
        now = {"splits": splits_file.path, "labels": sidecar_file.path}
        write_bytes(_latest(root, dataset, sample_catalog), json.dumps(now).encode())
    return manifest, uri


@dataclass(frozen=True)
class Earlier:
    """The last run of a dataset under the same root: the URIs of its SPLIT_KEYS and of its labels (SIDECAR)."""

    splits: str | None = None
    labels: str | None = None


def earlier_run(root: str, dataset: str, sample_catalog: bool) -> Earlier:
    """Finds the dataset's last run under ``root``; both URIs are None if there was none."""
    uri = _latest(root, dataset, sample_catalog)
    if not exists(uri):
        return Earlier()
    paths = read_json(uri)
    try:
        return Earlier(join(root, paths["splits"]), join(root, paths["labels"]))
    except (TypeError, KeyError, AttributeError) as error:
        raise StorageError(f"{uri} names no splits and labels; delete it and run again") from error


def _latest(root: str, dataset: str, sample_catalog: bool) -> str:
    return join(root, "shards", f"latest-{dataset}{'-sample' if sample_catalog else ''}.json")


def _rechunk(tables: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of exactly ``rows`` rows; the last one may be shorter."""
    waiting: list[pa.Table] = []
    count = 0
    for table in tables:
        waiting.append(table)
        count += table.num_rows
        if count < rows:
            continue
        whole = pa.concat_tables(waiting)
        for start in range(0, count - count % rows, rows):
            yield whole.slice(start, rows)
        waiting, count = [whole.slice(count - count % rows)], count % rows
    if count:
        yield pa.concat_tables(waiting)


def _store_splits(splits: Iterable[pa.RecordBatch], root: str) -> File:
    rows = 0
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        path = Path(scratch) / "splits.parquet"
        with pq.ParquetWriter(path, SPLIT_KEYS, compression="zstd") as writer:
            for batch in splits:
                writer.write_batch(batch)
                rows += len(batch)
        return store_file(root, "splits", ".parquet", path, rows)
