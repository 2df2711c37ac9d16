"""What goes into the model and what comes out.

Shapes: R rows of a source, B products (one per example where the question is in the context), U distinct questions,
J question tokens, N examples (product x attribute), T decoder tokens, D d_model, S sources.
"""

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from moemoe.model.mixture_of_experts import RouterLoad

B = TypeVar("B", bound="Tensors")


@dataclass
class Tensors:
    """A dataclass of tensors, possibly nested."""

    def to(self: B, device: torch.device) -> B:
        """The same with every tensor on ``device``."""

        def moved(value):
            if isinstance(value, list):
                return [moved(part) for part in value]
            if isinstance(value, Tensor):
                return value.to(device, non_blocking=True)
            return value.to(device) if isinstance(value, Tensors) else value

        return type(self)(**{field.name: moved(getattr(self, field.name)) for field in fields(self)})


@dataclass
class Source(Tensors):
    """One source of a batch: pictures or texts.

    Args:
        data: uint8 [R, 3, H, W] pictures, half [R, P, W] features (``ImageEncoder.features``), or int64 [R, K] token
            ids.
        mask: bool [R], whether there is a picture (any content where not), or bool [R, K], the real tokens.
        row_of: int64 [B], each product's row.
    """

    data: Tensor
    mask: Tensor
    row_of: Tensor


@dataclass
class Batch(Tensors):
    """One batch, everything encoded once that can be.

    Args:
        sources: in the order of ``ModelConfig.sources``.
        question_ids, question_mask: [U, J], the distinct questions.
        product_of, question_of: int64 [N], each example's rows; ``product_of`` in rising order.
        decoder_ids, decoder_mask: [N, T], what the decoder reads: question prefix (padded left), start, answer.
        labels: int64 [N, T], -100 where nothing is scored; None for generation.
        question_UJD: the questions' states where they are known already, else None.
        root_N: each example's first state in the trie where answers are restricted to values, else None.
    """

    sources: list[Source]
    question_ids: Tensor
    question_mask: Tensor
    product_of: Tensor
    question_of: Tensor
    decoder_ids: Tensor
    decoder_mask: Tensor
    labels: Tensor | None = None
    question_UJD: Tensor | None = None
    root_N: Tensor | None = None

    @property
    def products(self) -> int:
        """B."""
        return self.sources[0].row_of.numel()

    def counts(self) -> Tensor:
        """Scored tokens, examples, and pairs of an example and a picture, int64 [3]."""
        assert self.labels is not None
        pictures = [s.mask[s.row_of][self.product_of].sum() for s in self.sources if s.mask.dim() == 1]
        examples = torch.tensor(self.product_of.numel(), device=self.labels.device)
        return torch.stack([(self.labels != -100).sum(), examples, sum(pictures, torch.zeros_like(examples))])


@dataclass
class Losses:
    """Sums over this batch, so that ranks can be added up before they are divided (see training.objective).

    ``question_context`` and ``question_image`` are equations 6 and 7, each the mean over the example's texts and the
    sum over its pictures; ``pictures`` counts those. ``loads`` holds one entry per expert layer.
    """

    cross_entropy: Tensor
    tokens: Tensor
    question_context: Tensor
    examples: Tensor
    question_image: Tensor
    pictures: Tensor
    loads: list[RouterLoad]

    @classmethod
    def of_cross_entropy(cls, cross_entropy: Tensor, counts: Tensor) -> "Losses":
        """Of a model with no other loss; ``counts`` as ``Batch.counts`` gives them."""
        none = cross_entropy.new_zeros(())
        return cls(cross_entropy, counts[0], none, counts[1], none, counts[2], [])


@dataclass(frozen=True)
class Answer:
    """A system's value for one attribute of one product.

    Args:
        value: the answer, empty where the system has none.
        confidence: probability of the whole answer, in [0, 1].
        image_weight, text_weight: the sources' shares (MoEMoE: mean |alpha I| / (|alpha I| + |beta C|)); sum 1.
    """

    value: str
    confidence: float
    image_weight: float
    text_weight: float


@dataclass(frozen=True)
class Distribution:
    """A system's probability of each value of an attribute, for one product.

    Args:
        probability_C: float64 [C], in the order of the values asked about; sum 1.
        image_weight: as in ``Answer``; the text has the rest.
    """

    probability_C: np.ndarray
    image_weight: float
