"""Applicability: how well the empty answer tells the attributes that do not apply to a product from those that do.

As where values are extracted with negative examples (MAVE, Yang et al. 2022; the unanswerable questions of SQuAD 2.0),
"no value" is an answer like any other, here the empty one. It is measured as the positive class of two.

- positives: questions of condition ``not applicable``, one for each of the first test products;
- negatives: the questions with a gold value that the same products are asked in the main condition.

Precision is the share of positives among the empty answers, recall the share of positives that are answered with
nothing, F1 their harmonic mean. Precision depends on the mix, so the two counts stand beside it. An answer below its
threshold is no empty one: how often one is given with confidence is in ``out_of_context``.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.evaluation.cells import Cells
from moemoe.evaluation.uncertainty import Resamples, interval
from moemoe.schemas import NOT_APPLICABLE, SLICES

SLICE_BY, SLICE = "applicability", "the empty answer"
PRECISION, RECALL, F1 = "precision", "recall", "f1"


def applicability(cells: Cells, replicates: int = 500) -> pa.Table:
    """Measures the empty answer.

    Args:
        cells: of PREDICTIONS.

    Returns:
        SLICES rows of precision (``n``: empty answers), recall (``n``: positives) and F1 (``n``: all questions). No row
        where nothing that does not apply was asked, none of precision where no answer is empty.
    """
    predictions = cells.predictions
    test = pc.equal(predictions["split"], "test")
    positive = pc.and_(test, pc.equal(predictions["condition"], NOT_APPLICABLE))
    asked = pc.is_in(predictions["product_id"], predictions["product_id"].filter(positive).combine_chunks())
    negative = pc.and_(pc.and_(test, asked), pc.equal(predictions["condition"], cells.condition))
    negative = pc.and_(negative, pc.greater(pc.list_value_length(predictions["gold"]), 0))
    positives, negatives = (np.flatnonzero(mask.to_numpy(zero_copy_only=False)) for mask in (positive, negative))
    rows = np.concatenate([positives, negatives])
    names = predictions.select(["product_type", "attribute", "prediction"]).take(pa.array(rows)).to_pylist()
    empty = np.array([not name["prediction"] for name in names])
    applies_not = np.arange(len(rows)) < len(positives)
    asked_cells = np.array([f"{name['product_type']}\0{name['attribute']}" for name in names])
    resamples = Resamples(predictions, replicates)
    # F1 = 2 TP / (2 TP + FP + FN): the share of TP where empty answers and positives are counted, TP twice
    both = np.concatenate([np.flatnonzero(empty), np.flatnonzero(applies_not)])
    counted = {
        PRECISION: (np.flatnonzero(empty), int(empty.sum())),
        RECALL: (np.flatnonzero(applies_not), len(positives)),
        F1: (both, len(rows)),
    }
    found = []
    for metric, (among, n) in counted.items():
        if len(among):
            yes = (empty & applies_not)[among]
            i = interval(float(yes.mean()), resamples.share(yes, rows[among]), n)
            found.append(
                {
                    "slice_by": SLICE_BY,
                    "slice": SLICE,
                    "metric": metric,
                    "value": i.value,
                    "low": i.low,
                    "high": i.high,
                    "n": i.n,
                    "cells": len(np.unique(asked_cells[among])),
                }
            )
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
