"""What comes out of a system: losses in training, answers and distributions afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from moemoe.model.mixture_of_experts import RouterStats
from moemoe.sources import IMAGE, TEXT, kinds_of


@dataclass
class Losses:
    """Sums over this batch; they are added over ranks before they are divided (see training.objective).

    ``question_context`` and ``question_image`` are equations 6 and 7, each the mean over the example's texts and the
    sum over its images; ``images`` counts those. ``loads`` holds one entry per expert layer.
    """

    cross_entropy: Tensor
    tokens: Tensor
    question_context: Tensor
    examples: Tensor
    question_image: Tensor
    images: Tensor
    loads: list[RouterStats]

    @classmethod
    def of_cross_entropy(cls, cross_entropy: Tensor, counts: Tensor) -> "Losses":
        """The losses of a model with no other loss; ``counts`` as ``Batch.counts`` gives them."""
        none = cross_entropy.new_zeros(())
        return cls(cross_entropy, counts[0], none, counts[1], none, counts[2], [])


@dataclass(frozen=True)
class Answer:
    """A system's value for one attribute of one product.

    Args:
        value: the answer, empty where the system has none.
        confidence: probability of the whole answer, in [0, 1].
        image_weight, text_weight: the shares of the sources of either kind (MoEMoE: mean |alpha I| / (|alpha I| +
            |beta C|)); sum 1.
        source_weights: each source's share, in the order of the system's sources; empty if it has at most one of a
            kind, whose share then is that kind's.
    """

    value: str
    confidence: float
    image_weight: float
    text_weight: float
    source_weights: tuple[float, ...] = ()

    def by_source(self, sources: Sequence[str]) -> dict[str, float]:
        """The share of each of the system's ``sources``, by name."""
        of_kind = {IMAGE: self.image_weight}
        shares = self.source_weights or [of_kind.get(kind, self.text_weight) for kind in kinds_of(sources)]
        return dict(zip(sources, shares, strict=True))

    def of_text_alone(self, sources: Sequence[str]) -> "Answer":
        """The answer as if it came from the texts alone, which keep their shares of each other."""
        is_text = [float(kind == TEXT) for kind in kinds_of(sources)]
        own = [share * text for share, text in zip(self.source_weights, is_text, strict=False)]
        shares = own if sum(own) > 0 else is_text
        each = tuple(share / sum(shares) for share in shares) if self.source_weights and any(shares) else ()
        return replace(self, image_weight=0.0, text_weight=1.0, source_weights=each)


@dataclass(frozen=True)
class Distribution:
    """A system's probability of each value of an attribute, for one product.

    Args:
        probability_C: float64 [C], in the order of the values asked about; sum 1.
        image_weight: as in ``Answer``; the text has the rest.
        source_weights: as in ``Answer``.
    """

    probability_C: np.ndarray
    image_weight: float
    source_weights: tuple[float, ...] = ()
