"""The weight of each of a model's sources in its answers, by attribute."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.evaluation.parts import Parts, all_parts, rows_shown
from moemoe.sources import TEXT, kinds_of

_READ: Sequence[str] = ("attribute", "split", "condition", "source_weights")
_IMAGE: Sequence[str] = ("split", "condition", "image_weight")


def reads_images(predictions: Parts, condition: str) -> bool:
    """Whether the image has weight in any test answer; if not, an answer from the image alone is a guess.

    Args:
        predictions: PREDICTIONS.
        condition: the main one.
    """
    for part in all_parts(predictions, list(_IMAGE)):
        shown = part["image_weight"].take(pa.array(rows_shown(part, "test", condition)))
        if shown.null_count or (pc.max(shown).as_py() or 0.0) > 0:
            return True
    return False


def reads_text(predictions: Parts, condition: str) -> bool:
    """Whether text is one of the model's sources; true if the predictions do not name sources.

    The text's weight does not show it, unlike an image's: answers without any source have a text weight of 1.

    Args:
        predictions: PREDICTIONS.
        condition: the main one.
    """
    named: set[str] = set()
    for part in all_parts(predictions, list(_READ)):
        shown = part["source_weights"].take(pa.array(rows_shown(part, "test", condition)))
        for chunk in shown.drop_null().chunks:
            named.update(kinds_of(chunk.keys.unique().to_pylist()))
    return not named or TEXT in named


def mean_source_weights(predictions: Parts, condition: str) -> dict[str, dict[str, float]]:
    """Attribute -> source, in the model's order -> its mean weight in the test answers; most answers first.

    Empty for predictions of an earlier version, which do not have them.

    Args:
        predictions: PREDICTIONS.
        condition: the main one.
    """
    sums: dict[str, dict[str, float]] = {}
    answers: dict[str, int] = {}
    for part in all_parts(predictions, list(_READ)):
        part = part.take(pa.array(rows_shown(part, "test", condition)))
        part = part.filter(pc.is_valid(part["source_weights"])).combine_chunks()
        if not len(part):
            continue
        weights = part["source_weights"].chunk(0)
        of_row = np.repeat(np.arange(len(part)), np.diff(weights.offsets.to_numpy()))
        each = {"attribute": part["attribute"].take(pa.array(of_row)), "source": weights.keys, "weight": weights.items}
        by = pa.table(each).group_by(["attribute", "source"], use_threads=False)
        for row in by.aggregate([("weight", "sum")]).to_pylist():
            own = sums.setdefault(row["attribute"], {})
            own[row["source"]] = own.get(row["source"], 0.0) + row["weight_sum"]
        for row in pc.value_counts(part["attribute"]).to_pylist():
            answers[row["values"]] = answers.get(row["values"], 0) + row["counts"]
    return {
        name: {source: total / answers[name] for source, total in sums[name].items()}
        for name in sorted(sums, key=lambda name: (-answers[name], name))
    }
