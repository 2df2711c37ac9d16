"""Hashed n-grams: each token's embedding gets those of the n-grams that end at the token.

T5's relative positions learn word order slowly; a look-up gives the encoder pairs and triples of tokens at once, as
TF-IDF has them. fastText's hashed n-grams (Joulin et al. 2017), in the place that the Byte Latent Transformer gives
them (Pagnoni et al. 2024).

Shapes: B texts, K tokens, D width.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moemoe.model.config import NgramConfig

PRIME = 2**31 - 1
MULTIPLIER = 1_000_003
"""hash * MULTIPLIER + token stays below 2^51: exact in int64, so the same on every platform and in every process."""


class HashedNgrams(nn.Module):
    """One embedding per order and bucket, all 0 at the start, when the model is exactly that without n-grams."""

    def __init__(self, config: NgramConfig, width: int):
        super().__init__()
        self.orders, self.buckets = config.orders, config.buckets
        self.table = nn.Embedding(len(config.orders) * config.buckets, width, sparse=True)
        nn.init.zeros_(self.table.weight)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "HashedNgrams":
        super()._apply(fn, recurse)
        self.table.sparse = self.table.weight.device.type == "cpu"  # NCCL cannot add up sparse gradients
        return self

    def forward(self, ids_BK: Tensor) -> Tensor:
        """Sums [B, K, D] of the embeddings of the n-grams that end at each token, if they begin in the text.

        They depend only on the token and those before it, never on padding to its right.
        """
        K = ids_BK.shape[1]
        # Texts shorter than an order are looked up beyond their end: processes that train together wait for
        # each other's gradient of the table, so each must have one, of zeros if need be.
        ids_BK = F.pad(ids_BK, (0, max(0, max(self.orders) - K)))
        total = self.table.weight.new_zeros(*ids_BK.shape, self.table.embedding_dim)
        for index, order in enumerate(self.orders):
            bucket = ngram_hash(ids_BK, order) % self.buckets + index * self.buckets
            total = total + F.pad(self.table(bucket), (0, 0, order - 1, 0))
        return total[:, :K]


class NgramEmbedding(nn.Embedding):
    """A token embedding plus n-gram embeddings, to replace the one of a transformers model."""

    def __init__(self, tokens: nn.Embedding, config: NgramConfig):
        super().__init__(
            tokens.num_embeddings, tokens.embedding_dim, tokens.padding_idx, _weight=tokens.weight.detach()
        )
        self.ngrams = HashedNgrams(config, tokens.embedding_dim)

    def forward(self, input: Tensor) -> Tensor:
        """Embeddings [B, K, D] of token ids [B, K]."""
        return super().forward(input) + self.ngrams(input)


def ngram_hash(ids_BK: Tensor, order: int) -> Tensor:
    """A hash in [0, PRIME) of each ``order`` neighbouring ids, int64 [B, K - order + 1]."""
    windows = ids_BK.unfold(1, order, 1)
    value = torch.zeros_like(windows[..., 0])
    for place in range(order):
        value = (value * MULTIPLIER + windows[..., place] + 1) % PRIME
    return value
