"""Greedy decoding of short answers with their probability, all examples of a batch together.

Free, or restricted to the values of a ``Trie``.

Shapes: N examples, M of them whose answers have not ended, T prefix tokens, A answer tokens, S sources.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from moemoe.batches.batch import Batch
from moemoe.batches.trie import Trie
from moemoe.model.encoded import EncoderDecoder


@dataclass
class Answers:
    """Generated tokens int64 [N, A] (pad after the end), confidence [N] = product of the tokens' probabilities
    up to and with the end token, and each source's share [N, S]. ``leaf_N``: the trie's leaf, None in free decoding."""

    tokens_NA: Tensor
    confidence_N: Tensor
    shares_NS: Tensor
    leaf_N: Tensor | None = None


@torch.inference_mode()
def generate(
    model: EncoderDecoder, batch: Batch, pad_id: int = 0, end_id: int = 1, trie: Trie | None = None
) -> Answers:
    """Greedy answers of at most ``config.answer_length`` tokens, with a static self-attention cache.

    Most answers have two or three tokens and some batch has a long one: what has ended is not computed along.

    ``batch.decoder_ids`` holds what stands before the answer (question prefix and start token), padded on the left.
    With a ``trie`` on the batch's device, each answer is a value of the attribute that ``batch.root_N`` names.
    """
    encoded = model.encode(batch)
    memory = encoded.memory
    N, T = batch.decoder_ids.shape
    steps = model.config.answer_length
    cache = model.decoder.new_cache(N, T + steps, model.embedding.weight)
    ids, real, start = batch.decoder_ids, batch.decoder_mask, 0
    tokens = torch.full((N, steps), pad_id, device=ids.device)
    log_probability = torch.zeros(N, device=ids.device)
    state_N = batch.root_N.clone() if batch.root_N is not None else None
    going_M = torch.arange(N, device=ids.device)  # the examples whose answers have not ended, all that is computed
    for step in range(steps):
        states, _ = model.decoder(model.embedding(ids), real, memory, cache, start)
        logits_MV = model.logits(states[:, -1]).float()
        if trie is None:
            best, token = logits_MV.max(-1)
            best = best - logits_MV.logsumexp(-1)
        else:
            assert state_N is not None
            token, best, state_N[going_M] = trie.choose(logits_MV, state_N[going_M])
        log_probability[going_M] += best
        tokens[going_M, step] = token
        start += ids.shape[1]
        ids = token[:, None]
        real = torch.cat([real, torch.ones_like(real[:, :1])], dim=1)
        kept = (token != end_id).nonzero()[:, 0]
        if not len(kept):
            break
        if len(kept) < len(going_M):
            going_M, ids, real = going_M[kept], ids[kept], real[kept]
            memory, cache = memory.of_examples(kept), cache.of_examples(kept)
    leaf_N = None if trie is None else state_N
    return Answers(tokens, log_probability.exp(), encoded.shares_NS, leaf_N)
