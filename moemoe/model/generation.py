"""Greedy decoding of short answers with their probability, all examples of a batch together.

Free, or restricted to the values of a ``Trie``.

Shapes: N examples, M of them whose answers have not ended, T prefix tokens, A answer tokens, S sources.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from moemoe.batches.batch import Batch
from moemoe.batches.trie import Trie
from moemoe.model.cached_decoder import CachedDecoder
from moemoe.model.encoded import EncoderDecoder
from moemoe.model.folded_memory import FoldedMemory


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
    """Greedy answers of at most ``config.answer_length`` tokens.

    Most answers have two or three tokens and some batch has a long one: what has ended is not computed along.

    ``batch.decoder_ids`` holds what stands before the answer (question prefix and start token), padded on the left.
    With a ``trie`` on the batch's device, each answer is a value of the attribute that ``batch.root_N`` names.
    """
    encoded = model.encode(batch)
    reader = CachedDecoder(model.decoder, FoldedMemory.of(encoded.memory))
    N, steps = len(batch.decoder_ids), model.config.answer_length
    marked_UT, row_of_N = batch.decoder_ids.masked_fill(~batch.decoder_mask, -1).unique(dim=0, return_inverse=True)
    tokens = torch.full((N, steps), pad_id, device=row_of_N.device)
    log_probability = torch.zeros(N, device=row_of_N.device)
    state_N = batch.root_N.clone() if batch.root_N is not None else None
    going_M = torch.arange(N, device=row_of_N.device)  # the examples whose answers have not ended
    states_MD = reader.begin(model.embedding(marked_UT.clamp(min=0)), marked_UT >= 0, row_of_N)
    for step in range(steps):
        logits_MV = model.logits(states_MD).float()
        if trie is None:
            best, token = logits_MV.max(-1)
            best = best - logits_MV.logsumexp(-1)
        else:
            assert state_N is not None
            token, best, state_N[going_M] = trie.choose(logits_MV, state_N[going_M])
        log_probability[going_M] += best
        tokens[going_M, step] = token
        kept = (token != end_id).nonzero()[:, 0]
        if not len(kept) or step == steps - 1:
            break
        if len(kept) < len(going_M):
            going_M, token = going_M[kept], token[kept]
            reader.keep(kept)
        real_M1 = torch.ones_like(token[:, None], dtype=torch.bool)
        place_M1 = torch.full_like(token[:, None], batch.decoder_ids.shape[1] + step)
        states_MD = reader.read(model.embedding(token[:, None]), real_M1, place_M1)
    leaf_N = None if trie is None else state_N
    return Answers(tokens, log_probability.exp(), encoded.shares_NS, leaf_N)
