"""Measures label drift: how much the label distribution differs between two runs, per product type and attribute.

``moemoe drift BEFORE_LABELS AFTER_LABELS`` prints the table of ``label_drift``.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from moemoe.cli import main
from moemoe.counts import counted
from moemoe.errors import CatalogError
from moemoe.labels.measure_bins import in_bins
from moemoe.schemas import DRIFT, LABELS
from moemoe.storage import fetch

#: A cell is measured only if each of the two runs has at least this many values of it.
LEAST_VALUES = 100
#: Added to the count of each value that a cell has in either run, so that new and vanished values have a finite index.
SMOOTHING = 0.5
#: Values with a lower expected count in a run share one bin of the chi-square test (Cochran's rule).
LEAST_EXPECTED = 5
#: Labels counted at once, so that memory does not grow with their number.
BATCH_ROWS = 1 << 20

_CELL = ["product_type", "attribute"]
_VALUE = [*_CELL, "value"]
_COUNTS = pa.schema([*((name, pa.string()) for name in _VALUE), ("number", pa.int64())])
_READ = [*_CELL, "values"]
_LABELS = pa.schema([LABELS.field(name) for name in _READ])
_SHOWN = 3


def label_drift(
    before: Iterable[pa.RecordBatch], after: Iterable[pa.RecordBatch], least_values: int = LEAST_VALUES
) -> pa.Table:
    """The drift (DRIFT) from one run's labels to another's (batches of LABELS), the most drifted cell first.

    A cell is a product type and an attribute; a cell missing in one run has a count of 0 there. A label with several
    values counts once for each of them. With c the counts of the n values that a cell has in either run and N their
    sum, a value's share is (c + SMOOTHING) / (N + n SMOOTHING). With p the shares before and q those after, the
    population stability index is the sum of (q - p) ln(q / p): 0 if nothing changed, and symmetric in the two runs.
    The p-value is that of Pearson's chi-square test that both runs draw from one distribution; if it is not small,
    chance explains the index. Cells with fewer than ``least_values`` values in either run come last, unmeasured.
    Measures are counted in bins, see ``measure_bins``.
    """
    return _compare(*in_bins(_count_values(before), _count_values(after)), least_values)


def _count_values(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """Counts each product_type, attribute and value in batches of LABELS; the column ``number`` holds the counts."""
    parts = [_COUNTS.empty_table()]
    for batch in batches:
        label = pc.list_parent_indices(batch["values"])
        columns = [*(batch[name].take(label) for name in _CELL), pc.list_flatten(batch["values"])]
        counts = pa.table(columns, _VALUE).group_by(_VALUE).aggregate([([], "count_all")])
        parts.append(counts.rename_columns(_COUNTS.names).cast(_COUNTS))
    counts = pa.concat_tables(parts).group_by(_VALUE).aggregate([("number", "sum")])
    return counts.rename_columns(_COUNTS.names)


def _compare(before: pa.Table, after: pa.Table, least_values: int) -> pa.Table:
    """``label_drift`` of two tables of ``_count_values``."""
    both = before.join(after, _VALUE, join_type="full outer", left_suffix="_before", right_suffix="_after")
    if not both.num_rows:
        return DRIFT.empty_table()
    both = both.sort_by([(name, "ascending") for name in _VALUE]).combine_chunks()
    count_2V = np.stack([both[f"number_{run}"].fill_null(0).to_numpy() for run in ("before", "after")])
    first_C, cell_V = _cells(both)
    number_C = np.bincount(cell_V)
    support_2C = np.add.reduceat(count_2V, first_C, axis=1)
    measured_C = support_2C.min(axis=0) >= max(1, least_values)

    share_2V = (count_2V + SMOOTHING) / (support_2C + SMOOTHING * number_C)[:, cell_V]
    moved_V = (share_2V[1] - share_2V[0]) * (np.log(share_2V[1]) - np.log(share_2V[0]))
    most_C = np.lexsort((-moved_V, cell_V))[first_C]
    observed_2C = count_2V[:, most_C] / np.maximum(support_2C, 1)

    unmeasured = ~measured_C
    columns = [
        *(both[name].take(first_C) for name in _CELL),
        *support_2C,
        pa.array(np.add.reduceat(moved_V, first_C), mask=unmeasured),
        pa.array(_chi_square(count_2V, support_2C, cell_V), mask=unmeasured),
        pc.if_else(pa.array(measured_C), both["value"].take(most_C), None),
        *(pa.array(share_C, mask=unmeasured) for share_C in observed_2C),
        *(_values_where(both["value"], count_V == 0, first_C) for count_V in count_2V),
    ]
    order = [("psi", "descending"), *((name, "ascending") for name in _CELL)]
    return pa.table(columns, schema=DRIFT).sort_by(order)


def _cells(both: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """The first row of each cell in a sorted table, and the number of the cell of each row."""
    codes = [both[name].combine_chunks().dictionary_encode().indices.to_numpy() for name in _CELL]
    differs = (codes[0][1:] != codes[0][:-1]) | (codes[1][1:] != codes[1][:-1])
    begins_V = np.concatenate([[True], differs])
    return np.flatnonzero(begins_V), np.cumsum(begins_V) - 1


def _chi_square(count_2V: np.ndarray, support_2C: np.ndarray, cell_V: np.ndarray) -> np.ndarray:
    """The p-value of each cell; 1 if it has only one bin, as then nothing can differ."""
    from scipy.special import chdtrc

    cells, values = support_2C.shape[1], len(cell_V)
    share_2C = support_2C / support_2C.sum(axis=0)
    scarce_V = (count_2V.sum(axis=0) * share_2C[:, cell_V]).min(axis=0) < LEAST_EXPECTED
    bin_V = np.where(scarce_V, values + cell_V, np.arange(values))
    cell_B = np.concatenate([cell_V, np.arange(cells)])
    count_2B = np.stack([np.bincount(bin_V, count_V, values + cells) for count_V in count_2V])
    expected_2B = count_2B.sum(axis=0) * share_2C[:, cell_B]
    parts_2B = (count_2B - expected_2B) ** 2 / np.where(expected_2B > 0, expected_2B, 1)
    statistic_C = np.bincount(cell_B, parts_2B.sum(axis=0))
    freedom_C = np.bincount(cell_B, count_2B.sum(axis=0) > 0) - 1
    return chdtrc(np.maximum(freedom_C, 1), statistic_C)


def _values_where(values: pa.ChunkedArray, wanted_V: np.ndarray, first_C: np.ndarray) -> pa.Array:
    """Per cell the list of its values that are wanted."""
    sizes_C = np.add.reduceat(wanted_V.astype(np.int64), first_C)
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes_C)]), pa.int32())
    return pa.ListArray.from_arrays(offsets, values.filter(pa.array(wanted_V)).combine_chunks())


def moved(row: dict) -> str:
    """The value whose share changed most, from a row of DRIFT, e.g. ``Blue 20.0% -> 45.0%``."""
    return f"{row['moved_value']} {row['share_before']:.1%} -> {row['share_after']:.1%}"


def as_text(drift: pa.Table) -> str:
    """A table of DRIFT with aligned columns."""
    lines = [["product type", "attribute", "before", "after", "PSI", "p", "moves most", "new", "vanished"]]
    for row in drift.to_pylist():
        measured = row["psi"] is not None
        lines.append(
            [
                *(row[name] for name in _CELL),
                *(f"{row[name]:,}" for name in ("before", "after")),
                *((f"{row['psi']:.3f}", f"{row['p_value']:.2g}", moved(row)) if measured else ("-", "-", "-")),
                *(_listed(row[name]) for name in ("new_values", "vanished_values")),
            ]
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _listed(values: Sequence[str]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(values[:_SHOWN]) + more or "-"


def read_labels(path: Path) -> Iterator[pa.RecordBatch]:
    """Reads the columns that ``label_drift`` needs from a Parquet file of LABELS or a folder of such files.

    Raises:
        CatalogError: a file is not a readable table of labels.
    """
    if path.is_dir():
        for part in sorted(path.glob("*.parquet")):
            yield from read_labels(part)
        return
    try:
        with pq.ParquetFile(path) as file:
            if absent := set(_READ) - set(file.schema_arrow.names):
                raise CatalogError(f"{path} is not a table of labels: it lacks the columns {', '.join(sorted(absent))}")
            for batch in file.iter_batches(BATCH_ROWS, columns=_READ):
                yield batch.cast(_LABELS)
    except (OSError, pa.ArrowException) as error:
        raise CatalogError(f"{path} cannot be read as a Parquet file of labels: {error}") from error


def command(chosen: argparse.Namespace) -> None:
    """Runs ``moemoe drift``: prints the drift between the labels of two runs, each a local path or ``s3://``."""
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        before, after = (read_labels(fetch(uri, scratch)) for uri in (chosen.before, chosen.after))
        drift = label_drift(before, after)
    measured = drift.num_rows - drift["psi"].null_count
    print(f"measured: {measured:,} of {counted(drift.num_rows, 'cell')}, those with {LEAST_VALUES} values in both runs")
    print(as_text(drift))


if __name__ == "__main__":
    sys.exit(main(["drift", *sys.argv[1:]]))
