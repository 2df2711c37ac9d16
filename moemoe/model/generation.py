"""Greedy decoding of short answers with their probability, all examples of a batch together.

Free, or restricted to the values of a ``Trie``. Most answers have two or three tokens, but a batch may have a long one:
examples that have ended are not computed further. If only one token can follow (restricted), or all known values have
the same next token (free, with ``Drafts``), it is read in the same pass as the token before it. Free decoding takes it
back if the model would choose another, so the answers are those of token by token (Leviathan et al. 2023).

Shapes: N examples, M of them whose answers have not ended, W tokens read at once, X real ones of them, T prefix tokens,
A answer tokens, S sources, V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from moemoe.batches.batch import Batch
from moemoe.batches.trie import Drafts, Trie
from moemoe.model.cached_decoder import CachedDecoder
from moemoe.model.encoded import EncoderDecoder
from moemoe.model.folded_memory import FoldedMemory

#: Rows of logits at once on a CPU: they stay in its cache.
LOGITS_AT_ONCE = 64


@dataclass
class GeneratedAnswers:
    """Generated tokens int64 [N, A] (pad after the end), confidence [N] = product of the tokens' probabilities
    up to and with the end token, and each source's share [N, S]. ``leaf_N``: the trie's leaf, None in free decoding."""

    tokens_NA: Tensor
    confidence_N: Tensor
    shares_NS: Tensor
    leaf_N: Tensor | None = None


@torch.inference_mode()
def generate(
    model: EncoderDecoder,
    batch: Batch,
    pad_id: int = 0,
    end_id: int = 1,
    trie: Trie | None = None,
    drafts: Drafts | None = None,
) -> GeneratedAnswers:
    """Greedy answers of at most ``config.answer_length`` tokens.

    ``batch.decoder_ids`` holds the tokens before the answer (question prefix and start token), padded on the left.
    With a ``trie`` on the batch's device, each answer is a value of the attribute that ``batch.root_N`` names; with
    ``drafts`` on it, the answers are the same as without, sooner. Where ``batch.applies_N``, the empty answer is not
    chosen; probabilities are what they would be if it could be.
    """
    decoding = _Decoding(model, batch, pad_id)
    if trie is None:
        leaf_N = None
        _decode_freely(decoding, end_id, drafts, batch.root_N)
    else:
        assert batch.root_N is not None
        leaf_N = _choose_values(decoding, trie, batch.root_N)
    return GeneratedAnswers(decoding.tokens_NA, decoding.log_probability_N.exp(), decoding.shares_NS, leaf_N)


def _choose_values(decoding: "_Decoding", trie: Trie, root_N: Tensor) -> Tensor:
    """Decodes down to leaves of the trie, which are returned, [N]."""
    state_N, state_M = root_N.clone(), root_N
    states_MD = decoding.begin()
    goes_on_M: Tensor | None = decoding.applies_N
    while True:
        token_M, best_M, state_M = trie.choose(decoding.logits(states_MD), state_M, goes_on_M)
        goes_on_M = None  # behind the first token no answer is empty
        tokens_MW = torch.cat([token_M[:, None], trie.chain_SW[state_M]], dim=1)
        leaf_M, state_M = trie.leaf_S[state_M], trie.after_S[state_M]
        state_N[decoding.going_M] = state_M
        start_M = decoding.lengths()
        decoding.add(tokens_MW, best_M)
        kept = (~leaf_M).nonzero()[:, 0]
        if not len(kept):
            return state_N
        decoding.keep(kept)
        states_XD, real_MW = decoding.read(tokens_MW[kept], start_M[kept])
        states_MD, state_M = states_XD[real_MW.sum(1).cumsum(0) - 1], state_M[kept]


def _decode_freely(decoding: "_Decoding", end_id: int, drafts: Drafts | None, state_M: Tensor | None) -> None:
    """Decodes to the end token; ``state_M``: the drafts' first states."""
    states_XD, read_MW = decoding.begin(), decoding.going_M[:, None]  # one token each: the start token
    real_MW, goes_on_X = torch.ones_like(read_MW, dtype=torch.bool), decoding.applies_N
    while True:
        token_X, log_probability_X = decoding.likeliest(states_XD, end_id, goes_on_X)
        token_MW = torch.full_like(read_MW, -1).masked_scatter_(real_MW, token_X)
        best_MW = log_probability_X.new_zeros(read_MW.shape).masked_scatter_(real_MW, log_probability_X)
        right_MW = torch.cat([real_MW[:, :1], token_MW[:, :-1] == read_MW[:, 1:]], dim=1) & real_MW
        right_MW = right_MW.cumprod(1).bool()  # behind a wrong draft nothing counts
        decoding.forget(~right_MW)
        decoding.add(token_MW.masked_fill(~right_MW, -1), (best_MW * right_MW).sum(1))
        last_M = token_MW.gather(1, right_MW.sum(1, keepdim=True) - 1)[:, 0]
        kept = ((last_M != end_id) & (decoding.lengths() < decoding.tokens_NA.shape[1])).nonzero()[:, 0]
        if not len(kept):
            return
        decoding.keep(kept)
        read_MW = last_M[kept, None]
        if drafts is not None and state_M is not None:
            state_M = torch.where((right_MW == real_MW).all(1), state_M, -1)[kept]
            state_M = drafts.follow(state_M, read_MW[:, 0])
            read_MW, state_M = torch.cat([read_MW, drafts.chain_SW[state_M]], dim=1), drafts.after_S[state_M]
            room_M = decoding.tokens_NA.shape[1] - decoding.lengths()
            read_MW = read_MW.masked_fill(_columns(read_MW) >= room_M[:, None], -1)
        states_XD, real_MW = decoding.read(read_MW, decoding.lengths() - 1)
        read_MW, goes_on_X = read_MW[:, : real_MW.shape[1]], goes_on_X.new_zeros(len(states_XD))


