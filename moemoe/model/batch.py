"""What goes into the model and what comes out.

Shapes: R rows of a source, B products (one per example where the question is in the context), U distinct questions,
J question tokens, N examples (product x attribute), T decoder tokens, D d_model, S sources.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from moemoe.model.mixture_of_experts import RouterLoad


@dataclass
class Source:
    """One source of a batch: pictures or texts.

    Args:
        data: uint8 [R, 3, H, W] pictures, or int64 [R, K] token ids.
        mask: bool [R], whether there is a picture (any content where not), or bool [R, K], the real tokens.
        row_of: int64 [B], each product's row.
    """

    data: Tensor
    mask: Tensor
    row_of: Tensor


@dataclass
class Batch:
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

    def to(self, device: torch.device) -> "Batch":
        """The batch with every tensor on ``device``."""

        def moved(value):
            if isinstance(value, list):
                return [Source(*(t.to(device, non_blocking=True) for t in vars(s).values())) for s in value]
            return value if value is None else value.to(device, non_blocking=True)

        return Batch(**{field.name: moved(getattr(self, field.name)) for field in fields(self)})


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
