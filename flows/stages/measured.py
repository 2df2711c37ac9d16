"""The results of an evaluation that later steps need."""

from dataclasses import dataclass

from stages.options import FromFlow


@dataclass(frozen=True)
class Measured(FromFlow):
    """What a flow keeps of an evaluation.

    Args:
        metrics, no_means: of ``Evaluation``.
        asked_type: a product type that the model answers, for an example; empty if nothing could be measured.
    """

    metrics: dict[str, float]
    no_means: str
    asked_type: str
