"""Decides whether a challenger replaces the champion. Both are evaluated on the same test rows, product by product.

The test split is halved by the hash of its groups: ``gate`` rows decide, ``report`` rows are only reported, so that
their metrics stay unbiased however many challengers the gate rows have judged.
"""

import hashlib
import logging
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from moemoe.counts import counted
from moemoe.errors import ConfigError
from moemoe.evaluation.cells import MIN_SUPPORT, EvaluationError
from moemoe.evaluation.paired import difference_on
from moemoe.evaluation.parts import Predictions
from moemoe.evaluation.shared_rows import SharedRows, read_test_rows
from moemoe.evaluation.uncertainty import GroupBootstrap, upper_bound
from moemoe.names import cell_name

GATE, REPORT = "gate", "report"
BETTER, NOT_WORSE, UNMEASURED = "better", "not worse", "unmeasured"
PROMOTE_IF = (BETTER, NOT_WORSE, UNMEASURED)
MEAN = "mean Recall@90P"


@dataclass(frozen=True)
class Rules:
    """When a challenger is promoted.

    Args:
        promote_if: ``better``: the 95 % interval of the difference of the means lies above 0; ``not worse``: it does
            not lie below 0; ``unmeasured``: as ``better``, but if no cell has enough test products to be measured, the
            challenger is promoted anyway.
        margin: how much Recall@90P a product type x attribute cell may lose, beyond its own noise.
        least_products: cells with fewer gate rows are not checked individually.
    """

    promote_if: str = BETTER
    margin: float = 0.10
    least_products: int = 50

    def __post_init__(self):
        if self.promote_if not in PROMOTE_IF:
            raise ConfigError(f"promote-if is {self.promote_if!r}; allowed are {', '.join(map(repr, PROMOTE_IF))}")
        if not 0 <= self.margin <= 1:
            raise ConfigError(f"the gate's margin is {self.margin}; allowed is 0 to 1")


@dataclass(frozen=True)
class HalfResult:
    """One half of the test split: mean Recall@90P of both models, and the 95 % interval of their difference."""

    champion: float
    challenger: float
    low: float
    high: float
    cells: int
    products: int

    @property
    def difference(self) -> float:
        """Challenger minus champion."""
        return self.challenger - self.champion


@dataclass(frozen=True)
class GateDecision:
    """Whether the challenger is promoted, and why.

    Args:
        reasons: sentences; for a refusal, everything that speaks against promotion.
        halves: ``gate`` and, if it has enough rows, ``report``; empty without a champion to compare with.
        cells: the cells of the gate rows that were checked individually: product type, attribute, products, Recall@90P
            of champion and challenger, and the upper bound of their difference (``difference_high``).
    """

    promoted: bool
    reasons: tuple[str, ...]
    champion: str | None = None
    halves: dict[str, HalfResult] = field(default_factory=dict)
    cells: tuple[dict[str, Any], ...] = ()

    @property
    def text(self) -> str:
        """The decision in one line."""
        return f"{'champion' if self.promoted else 'challenger'}: {'; '.join(self.reasons)}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON; NaN becomes None."""
        plain = asdict(self)
        plain["halves"] = {name: {**asdict(half), "difference": half.difference} for name, half in self.halves.items()}
        return _without_nan({**plain, "text": self.text})


def decide(
    challenger: Predictions,
    champion: Predictions,
    champion_version: str,
    report_product_types: Sequence[str],
    rules: Rules,
    broken: Sequence[str] = (),
    no_means: str = "",
) -> GateDecision:
    """Compares two models' PREDICTIONS of the same test rows and decides on the challenger.

    Args:
        report_product_types: the mean is over their cells, as in ``evaluate``.
        broken: descriptions of the contract's failed expectations; any of them refuses the challenger.
        no_means: why the challenger has no headline means (``Evaluation.no_means``).
    """
    if no_means:
        return _unmeasured(rules, broken, no_means, champion_version)
    halves, name, condition = {}, GATE, None
    compared: list[dict[str, Any]] = []
    try:
        for name in (GATE, REPORT):  # only one half of the rows is in memory
            shared = _shared(challenger, champion, name, condition)
            if name == GATE:
                halves[name], compared = _half(shared, report_product_types), _compare_cells(shared, rules)
            else:
                with suppress(EvaluationError):  # too few report rows are not reported
                    halves[name] = _half(shared, report_product_types)
            condition = shared.first.condition
            del shared
    except EvaluationError as error:
        return GateDecision(False, (*_broken(broken), f"{name} rows: {error}"), champion_version)
    failures = [*_broken(broken), *_failures(halves[GATE], compared, rules)]
    gate = halves[GATE]
    summary = (
        f"{MEAN} {100 * gate.challenger:.1f} % against {100 * gate.champion:.1f} % of version {champion_version} on "
        f"{gate.products} gate products (difference in points {100 * gate.difference:+.1f} "
        f"[{100 * gate.low:+.1f}, {100 * gate.high:+.1f}])"
    )
    return GateDecision(not failures, (summary, *failures), champion_version, halves, tuple(compared))


