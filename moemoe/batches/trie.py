"""Restricts answers to an attribute's values by a trie of their tokens; one table holds the tries of all attributes.

At every step the most likely token among the trie's continuations is chosen, and probabilities are normalized over
these continuations. So the product over the steps is a distribution over the attribute's values: it sums to 1 over the
trie's leaves.

Why a trie and not the exact score of every value: it costs no more than free decoding, whatever the number of values
(an open contract has hundreds for some attributes), in the same batched, cached, fixed-shape loop. Greedy search can
miss the most likely value if several begin alike; with short values that differ in their first token, it does not.

``Drafts`` uses the same trie for free answers, to guess their tokens instead of restricting them.

Shapes: S states of the trie, C most continuations of a state, W longest chain of states with one continuation, E edges,
N examples, V vocabulary.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

NO_VALUE = ("",)
#: Larger than any token id.
STATE = 2**32
#: Drafted tokens read at once: few values are longer, and all answers pay for the attention of the longest draft.
DRAFTED = 2


@dataclass(frozen=True)
class Trie:
    """Args:
    tokens_SC: the tokens that may follow each state, padded with -1.
    next_SC: the state that each of them leads to; a state after the end token is a leaf and leads to itself.
    chain_SW: the tokens after each state up to the next choice or leaf, padded with -1; ``after_S``: the state there;
        ``leaf_S``: whether that is a leaf.
    roots: attribute -> its first state.
    values: leaf -> the value it stands for.
    """

    tokens_SC: Tensor
    next_SC: Tensor
    chain_SW: Tensor
    after_S: Tensor
    leaf_S: Tensor
    roots: Mapping[str, int]
    values: Mapping[int, str]

    @classmethod
    def of(cls, values: Mapping[str, Sequence[str]], tokens_of: Callable[[str], list[int]], end_id: int = 1) -> "Trie":
        """The trie of each attribute's values; ``tokens_of`` gives a value's tokens with the end token.

        The only answer of an attribute without values is the empty one. Of two values with the same tokens (truncated
        at the model's answer length) the first counts.
        """
        states, roots, leaves = _states(values, tokens_of)
        chains, after = _chains(states)
        for leaf in leaves:
            states[leaf] = {end_id: leaf}
        width = max(map(len, states), default=1)
        tokens = torch.full((len(states), width), -1)
        following = torch.zeros((len(states), width), dtype=torch.int64)
        for state, onward in enumerate(states):
            tokens[state, : len(onward)] = torch.tensor(list(onward), dtype=torch.int64)
            following[state, : len(onward)] = torch.tensor(list(onward.values()), dtype=torch.int64)
        leaf_S = torch.tensor([state in leaves for state in after], dtype=torch.bool)
        return cls(tokens, following, _table(chains), torch.tensor(after, dtype=torch.int64), leaf_S, roots, leaves)

    def to(self, device: torch.device) -> "Trie":
        """The trie with its tables on ``device``."""
        tables = ("tokens_SC", "next_SC", "chain_SW", "after_S", "leaf_S")
        return replace(self, **{name: getattr(self, name).to(device) for name in tables})

    def choose(
        self, logits_NV: Tensor, state_N: Tensor, goes_on_N: Tensor | None = None, end_id: int = 1
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The most likely continuation, its log-probability among all continuations, and the next state; each [N].

        Where ``goes_on_N`` is true, the end token is chosen only if there is no other.
        """
        tokens_NC = self.tokens_SC[state_N]
        allowed = tokens_NC >= 0
        logits_NC = logits_NV.gather(1, tokens_NC.clamp(min=0)).masked_fill(~allowed, -torch.inf)
        log_probability_NC = logits_NC.log_softmax(-1)
        if goes_on_N is not None:
            ends_NC = allowed & (tokens_NC == end_id)
            barred_NC = ends_NC & goes_on_N[:, None] & (allowed & ~ends_NC).any(1, keepdim=True)
            log_probability_NC = log_probability_NC.masked_fill(barred_NC, -torch.inf)
        log_probability, choice = log_probability_NC.max(-1)
        pick = choice[:, None]
        return tokens_NC.gather(1, pick)[:, 0], log_probability, self.next_SC[state_N].gather(1, pick)[:, 0]


@dataclass(frozen=True)
class Drafts:
    """Likely continuations of answers: a token that all known values share next is read before it has been chosen.

    Args:
        edges_E: state * STATE + token, ascending; ``next_E``: the state that each edge leads to.
        chain_SW: as in ``Trie``, without end tokens; ``after_S``: the state after them. The last row is for state -1,
            of an answer that is the beginning of no value.
        roots: attribute -> its first state.
    """

    edges_E: Tensor
    next_E: Tensor
    chain_SW: Tensor
    after_S: Tensor
    roots: Mapping[str, int]

    @classmethod
    def of(
        cls, values: Mapping[str, Sequence[str]], tokens_of: Callable[[str], list[int]], end_id: int = 1
    ) -> "Drafts":
        """The drafts from each attribute's values; ``tokens_of`` gives a value's tokens with the end token."""
        states, roots, _ = _states(values, tokens_of)
        edges = sorted(
            (state * STATE + token, to) for state, onward in enumerate(states) for token, to in onward.items()
        )
        edges_E, next_E = torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).T.contiguous()
        chains, after = _chains(states, end_id, DRAFTED)
        return cls(edges_E, next_E, _table([*chains, []]), torch.tensor([*after, -1]), roots)

    def to(self, device: torch.device) -> "Drafts":
        """The drafts with their tables on ``device``."""
        tables = ("edges_E", "next_E", "chain_SW", "after_S")
        return replace(self, **{name: getattr(self, name).to(device) for name in tables})

    def follow(self, state_N: Tensor, token_N: Tensor) -> Tensor:
        """The states after a token, -1 if no value continues with it."""
        if not len(self.edges_E):
            return torch.full_like(state_N, -1)
        edge_N = state_N * STATE + token_N
        place_N = torch.searchsorted(self.edges_E, edge_N).clamp(max=len(self.edges_E) - 1)
        return torch.where((self.edges_E[place_N] == edge_N) & (state_N >= 0), self.next_E[place_N], -1)


