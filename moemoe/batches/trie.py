"""Answers restricted to an attribute's values: a trie of their tokens, all attributes in one table.

At every step the next token is the likeliest among those that lead on to a value, and its probability is taken among
them. The product over the steps is a distribution over the attribute's values: it sums to 1 over the trie's leaves.

Why a trie and not the exact score of every value: it costs what free decoding costs, whatever the number of values (an
open contract has hundreds of values for some attributes), in the same batched, cached, fixed-shape loop. Greedy search
can miss the likeliest value where two begin alike; with short values that differ in their first token, it does not.

Shapes: S states of the trie, C most tokens that lead on from one, N examples, V vocabulary.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

NOTHING = ("",)


@dataclass(frozen=True)
class Trie:
    """Args:
    tokens_SC: what leads on from each state, -1 where there is nothing more.
    next_SC: where to; a state after the end token is a leaf and leads to itself.
    roots: attribute -> its first state.
    values: leaf -> the value it stands for.
    """

    tokens_SC: Tensor
    next_SC: Tensor
    roots: Mapping[str, int]
    values: Mapping[int, str]

    @classmethod
    def of(cls, values: Mapping[str, Sequence[str]], tokens_of: Callable[[str], list[int]], end_id: int = 1) -> "Trie":
        """The trie of each attribute's values; ``tokens_of`` gives a value's tokens with the end token.

        An attribute without values can be answered with nothing alone. Of two values with the same tokens (cut at the
        model's answer length) the first counts.
        """
        states: list[dict[int, int]] = []
        leaves: dict[int, str] = {}

        def new_state() -> int:
            states.append({})
            return len(states) - 1

        roots = {}
        for attribute, names in values.items():
            roots[attribute] = new_state()
            for name in names or NOTHING:
                state = roots[attribute]
                for token in tokens_of(name):
                    if token not in states[state]:
                        states[state][token] = new_state()
                    state = states[state][token]
                leaves.setdefault(state, name)
        for leaf in leaves:
            states[leaf] = {end_id: leaf}
        width = max(map(len, states), default=1)
        tokens = torch.full((len(states), width), -1)
        following = torch.zeros((len(states), width), dtype=torch.int64)
        for state, onward in enumerate(states):
            tokens[state, : len(onward)] = torch.tensor(list(onward), dtype=torch.int64)
            following[state, : len(onward)] = torch.tensor(list(onward.values()), dtype=torch.int64)
        return cls(tokens, following, roots, leaves)

    def to(self, device: torch.device) -> "Trie":
        """The trie with its tables on ``device``."""
        return Trie(self.tokens_SC.to(device), self.next_SC.to(device), self.roots, self.values)

    def choose(self, logits_NV: Tensor, state_N: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The likeliest token that leads on, its log-probability among those that do, the next state; each [N]."""
        tokens_NC = self.tokens_SC[state_N]
        allowed = tokens_NC >= 0
        logits_NC = logits_NV.gather(1, tokens_NC.clamp(min=0)).masked_fill(~allowed, -torch.inf)
        log_probability, choice = logits_NC.log_softmax(-1).max(-1)
        pick = choice[:, None]
        return tokens_NC.gather(1, pick)[:, 0], log_probability, self.next_SC[state_N].gather(1, pick)[:, 0]
