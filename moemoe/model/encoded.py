"""The encoded sources of a batch, and the model interface that generation and value probabilities need.

Shapes: N examples, S sources, X anything, E edges, D model width, V vocabulary.
"""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from moemoe.batches.batch import Batch
from moemoe.model.config import ModelConfig
from moemoe.model.decoder import Decoder
from moemoe.model.mixture_of_experts import RouterStats
from moemoe.model.source_attention import SourceMemory


@dataclass
class Encoded:
    """The sources of a batch: what generation computes once and decodes many steps from.

    ``alignment`` holds each source's alignment loss per example, S times [N]; None where the model has none.
    """

    memory: SourceMemory
    shares_NS: Tensor
    alignment: list[Tensor] | None
    loads: list[RouterStats]


class EncoderDecoder(Protocol):
    """A model that encodes a batch once and decodes many steps from it."""

    config: ModelConfig
    decoder: Decoder
    embedding: nn.Embedding

    def encode(self, batch: Batch) -> Encoded:
        """Encodes the sources of ``batch``."""
        ...

    def logits(self, states_XD: Tensor) -> Tensor:
        """The vocabulary's logits [X, V] of decoder states."""
        ...

    def token_logits(self, states_XED: Tensor, token_E: Tensor) -> Tensor:
        """The logits [X, E] of one token per edge."""
        ...
