"""Applicability: how well the empty answer separates attributes that do not apply to a product from those that do.

"No value" is an answer like any other, here the empty one, as in value extraction with negative examples (MAVE, Yang et
al. 2022) and in SQuAD 2.0 with its unanswerable questions. It is the positive class of two.

- positives: questions of condition ``not applicable``, one for each of the first test products;
- negatives: the questions with a gold value that the same products are asked in the main condition.

Precision is the share of positives among the empty answers, recall the share of positives that are answered with
nothing, F1 their harmonic mean. Precision depends on the mix, so the two counts stand beside it; and an attribute that
training products of the type have is never answered with nothing (``ProductQuery.applies``), so an empty answer can be
wrong only if training never had type and attribute together. An answer below its threshold is not an empty one:
``out_of_context`` has the share of answers that reach theirs.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.evaluation.cells import Cells
from moemoe.evaluation.parts import have_gold
from moemoe.evaluation.uncertainty import DETAIL_REPLICATES, GroupBootstrap, interval, slice_row
from moemoe.schemas import NOT_APPLICABLE, SLICES

SLICE_BY, SLICE = "applicability", "the empty answer"
PRECISION, RECALL, F1 = "precision", "recall", "f1"


def applicability(cells: Cells) -> pa.Table:
    """Measures the empty answer.

    Args:
        cells: of PREDICTIONS.

    Returns:
        SLICES rows of precision (``n``: empty answers), recall (``n``: positives) and F1 (``n``: all questions). Empty
        without positives; without a row of precision if no answer is empty.
    """
    read = ["product_id", "product_type", "attribute", "prediction", "gold"]
    positives, groups = cells.answers(NOT_APPLICABLE, read)
    if not positives.num_rows:
        return SLICES.empty_table()
    asked = positives["product_id"].combine_chunks().unique()

    def has_gold(part: pa.Table) -> np.ndarray:
        return have_gold(part) & pc.is_in(part["product_id"], asked).to_numpy()

    negatives, others = cells.answers(cells.condition, read, has_gold)
    group = np.concatenate([groups, others])
    names = [*positives.to_pylist(), *negatives.to_pylist()]
    empty = np.array([not name["prediction"] for name in names])
    applies_not = np.arange(len(group)) < len(positives)
    asked_cells = np.array([f"{name['product_type']}\0{name['attribute']}" for name in names])
    resamples = GroupBootstrap(cells.groups, DETAIL_REPLICATES)
    # F1 = 2 TP / (2 TP + FP + FN): the share of TP where empty answers and positives are counted, TP twice
    both = np.concatenate([np.flatnonzero(empty), np.flatnonzero(applies_not)])
    counted = {
        PRECISION: (np.flatnonzero(empty), int(empty.sum())),
        RECALL: (np.flatnonzero(applies_not), len(positives)),
        F1: (both, len(group)),
    }
    found = []
    for metric, (among, n) in counted.items():
        if len(among):
            yes = (empty & applies_not)[among]
            [replicates_R] = resamples.shares([(yes, group[among])])
            share = interval(float(yes.mean()), replicates_R, n)
            found.append(slice_row(SLICE_BY, SLICE, metric, share, len(np.unique(asked_cells[among]))))
    return pa.Table.from_pylist(found, SLICES)


def applicability_metrics(table: pa.Table) -> dict[str, float]:
    """``applicability/precision`` (``recall``, ``f1``) with ``/low`` and ``/high``, ``/n_not_applicable``,
    ``/n_applicable``; without those that are undefined.
    """
    rows = {row["metric"]: row for row in table.to_pylist()}
    metrics: dict[str, float] = {}
    for metric, row in rows.items():
        name = f"applicability/{metric}"
        metrics |= {name: row["value"], f"{name}/low": row["low"], f"{name}/high": row["high"]}
    if rows:
        positives = rows[RECALL]["n"]
        metrics["applicability/n_not_applicable"] = float(positives)
        metrics["applicability/n_applicable"] = float(rows[F1]["n"] - positives)
    return metrics
