"""Products and labels -> payload shards, labels sidecar, manifest."""

import hashlib
import json
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from moemoe.shards.manifest import PAYLOAD, SCHEMA_VERSION, SIDECAR, File, Manifest, store
from moemoe.storage import exists, join, read_bytes, read_table, write_bytes

SHARD_ROWS = 2048


def write_shards(
    products: Iterable[pa.Table],
    labels: pa.Table,
    splits: pa.Table,
    root: str,
    dataset: str,
    contract_hash: str,
    sample_catalog: bool = False,
) -> str:
    """Writes shards under ``root`` and returns the manifest's URI.

    Args:
        products: slices with the columns of ``PAYLOAD``, in a fixed order.
        labels: LABELS with group and split, any order.
        splits: SPLITS so far, which the next run of the dataset gets from ``earlier_splits``.
        root: local folder or ``s3://``.

    Every file lies at a path made from its content, so writing the same products again writes nothing.
    """
    shards: list[File] = []
    ids: list[pa.Array] = []
    for table in _rechunk((t.select(PAYLOAD.names).cast(PAYLOAD) for t in products), SHARD_ROWS):
        shards.append(store(root, "payload", ".arrow", _arrow_bytes(table), table.num_rows))
        ids.append(table["product_id"].combine_chunks())
    data_hash = hashlib.sha256("".join(shard.sha256 for shard in shards).encode()).hexdigest()

    row_of = pc.index_in(labels["product_id"], pa.chunked_array(ids, pa.string()).combine_chunks())
    sidecar = labels.append_column("row", row_of.cast(pa.int64())).filter(pc.is_valid(row_of)).cast(SIDECAR)
    sidecar_file = store(root, "labels", ".parquet", _parquet_bytes(sidecar), sidecar.num_rows)
    splits_file = store(root, "splits", ".parquet", _parquet_bytes(splits), splits.num_rows)

    manifest = Manifest(
        SCHEMA_VERSION, dataset, contract_hash, data_hash, sample_catalog, tuple(shards), sidecar_file, splits_file
    )
    name = hashlib.sha256((data_hash + sidecar_file.sha256 + contract_hash).encode()).hexdigest()[:32]
    uri = join(root, "shards", name, "manifest.json")
    manifest.write(uri)
    write_bytes(_latest_splits(root, dataset), json.dumps({"path": splits_file.path}).encode())
    return uri


def earlier_splits(root: str, dataset: str) -> pa.Table | None:
    """The SPLITS that the last run of ``dataset`` under ``root`` left; None where there was none."""
    latest = _latest_splits(root, dataset)
    return read_table(join(root, json.loads(read_bytes(latest))["path"])) if exists(latest) else None


def _latest_splits(root: str, dataset: str) -> str:
    return join(root, "splits", f"{dataset}.json")


def labelled_products(products: pa.Table, labels: pa.Table) -> pa.Table:
    """The rows of ``products`` that have a label."""
    return products.filter(pc.is_in(products["product_id"], labels["product_id"].unique()))


def _rechunk(tables: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of exactly ``rows`` rows, the last one shorter."""
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


def _parquet_bytes(table: pa.Table) -> bytes:
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue().to_pybytes()


def _arrow_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return sink.getvalue().to_pybytes()
