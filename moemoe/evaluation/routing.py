"""Metrics of what experts learn (section 6.1), from a ROUTING table."""

import math
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

IDLE = 0.01

Load = Mapping[str, np.ndarray]
"""Layer -> share of tokens per expert."""


def load_per_layer(routing: pa.Table) -> Load:
    """Each expert layer's shares over all tokens, [E]."""
    return {layer: shares for (layer, by, _), shares in shares_by_name(routing).items() if by == "all"}


def shares_by_name(routing: pa.Table) -> dict[tuple[str, str, str], np.ndarray]:
    """(layer, by, name) -> shares [E]."""
    found: dict[tuple[str, str, str], dict[int, float]] = defaultdict(dict)
    for row in routing.to_pylist():
        found[row["layer"], row["by"], row["name"]][row["expert"]] = row["share"]
    return {key: np.array([shares[e] for e in sorted(shares)]) for key, shares in found.items()}


def routing_metrics(routing: pa.Table) -> dict[str, float]:
    """Over the expert layers: mean entropy of the load (1: even, 0: one expert does all), how much of it is explained
    by the attribute and by the product type (mutual information / entropy), and the least expert's share.
    """
    load = load_per_layer(routing)
    if not load:
        return {}
    metrics = {
        "routing/entropy": float(np.mean([_entropy(shares) / math.log(len(shares)) for shares in load.values()])),
        "routing/least_expert_share": float(min(shares.min() for shares in load.values())),
        "routing/idle_experts": float(sum((shares < IDLE).sum() for shares in load.values())),
    }
    for by in ("attribute", "product type"):
        if (found := _explained(routing, by)) is not None:
            metrics[f"routing/explained_by_{by.replace(' ', '_')}"] = found
    return metrics


def routing_warnings(routing: pa.Table) -> list[str]:
    """One sentence per expert that gets under 1 % of its layer's tokens."""
    return [
        f"expert {expert} of layer {layer} gets {share:.2%} of the tokens, under {IDLE:.0%}; it hardly learns"
        for layer, shares in load_per_layer(routing).items()
        for expert, share in enumerate(shares)
        if share < IDLE
    ]


def _explained(routing: pa.Table, by: str) -> float | None:
    """The share of the entropy of "which expert" that knowing ``by`` takes away, the mean over layers."""
    found = []
    tokens = {(r["layer"], r["name"]): r["tokens"] for r in routing.to_pylist() if r["by"] == by}
    shares = shares_by_name(routing)
    for layer in load_per_layer(routing):
        names = [name for own, name in tokens if own == layer]
        if not names:
            continue
        weight = np.array([tokens[layer, name] for name in names], dtype=float)
        weight /= weight.sum()
        each = np.stack([shares[layer, by, name] for name in names])
        whole = _entropy(weight @ each)
        within = float(weight @ np.array([_entropy(row) for row in each]))
        found.append((whole - within) / whole if whole > 0 else 0.0)
    return float(np.mean(found)) if found else None


def _entropy(shares: np.ndarray) -> float:
    """In nats."""
    known = shares[shares > 0]
    return float(-(known * np.log(known)).sum())
