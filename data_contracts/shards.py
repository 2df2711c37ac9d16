"""Expectations of shards: the manifest's files exist, and each of their rows has its labels."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts.suites import EXAMPLES, SPLIT_NAMES, Suite
from moemoe.contract.contract import CRITICAL, Contract
from moemoe.errors import StorageError
from moemoe.shards.manifest import Manifest
from moemoe.storage import join, size

_READ = ["product_id", "row", "split", "attribute"]
_NOT_NULL, _BETWEEN = "ExpectColumnValuesToNotBeNull", "ExpectColumnValuesToBeBetween"
_IN_SET = "ExpectColumnValuesToBeInSet"


def shard_suite(manifest: Manifest, root: str, sidecar: Path, contract: Contract) -> Suite:
    """Expectations of a manifest under ``root``; ``sidecar`` is a local copy of its labels, read by row groups."""
    suite = Suite("shards", {})
    _expect_files(suite, manifest, root)
    labelled, labels = _rows_with_a_label(sidecar, manifest.rows)
    bare, lost = manifest.rows - labelled, manifest.sidecar.rows - labels
    suite.figure("every row has a label", CRITICAL, "shards", "rows without label", bare, f"{bare:,} do not", at_most=0)
    suite.figure("no label is lost", CRITICAL, "shards", "labels lost", lost, f"{lost:,} are", at_least=0, at_most=0)

    suite.frames["sidecar"] = _slices(sidecar)
    told = f"{labels:,} labels"
    attributes, last = list(contract.attributes), max(0, manifest.rows - 1)
    suite.add("every label has a product", CRITICAL, "sidecar", _NOT_NULL, told, column="product_id")
    suite.add(
        "every label belongs to a row", CRITICAL, "sidecar", _BETWEEN, told, column="row", min_value=0, max_value=last
    )
    suite.add(
        "every label has a split", CRITICAL, "sidecar", _IN_SET, told, column="split", value_set=list(SPLIT_NAMES)
    )
    suite.add(
        "every label is of an attribute of the contract",
        CRITICAL,
        "sidecar",
        _IN_SET,
        told,
        column="attribute",
        value_set=attributes,
    )
    return suite


def _expect_files(suite: Suite, manifest: Manifest, root: str) -> None:
    files = [*manifest.shards, manifest.sidecar, manifest.splits]
    there = [_size(join(root, file.path)) for file in files]
    missing = [None if found is None else file.bytes - found for file, found in zip(files, there, strict=True)]
    paths = pa.array([file.path for file in files], pa.string())
    suite.frames["files"] = [pa.table({"path": paths, "missing bytes": pa.array(missing, pa.int64())})]

    def told(wrong: list[bool]) -> str:
        return ", ".join(paths.filter(pa.array(wrong))[:EXAMPLES].to_pylist()) or f"{len(files):,} files"

    gone, other = [number is None for number in missing], [bool(number) for number in missing]
    column = "missing bytes"
    suite.add("every file is there", CRITICAL, "files", _NOT_NULL, told(gone), column=column)
    suite.add(
        "every file is as long as the manifest says",
        CRITICAL,
        "files",
        _BETWEEN,
        told(other),
        column=column,
        min_value=0,
        max_value=0,
    )


def _size(uri: str) -> int | None:
    try:
        return size(uri)
    except StorageError:
        return None


def _slices(sidecar: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(sidecar) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=_READ)


def _rows_with_a_label(sidecar: Path, rows: int) -> tuple[int, int]:
    """The number of rows with a label, and the number of labels; memory: one byte per product."""
    has = np.zeros(rows, bool)
    labels = 0
    for part in _slices(sidecar):
        inside = part["row"].filter(pc.and_(pc.greater_equal(part["row"], 0), pc.less(part["row"], rows)))
        has[inside.to_numpy()] = True
        labels += len(part)
    return int(has.sum()), labels
