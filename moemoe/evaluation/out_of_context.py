"""Questions that have no answer (appendix A): how often the model answers with confidence instead of abstaining.

Two kinds are asked on purpose: an attribute that the product's type never has, and any attribute of a product that is
shown with neither text nor image.
"""

import numpy as np
import pyarrow as pa

from moemoe.evaluation.cells import Cell, CellPredictions, Cells
from moemoe.evaluation.evaluate import Evaluation
from moemoe.evaluation.recall_at_precision import recall_at_precision
from moemoe.evaluation.uncertainty import DETAIL_REPLICATES, GroupBootstrap, interval, slice_row
from moemoe.schemas import NOT_APPLICABLE, SLICES, UNANSWERABLE

KINDS = (NOT_APPLICABLE, UNANSWERABLE)
CONFIDENT, NOT_CANONICAL, EMPTY = "answered_with_confidence", "not_canonical", "empty_answer"
SLICE_BY = "question out of context"


def out_of_context(cells: Cells, evaluation: Evaluation) -> pa.Table:
    """SLICES rows of each kind of question.

    Answered with confidence: the confidence reaches the threshold of its cell. A cell without validation products, as
    of every attribute that does not apply, has the threshold that all validation answers together give. Without a
    threshold the model abstains. Not canonical: the answer is not a value of the contract.
    """
    thresholds, validation = evaluation.thresholds(), cells.of("validation")
    overall = global_threshold(cells)
    resamples = GroupBootstrap(cells.groups, DETAIL_REPLICATES)
    found = []
    for kind in KINDS:
        asked, group = cells.answers(kind, ["product_type", "attribute", "prediction", "confidence", "canonical"])
        if not asked.num_rows:
            continue
        names: list[Cell] = list(zip(asked["product_type"].to_pylist(), asked["attribute"].to_pylist(), strict=True))
        least = np.array([thresholds[c] if c in thresholds and c in validation else overall for c in names])
        empty = np.array([not value for value in asked["prediction"].to_pylist()])
        canonical = asked["canonical"].to_numpy(zero_copy_only=False)
        shares = {
            CONFIDENT: (asked["confidence"].to_numpy() >= least) & ~empty,
            NOT_CANONICAL: ~canonical.astype(bool) & ~empty,
            EMPTY: empty,
        }
        drawn = resamples.shares([(yes, group) for yes in shares.values()])
        for (metric, yes), replicates_R in zip(shares.items(), drawn, strict=True):
            share = interval(float(yes.mean()), replicates_R, len(group))
            found.append(slice_row(SLICE_BY, kind, metric, share, len(set(names))))
    return pa.Table.from_pylist(found, SLICES)


def global_threshold(cells: Cells) -> float:
    """The threshold at which all validation answers together are 90 % right; NaN (abstain) if none."""
    validation = CellPredictions.concat(cells.of("validation").values())
    return recall_at_precision(validation.confidence, validation.correct)[1]


def out_of_context_metrics(table: pa.Table) -> dict[str, float]:
    """``out_of_context/KIND/answered_with_confidence`` and so on, with the number of questions as ``.../n``."""
    metrics: dict[str, float] = {}
    for row in table.to_pylist():
        kind = f"out_of_context/{row['slice'].replace(' ', '_')}"
        metrics |= {f"{kind}/{row['metric']}": row["value"], f"{kind}/n": float(row["n"])}
    return metrics