def _states(
    values: Mapping[str, Sequence[str]], tokens_of: Callable[[str], list[int]]
) -> tuple[list[dict[int, int]], dict[str, int], dict[int, str]]:
    """Each state's tokens with their next states, each attribute's first state, and the leaves' values."""
    states: list[dict[int, int]] = []
    leaves: dict[int, str] = {}

    def new_state() -> int:
        states.append({})
        return len(states) - 1

    roots = {}
    for attribute, names in values.items():
        roots[attribute] = new_state()
        for name in names or NO_VALUE:
            state = roots[attribute]
            for token in tokens_of(name):
                if token not in states[state]:
                    states[state][token] = new_state()
                state = states[state][token]
            leaves.setdefault(state, name)
    return states, roots, leaves


def _chains(
    states: Sequence[Mapping[int, int]], end_id: int | None = None, longest: int | None = None
) -> tuple[list[list[int]], list[int]]:
    """The only continuation of each state, up to a choice, a leaf, or an ``end_id``, and the state after it."""
    chains, after = [], []
    for state in range(len(states)):
        chain: list[int] = []
        while len(states[state]) == 1 and end_id not in states[state] and len(chain) != longest:
            [(token, state)] = states[state].items()
            chain.append(token)
        chains.append(chain)
        after.append(state)
    return chains, after


def _table(rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows of tokens, padded with -1."""
    table = torch.full((len(rows), max(map(len, rows), default=0)), -1)
    for index, row in enumerate(rows):
        table[index, : len(row)] = torch.tensor(row, dtype=torch.int64)
    return table
