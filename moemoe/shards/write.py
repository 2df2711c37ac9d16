"""Products and labels -> payload shards, labels sidecars, manifest."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from moemoe.shards.manifest import PAYLOAD, SCHEMA_VERSION, File, Manifest, arrow_bytes, store
from moemoe.shards.sidecar import flat_labels, make_sidecar
from moemoe.storage import exists, join, read_bytes, read_table, remove_leftovers, write_bytes

SHARD_ROWS = 2048
MAX_GROUPS = 100  # Metaflow's own limit on a foreach
GROUP_ROWS = 20_000


def partition_groups(products: pa.Table) -> list[list[int]]:
    """The partitions of ``products`` (PRODUCTS) in at most MAX_GROUPS consecutive groups, one per task.

    A group has at least GROUP_ROWS rows, but for the last, so that a small catalog is one task.
    """
    rows = np.bincount(products["partition"].to_numpy())
    least = max(GROUP_ROWS, -(-int(rows.sum()) // MAX_GROUPS))
    groups: list[list[int]] = [[]]
    for partition in range(len(rows)):
        if rows[groups[-1]].sum() >= least:
            groups.append([])
        groups[-1].append(partition)
    return groups


def labelled_products(products: pa.Table, labels: pa.Table, partitions: Sequence[int] | None = None) -> pa.Table:
    """The rows of ``products`` (PRODUCTS) that have a label, of all or some partitions, in the order of the shards."""
    wanted = pc.is_in(products["product_id"], labels["product_id"].unique())
    if partitions is not None:
        wanted = pc.and_(wanted, pc.is_in(products["partition"], pa.array(partitions, products["partition"].type)))
    return products.filter(wanted).sort_by([("partition", "ascending"), ("row", "ascending")])


def write_payload(products: Iterable[pa.Table], root: str) -> list[File]:
    """Writes payload shards under ``root`` and returns them in order.

    ``products`` are slices with the columns of ``PAYLOAD``. Every shard lies at a path made from its content, so
    writing the same products again writes nothing, and two may write them at once.
    """
    remove_leftovers(join(root, "payload"))
    tables = _rechunk((t.select(PAYLOAD.names).cast(PAYLOAD) for t in products), SHARD_ROWS)
    return [store(root, "payload", ".arrow", arrow_bytes(table), table.num_rows) for table in tables]


def write_manifest(
    shards: Sequence[File],
    product_ids: pa.ChunkedArray,
    labels: pa.Table,
    splits: pa.Table,
    root: str,
    dataset: str,
    contract_hash: str,
    sample_catalog: bool = False,
) -> tuple[Manifest, str]:
    """Writes the labels sidecars, the splits and, last, the manifest; returns it with its URI.

    Args:
        shards: as ``write_payload`` returned them, for all partitions in order.
        product_ids: of all rows of the shards, in order.
        labels: LABELS with group and split, any order.
        splits: SPLITS so far, which the next run of the dataset gets from ``earlier_run``.
        root: local folder or ``s3://``.
    """
    assert sum(shard.rows for shard in shards) == len(product_ids)
    data_hash = hashlib.sha256("".join(shard.sha256 for shard in shards).encode()).hexdigest()
    table = make_sidecar(product_ids, labels)
    sidecars = [store(root, "labels", ".arrow", arrow_bytes(table), table.num_rows)]
    count = pc.sum(pc.list_value_length(table["labels"])).as_py() or 0
    splits_file = store(root, "splits", ".parquet", _parquet_bytes(splits), splits.num_rows)

    manifest = Manifest(
        SCHEMA_VERSION,
        dataset,
        contract_hash,
        data_hash,
        sample_catalog,
        tuple(shards),
        tuple(sidecars),
        count,
        splits_file,
    )
    made_of = data_hash + "".join(sidecar.sha256 for sidecar in sidecars) + contract_hash
    name = hashlib.sha256(made_of.encode()).hexdigest()[:32]
    uri = join(root, "shards", name, "manifest.json")
    manifest.write(uri)
    latest = {"splits": splits_file.path, "labels": [sidecar.path for sidecar in sidecars]}
    write_bytes(_latest(root, dataset, sample_catalog), json.dumps(latest).encode())
    return manifest, uri


@dataclass(frozen=True)
class Earlier:
    """What the last run of a dataset under the same root left: its SPLITS and its LABELS."""

    splits: pa.Table | None = None
    labels: pa.Table | None = None


def earlier_run(root: str, dataset: str, sample_catalog: bool) -> Earlier:
    """The last run's tables; both None where there was none."""
    uri = _latest(root, dataset, sample_catalog)
    if not exists(uri):
        return Earlier()
    latest = json.loads(read_bytes(uri))
    sidecars = (pa.ipc.open_file(read_bytes(join(root, path))).read_all() for path in latest["labels"])
    return Earlier(read_table(join(root, latest["splits"])), pa.concat_tables(flat_labels(table) for table in sidecars))


def _latest(root: str, dataset: str, sample_catalog: bool) -> str:
    return join(root, "shards", f"latest-{dataset}{'-sample' if sample_catalog else ''}.json")


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
