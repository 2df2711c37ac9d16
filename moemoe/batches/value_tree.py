"""An attribute's values as the tree of tokens that tells them apart (see ``moemoe.model.value_distribution``).

Shapes: J tree nodes, C values, E edges at nodes with a choice, N examples.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ValueTree:
    """The tokens that the decoder must read to tell an attribute's values apart.

    Args:
        tokens_J: the nodes' tokens; a node comes after its parent.
        parent_J: each node's parent; -1 is the start token.
        depth_J: each node's depth, 1 directly after the start token.
        node_E: the node at which an edge is chosen; -1 is the start token.
        token_E: the edge's token.
        on_path_CE: whether an edge is on a value's path.
        first_C: false for a value with the same tokens as an earlier value; its probability is 0.
    """

    tokens_J: Tensor
    parent_J: list[int]
    depth_J: Tensor
    node_E: Tensor
    token_E: Tensor
    on_path_CE: Tensor
    first_C: Tensor

    @classmethod
    def of(cls, values: Sequence[str], tokens_of: Callable[[str], list[int]]) -> "ValueTree":
        """The tree of ``values``; ``tokens_of`` gives a value's tokens with the end token."""
        sequences = [tuple(tokens_of(value)) for value in values]
        onward: dict[tuple[int, ...], dict[int, None]] = {}  # prefix -> its continuations, in order
        for sequence in sequences:
            for length in range(len(sequence)):
                onward.setdefault(sequence[:length], {})[sequence[length]] = None
        choices = [prefix for prefix, tokens in onward.items() if len(tokens) > 1]
        nodes = sorted({prefix[:length] for prefix in choices for length in range(1, len(prefix) + 1)}, key=_by_length)
        index = {(): -1} | {node: number for number, node in enumerate(nodes)}
        edges = [(prefix, token) for prefix in choices for token in onward[prefix]]
        on_path = [[s[: len(p) + 1] == (*p, token) for p, token in edges] for s in sequences]
        return cls(
            torch.tensor([node[-1] for node in nodes], dtype=torch.int64),
            [index[node[:-1]] for node in nodes],
            torch.tensor([len(node) for node in nodes], dtype=torch.int64),
            torch.tensor([index[prefix] for prefix, _ in edges], dtype=torch.int64),
            torch.tensor([token for _, token in edges], dtype=torch.int64),
            torch.tensor(on_path, dtype=torch.float64).reshape(len(sequences), len(edges)),
            torch.tensor([sequence not in sequences[:c] for c, sequence in enumerate(sequences)]),
        )

    def probabilities(self, logits_NE: Tensor) -> Tensor:
        """Each value's probability, float64 [N, C]; ``logits_NE`` are those of every edge's token, after its node."""
        steps_NE = logits_NE.double()
        for node in self.node_E.unique():
            of_node = self.node_E == node
            steps_NE[:, of_node] = steps_NE[:, of_node].log_softmax(-1)
        return (steps_NE @ self.on_path_CE.T).exp() * self.first_C


def _by_length(prefix: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    return len(prefix), prefix