def without_champion(rules: Rules, broken: Sequence[str] = (), no_means: str = "") -> GateDecision:
    """The decision without a champion: the contract's expectations must hold, and some cell must be measured."""
    if no_means:
        return _unmeasured(rules, broken, no_means, None)
    return GateDecision(False, _broken(broken)) if broken else GateDecision(True, ("there was no champion before it",))


def _unmeasured(rules: Rules, broken: Sequence[str], no_means: str, champion: str | None) -> GateDecision:
    asked = rules.promote_if == UNMEASURED
    reason = f"it could not be measured: {no_means}" + ("" if asked else f" (--promote-if {UNMEASURED} promotes it)")
    return GateDecision(asked and not broken, (*_broken(broken), reason), champion)


def half_of(group: str) -> str:
    """The half of the test split that a group of products belongs to, the same in every run."""
    return (GATE, REPORT)[hashlib.sha256(f"gate|{group}".encode()).digest()[0] & 1]


def _shared(challenger: Predictions, champion: Predictions, half: str, condition: str | None) -> SharedRows:
    """The rows of a half of the test split that both models answered; by default in the challenger's main condition."""

    def mine(group: str) -> bool:
        return half_of(group) == half

    own = read_test_rows(challenger, condition, mine)
    return SharedRows.of(own, read_test_rows(champion, own.condition, mine))


def _half(shared: SharedRows, report_product_types: Sequence[str]) -> HalfResult:
    """The result of one half; a cell needs only half the support there."""
    least = MIN_SUPPORT // 2
    paired = difference_on(shared, report_product_types, min_support=least)
    shown = [
        scores
        for cell, scores in shared.second.cells().items()
        if cell[0] in report_product_types and scores.support >= least
    ]
    theirs = sum(scores.recall_at_90p for scores in shown) / len(shown)
    found = paired.recall_at_90p
    return HalfResult(theirs, theirs + found.value, found.low, found.high, paired.cells, paired.products)


def _compare_cells(shared: SharedRows, rules: Rules) -> list[dict[str, Any]]:
    """Per cell with enough gate rows: both models' Recall@90P, and the difference's upper bound (one-sided 95 %)."""
    mine, theirs = shared.cells()
    looked_at = [cell for cell, scores in mine.items() if scores.support >= rules.least_products]
    resamples = GroupBootstrap(shared.first.groups)
    drawn = [resamples.recalls_at_90p([run[cell] for cell in looked_at]) for run in (mine, theirs)]
    compared = []
    for cell, own_R, other_R in zip(looked_at, *drawn, strict=True):
        champion_recall, challenger_recall = theirs[cell].recall_at_90p, mine[cell].recall_at_90p
        compared.append(
            {
                "product_type": cell[0],
                "attribute": cell[1],
                "products": mine[cell].support,
                "champion": champion_recall,
                "challenger": challenger_recall,
                "difference_high": upper_bound(challenger_recall - champion_recall, own_R - other_R),
            }
        )
    return compared


def _failures(gate: HalfResult, compared: Sequence[dict[str, Any]], rules: Rules) -> list[str]:
    """Sentences for the checks that fail in ``mlflow.validate_evaluation_results``.

    A cell fails if it lost more than the margin and the loss exceeds its noise: the upper bound of the difference is
    below 0.
    """
    from mlflow.models import MetricThreshold

    if rules.promote_if != NOT_WORSE:
        noise = max(gate.difference - gate.low, 0.0) + 1e-9
        thresholds = {MEAN: MetricThreshold(min_absolute_change=noise, greater_is_better=True)}
        said = {MEAN: "the gain's 95 % interval is not above 0"}
    else:
        noise = max(gate.high - gate.difference, 0.0)
        thresholds = {MEAN: MetricThreshold(threshold=gate.champion - noise, greater_is_better=True)}
        said = {MEAN: "the loss's 95 % interval is above 0"}
    candidate, baseline = {MEAN: gate.challenger}, {MEAN: gate.champion}
    for cell in compared:
        name = cell_name(cell["product_type"], cell["attribute"])
        noise = max(cell["difference_high"] - (cell["challenger"] - cell["champion"]), 0.0)
        least = cell["champion"] - max(rules.margin, noise)
        thresholds[name] = MetricThreshold(threshold=float(least), greater_is_better=True)
        candidate[name], baseline[name] = cell["challenger"], cell["champion"]
        said[name] = (
            f"{name} falls from {100 * cell['champion']:.1f} % to {100 * cell['challenger']:.1f} % on "
            f"{counted(cell['products'], 'product')} (allowed is a loss of {100 * rules.margin:g} points)"
        )
    return [said[name] for name in thresholds if _fails(name, thresholds[name], candidate, baseline)]


def _fails(name: str, threshold: Any, candidate: dict[str, float], baseline: dict[str, float]) -> bool:
    from mlflow import validate_evaluation_results
    from mlflow.models.evaluation import EvaluationResult
    from mlflow.models.evaluation.validation import ModelValidationFailedException

    logging.getLogger("mlflow.models.evaluation.validation").setLevel(logging.WARNING)  # "passed!" for each metric
    try:
        results = [EvaluationResult({name: metrics[name]}, {}) for metrics in (candidate, baseline)]
        validate_evaluation_results({name: threshold}, *results)
    except ModelValidationFailedException:
        return True
    return False


def _broken(broken: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"failed expectation: {words}" for words in broken)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