class _Decoding:
    """The answers of a batch, partly decoded."""

    def __init__(self, model: EncoderDecoder, batch: Batch, pad_id: int):
        encoded = model.encode(batch)
        self._model, self._batch, self.shares_NS = model, batch, encoded.shares_NS
        self._reader = CachedDecoder(model.decoder, FoldedMemory.of(encoded.memory))
        N, device = len(batch.decoder_ids), batch.decoder_ids.device
        self.tokens_NA = torch.full((N, model.config.answer_length), pad_id, device=device)
        self.log_probability_N = torch.zeros(N, device=device)
        self._length_N = torch.zeros(N, dtype=torch.int64, device=device)
        self.going_M = torch.arange(N, device=device)
        self.applies_N = self.going_M < 0 if batch.applies_N is None else batch.applies_N

    def lengths(self) -> Tensor:
        """How many tokens of each are decided, [M]."""
        return self._length_N[self.going_M]

    def begin(self) -> Tensor:
        """Reads the tokens before the answers; states [N, D] that predict the first token."""
        ids, mask = self._batch.decoder_ids, self._batch.decoder_mask
        marked_UT, row_of_N = ids.masked_fill(~mask, -1).unique(dim=0, return_inverse=True)
        x_UTD = self._model.embedding(marked_UT.clamp(min=0))
        return self._reader.begin(x_UTD, marked_UT >= 0, row_of_N)

    def logits(self, states_XD: Tensor) -> Tensor:
        """The vocabulary's logits, float [X, V]."""
        return self._model.logits(states_XD).float()

    def likeliest(self, states_XD: Tensor, end_id: int, goes_on_X: Tensor) -> tuple[Tensor, Tensor]:
        """The likeliest token behind each state and its log-probability, [X]; not the end where it ``goes_on``."""
        found = []
        size = len(states_XD) if states_XD.is_cuda else LOGITS_AT_ONCE
        for states, goes_on in zip(states_XD.split(size), goes_on_X.split(size), strict=True):
            logits = self.logits(states)
            total = logits.logsumexp(-1)
            logits[:, end_id].masked_fill_(goes_on, -torch.inf)
            best, token = logits.max(-1)
            found.append((token, best - total))
        tokens, log_probabilities = zip(*found, strict=True)
        return torch.cat(tokens), torch.cat(log_probabilities)

    def read(self, tokens_MW: Tensor, start_M: Tensor) -> tuple[Tensor, Tensor]:
        """Reads tokens (-1 behind them) from each answer's ``start`` on; states [X, D] behind each; which are real."""
        real_MW = tokens_MW >= 0
        real_MW = real_MW[:, : int(real_MW.sum(1).max())]
        tokens_MW = tokens_MW[:, : real_MW.shape[1]]
        place_MW = self._batch.decoder_ids.shape[1] + start_M[:, None] + _columns(tokens_MW)
        return self._reader.read(self._model.embedding(tokens_MW.clamp(min=0)), real_MW, place_MW), real_MW

    def forget(self, wrong_MW: Tensor) -> None:
        """Takes back some of the tokens that were read last."""
        self._reader.real_MK[:, -wrong_MW.shape[1] :] &= ~wrong_MW

    def add(self, tokens_MW: Tensor, log_probability_M: Tensor) -> None:
        """Adds tokens that have been decided, padded with -1."""
        decided_MW = tokens_MW >= 0
        place_MW = self.lengths()[:, None] + _columns(tokens_MW)
        row_MW = self.going_M[:, None].expand_as(tokens_MW)
        self.tokens_NA[row_MW[decided_MW], place_MW[decided_MW]] = tokens_MW[decided_MW]
        self._length_N[self.going_M] += decided_MW.sum(1)
        self.log_probability_N[self.going_M] += log_probability_M

    def keep(self, kept: Tensor) -> None:
        """Keeps only some of the answers."""
        if len(kept) < len(self.going_M):
            self.going_M = self.going_M[kept]
            self._reader.keep(kept)


def _columns(x_MW: Tensor) -> Tensor:
    return torch.arange(x_MW.shape[1], device=x_MW.device)
