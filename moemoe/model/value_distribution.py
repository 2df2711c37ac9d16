"""The exact probability of every value of an attribute, where ``generate`` gives only one answer.

A value's probability is the product of its tokens' probabilities, each normalized over tokens that lead on to a value
(as in ``trie``), so that the values' probabilities sum to 1. Where a single token leads on, its probability is 1 and
nothing need be computed: what is left of the values' tokens is a small tree whose nodes lead to a choice. The decoder
reads it at once, every node seeing only its ancestors (tree attention: Miao et al. 2024), so that all values of an
attribute cost about what one greedy token costs.

Shapes: N examples, T prefix tokens, J tree nodes, C values, E edges of the tree at which there is a choice, K tokens
read so far.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from moemoe.batches.batch import Batch
from moemoe.batches.value_tree import ValueTree
from moemoe.model.cached_decoder import CachedDecoder
from moemoe.model.encoded import EncoderDecoder
from moemoe.model.folded_memory import FoldedMemory

#: Tree nodes that the decoder reads in one pass; it bounds the memory, whatever the number of values.
NODES_AT_ONCE = 32


@torch.inference_mode()
def value_probabilities(
    model: EncoderDecoder, batch: Batch, attributes: Sequence[str], trees: Mapping[str, ValueTree]
) -> tuple[list[np.ndarray], Tensor]:
    """Each example's probabilities of its attribute's values, float64 [C], and each source's share [N, S].

    Args:
        batch: ``decoder_ids`` holds the tokens before the answer, padded on the left.
        attributes: each example's attribute.
        trees: every attribute's tree.
    """
    encoded = model.encode(batch)
    ids_NT, real_NT = batch.decoder_ids, batch.decoder_mask
    N, T = ids_NT.shape
    device = ids_NT.device
    rows: dict[str, list[int]] = {}
    for row, attribute in enumerate(attributes):
        rows.setdefault(attribute, []).append(row)
    width = max(trees[attribute].tokens_J.numel() for attribute in rows)
    tokens_NJ = torch.zeros(N, width, dtype=torch.int64)
    place_NJ = torch.zeros(N, width, dtype=torch.int64)
    real_NJ = torch.zeros(N, width, dtype=torch.bool)
    above_NJJ = torch.zeros(N, width, width, dtype=torch.bool)  # a node's ancestors and itself
    for attribute, own in rows.items():
        tree = trees[attribute]
        nodes = tree.tokens_J.numel()
        above_JJ = torch.eye(nodes, dtype=torch.bool)
        for node, parent in enumerate(tree.parent_J):
            if parent >= 0:
                above_JJ[node] |= above_JJ[parent]
        tokens_NJ[own, :nodes] = tree.tokens_J
        place_NJ[own, :nodes] = T - 1 + tree.depth_J
        real_NJ[own, :nodes] = True
        above_NJJ[torch.tensor(own), :nodes, :nodes] = above_JJ
    tokens_NJ, place_NJ, real_NJ = tokens_NJ.to(device), place_NJ.to(device), real_NJ.to(device)
    visible_NJK = torch.cat([real_NT[:, None, :].expand(N, width, T), above_NJJ.to(device)], dim=2)

    reader = CachedDecoder(model.decoder, FoldedMemory.of(encoded.memory))
    found = [reader.begin(model.embedding(ids_NT), real_NT, torch.arange(N, device=device))[:, None]]
    for start in range(0, width, NODES_AT_ONCE):
        chunk, end = slice(start, start + NODES_AT_ONCE), T + min(start + NODES_AT_ONCE, width)
        x_NCD, real_NC = model.embedding(tokens_NJ[:, chunk]), real_NJ[:, chunk]
        states_XD = reader.read(x_NCD, real_NC, place_NJ[:, chunk], visible_NJK[:, chunk, :end])
        found.append(states_XD.new_zeros(x_NCD.shape).masked_scatter(real_NC[..., None], states_XD))
    states_NKD = torch.cat(found, dim=1)

    probabilities: list[np.ndarray] = [np.empty(0)] * N
    for attribute, own in rows.items():
        tree = trees[attribute]
        logits_NE = model.token_logits(states_NKD[own][:, tree.node_E + 1], tree.token_E.to(device)).float().cpu()
        for row, probability in zip(own, tree.probabilities(logits_NE).numpy(), strict=True):
            probabilities[row] = probability
    return probabilities, encoded.shares_NS
