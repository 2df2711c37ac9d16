"""What is promised of predictions: known splits and conditions, weights that sum to one, values of the contract."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.suites import Suite, Tally
from moemoe.contract.contract import CRITICAL, WARNING, Contract
from moemoe.schemas import AS_IS, NOT_APPLICABLE, PICTURE_BLANKED, TEXT_BLANKED, TITLE_ONLY, UNANSWERABLE, WITHHELD

SLICE_ROWS = 200_000
_READ = ["product_id", "split", "condition", "confidence", "image_weight", "text_weight"]
#: How far rounding may take the sum of two weights from 1.
_ROUNDING = 1e-3


def prediction_suite(predictions: pa.Table, contract: Contract) -> Suite:
    """Promises of PREDICTIONS of validation and test."""
    suite = Suite("predictions", {"rows": _slices(predictions)})
    told = f"{len(predictions):,} predictions"
    conditions = [AS_IS, PICTURE_BLANKED, TEXT_BLANKED, TITLE_ONLY, WITHHELD, UNANSWERABLE, NOT_APPLICABLE]
    for name in ("product_id", "confidence"):
        words = f"every prediction has a {name.replace('_', ' ')}"
        suite.add(words, CRITICAL, "rows", "ExpectColumnValuesToNotBeNull", told, column=name)
    for words, name, allowed in (
        ("no prediction is of a training product", "split", ["validation", "test"]),
        ("conditions are known", "condition", conditions),
    ):
        suite.add(words, CRITICAL, "rows", "ExpectColumnValuesToBeInSet", told, column=name, value_set=allowed)
    for name in ("confidence", "image_weight", "text_weight"):
        words = f"{name.replace('_', ' ')} lies between 0 and 1"
        between = "ExpectColumnValuesToBeBetween"
        suite.add(words, CRITICAL, "rows", between, told, column=name, min_value=0, max_value=1)

    suite.figure("there are predictions", CRITICAL, "predictions", "predictions", len(predictions), told, at_least=1)
    weights = pc.add(predictions["image_weight"], predictions["text_weight"])
    off = Tally()
    off.add(predictions, pc.fill_null(pc.greater(pc.abs(pc.subtract(weights, 1.0)), _ROUNDING), False))
    suite.figure(
        "the weights of picture and text sum to 1",
        WARNING,
        "predictions",
        "predictions whose weights do not sum to 1",
        off.count,
        str(off),
        off.product_ids,
        at_most=0,
    )
    seen = Tally()
    blanked = pc.equal(predictions["condition"], PICTURE_BLANKED)
    seen.add(predictions, pc.and_(blanked, pc.fill_null(pc.greater(predictions["image_weight"], 0), False)))
    suite.figure(
        "a picture that is blanked weighs nothing",
        WARNING,
        "predictions",
        "predictions that weigh a blanked picture",
        seen.count,
        str(seen),
        seen.product_ids,
        at_most=0,
    )
    if (expected := contract.expectations.get("canonical_predictions")) and expected.at_least is not None:
        strange = Tally()
        answers = predictions.select(["product_id", "canonical", "prediction"])
        answers = answers.filter(pc.not_equal(answers["prediction"], ""))  # an empty one is an abstention
        strange.add(answers, pc.invert(answers["canonical"]))
        suite.figure(
            f"at least {expected.at_least:.0%} of the predictions are values of the contract",
            expected.severity,
            "predictions",
            "share of predictions that are values of the contract",
            1 - strange.share,
            f"{strange.others} are",
            strange.product_ids,
            at_least=expected.at_least,
        )
    return suite


def _slices(predictions: pa.Table) -> Iterator[pa.Table]:
    columns = predictions.select(_READ)
    return (columns.slice(start, SLICE_ROWS) for start in range(0, len(columns), SLICE_ROWS))
