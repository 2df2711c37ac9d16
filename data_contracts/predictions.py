"""Expectations of predictions: known splits and conditions, weights that sum to 1, values of the contract."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.suites import Suite, Tally
from moemoe.contract.contract import CRITICAL, WARNING, Contract
from moemoe.schemas import (
    AS_IS,
    IMAGE_BLANKED,
    NOT_APPLICABLE,
    TEXT_BLANKED,
    TITLE_ONLY,
    UNANSWERABLE,
    WITHHELD,
)

SLICE_ROWS = 200_000
_READ = ["product_id", "split", "condition", "confidence", "image_weight", "text_weight"]
#: The largest deviation of the sum of weights from 1 by rounding.
_ROUNDING = 1e-3


def prediction_suite(predictions: Iterable[pa.Table], contract: Contract) -> Suite:
    """Expectations of PREDICTIONS of validation and test, from two passes over its parts."""
    counted = _Counted(predictions)
    suite = Suite("predictions", {"rows": _slices(predictions)})
    _expect_rows(suite, counted)
    _expect_weights(suite, counted)
    _expect_canonical(suite, counted, contract)
    return suite


def _expect_rows(suite: Suite, counted: "_Counted") -> None:
    told = f"{counted.total:,} predictions"
    conditions = [AS_IS, IMAGE_BLANKED, TEXT_BLANKED, TITLE_ONLY, WITHHELD, UNANSWERABLE, NOT_APPLICABLE]
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
    suite.figure("there are predictions", CRITICAL, "predictions", "predictions", counted.total, told, at_least=1)


def _expect_weights(suite: Suite, counted: "_Counted") -> None:
    off, seen = counted.off, counted.seen
    suite.figure(
        "the weights of image and text sum to 1",
        WARNING,
        "predictions",
        "predictions whose weights do not sum to 1",
        off.count,
        f"{off} do not",
        off.product_ids,
        at_most=0,
    )
    suite.figure(
        "an image that is blanked weighs nothing",
        WARNING,
        "predictions",
        "predictions that weigh a blanked image",
        seen.count,
        f"{seen} weigh something",
        seen.product_ids,
        at_most=0,
    )


def _expect_canonical(suite: Suite, counted: "_Counted", contract: Contract) -> None:
    not_canonical = counted.not_canonical
    if (expected := contract.expectations.get("canonical_predictions")) and expected.at_least is not None:
        suite.figure(
            f"at least {expected.at_least:.0%} of the predictions are values of the contract",
            expected.severity,
            "predictions",
            "share of predictions that are values of the contract",
            1 - not_canonical.share,
            f"{not_canonical.others} are",
            not_canonical.product_ids,
            at_least=expected.at_least,
        )


class _Counted:
    """All counts over the predictions that the suite needs, from one pass."""

    def __init__(self, predictions: Iterable[pa.Table]):
        self.total = 0
        self.off, self.seen, self.not_canonical = Tally(), Tally(), Tally()
        for part in predictions:
            self.total += len(part)
            weights = pc.add(part["image_weight"], part["text_weight"])
            off = pc.greater(pc.abs(pc.subtract(weights, 1.0)), _ROUNDING)
            self.off.add(part, pc.fill_null(off, False))
            blanked = pc.equal(part["condition"], IMAGE_BLANKED)
            self.seen.add(part, pc.and_(blanked, pc.fill_null(pc.greater(part["image_weight"], 0), False)))
            answers = part.select(["product_id", "canonical", "prediction"])
            answers = answers.filter(pc.not_equal(answers["prediction"], ""))  # an empty answer is an abstention
            self.not_canonical.add(answers, pc.invert(answers["canonical"]))


def _slices(predictions: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The parts, merged into slices of up to SLICE_ROWS, as checking each slice has a fixed cost."""
    waiting: list[pa.Table] = []
    for part in predictions:
        if waiting and sum(map(len, waiting)) + len(part) > SLICE_ROWS:
            yield pa.concat_tables(waiting)
            waiting = []
        waiting.append(part.select(_READ))
    if waiting:
        yield pa.concat_tables(waiting)
