"""The tensors that a model reads.

Shapes: R rows of a source, B products (one per example if the question is in the context), U distinct questions,
J question tokens, N examples (product x attribute), T decoder tokens, D d_model, S sources.
"""

from dataclasses import dataclass, fields
from typing import TypeVar

import torch
from torch import Tensor

B = TypeVar("B", bound="Tensors")


@dataclass
class Tensors:
    """A dataclass of tensors, possibly nested."""

    def to(self: B, device: torch.device) -> B:
        """A copy with every tensor on ``device``."""

        def moved(value):
            if isinstance(value, list):
                return [moved(part) for part in value]
            if isinstance(value, Tensor):
                return value.to(device, non_blocking=True)
            return value.to(device) if isinstance(value, Tensors) else value

        return type(self)(**{field.name: moved(getattr(self, field.name)) for field in fields(self)})


@dataclass
class Source(Tensors):
    """One source of a batch: images or texts.

    Args:
        data: uint8 [R, 3, H, W] images, half [R, P, W] features (``ImageEncoder.features``), or int64 [R, K] token
            ids.
        mask: bool [R], whether there is an image (if not, its data are arbitrary), or bool [R, K], true for tokens that
            are not padding.
        row_of: int64 [B], each product's row in ``data``.
    """

    data: Tensor
    mask: Tensor
    row_of: Tensor


@dataclass
class Batch(Tensors):
    """One batch; repeated inputs are stored, and encoded, only once.

    Args:
        sources: in the order of ``ModelConfig.sources``.
        question_ids, question_mask: [U, J], the distinct questions.
        product_of, question_of: int64 [N], each example's product and question; ``product_of`` is ascending.
        decoder_ids, decoder_mask: [N, T], the decoder's input: question prefix (left-padded), start token, answer.
        labels: int64 [N, T], -100 where no token is scored; None for generation.
        question_UJD: the questions' encoder states if already known, else None.
        root_N: each example's first state in the trie or the drafts, None without these.
        applies_N: bool [N], whether the attribute is known to apply, so that its answer is not empty; None: unknown
            for all.
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
    applies_N: Tensor | None = None

    @property
    def products(self) -> int:
        """B."""
        return self.sources[0].row_of.numel()

    def counts(self) -> Tensor:
        """Numbers of scored tokens, of examples, and of pairs of an example and an image, int64 [3]."""
        assert self.labels is not None
        images = [s.mask[s.row_of][self.product_of].sum() for s in self.sources if s.mask.dim() == 1]
        examples = torch.tensor(self.product_of.numel(), device=self.labels.device)
        return torch.stack([(self.labels != -100).sum(), examples, sum(images, torch.zeros_like(examples))])
