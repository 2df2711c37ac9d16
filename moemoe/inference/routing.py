"""What experts learn (section 6.1): which expert the routers send which questions and product types to.

The test products are read once with their gold answers, as in training but without noise; each token goes to the
expert that its router ranks first. Tokens of the decoder and of the question belong to an attribute, those of the
decoder and of the context to a product type.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from moemoe.batches.batch import Batch
from moemoe.inference.predictor import Predictor, product_question
from moemoe.model.mixture_of_experts import MixtureOfExperts, Router
from moemoe.schemas import ROUTING
from moemoe.shards.dataset import Product, ShardedDataset
from moemoe.sources import TEXT

PRODUCTS = 400
PRODUCTS_AT_ONCE = 32
ALL, ATTRIBUTE, PRODUCT_TYPE = "all", "attribute", "product type"

Owner = tuple[str | None, str | None]
"""A token's attribute and product type; each None if absent."""


@torch.inference_mode()
def routing(predictor: Predictor, dataset: ShardedDataset, products: int = PRODUCTS) -> pa.Table:
    """ROUTING of the first ``products`` test products; empty for a model without experts.

    Of a committee, the routing of its first member with experts.
    """
    for member in getattr(predictor.model, "members", ()):
        own = Predictor(member.system, member.collator)
        own.images = predictor.images  # one quarantine for all
        found = routing(own, dataset, products)
        if found.num_rows:
            return found
    model = predictor.model
    if not isinstance(model, nn.Module) or not any(isinstance(m, MixtureOfExperts) for m in model.modules()):
        return ROUTING.empty_table()
    shares = []
    for (layer, by, name), count in sorted(_tokens_of_experts(model, predictor, dataset, products).items()):
        total = int(count.sum())
        shares += [
            {"layer": layer, "by": by, "name": name, "expert": e, "share": float(n / total), "tokens": total}
            for e, n in enumerate(count.tolist())
        ]
    return pa.Table.from_pylist(shares, ROUTING)


def _tokens_of_experts(
    model: nn.Module, predictor: Predictor, dataset: ShardedDataset, products: int
) -> dict[tuple[str, str, str], np.ndarray]:
    """(layer, by, name) -> the tokens that each expert gets."""
    counts: dict[tuple[str, str, str], np.ndarray] = {}
    rows, features = dataset.rows("test")[:products], predictor.image_features(dataset)
    for start in range(0, len(rows), PRODUCTS_AT_ONCE):
        numbers = rows[start : start + PRODUCTS_AT_ONCE].tolist()
        chunk = [dataset[row] for row in numbers]
        known = [features[row] if features is not None else None for row in numbers]
        asked = [product_question(product, kept) for product, kept in zip(chunk, known, strict=True)]
        items = [
            replace(item, answers=[gold[0] for gold in product.values.values()])
            for item, product in zip(predictor.items(asked), chunk, strict=True)
        ]
        batch = predictor.collator(items)
        owners = _owners(model, batch, chunk)
        with _first_ranked(model) as chosen:
            model(batch.to(predictor.device))
        for layer, (experts, first_T) in chosen.items():
            for key, tokens in _by_owner(owners[layer.split(" ")[0]], first_T):
                owned = (layer, *key)
                counts[owned] = counts.get(owned, 0) + np.bincount(tokens, minlength=experts)
    return counts


def _owners(model: Any, batch: Batch, products: Sequence[Product]) -> dict[str, list[Owner]]:
    """The owner of each non-padding token, in the order of each stack's layers."""
    pairs = [(index, name) for index, product in enumerate(products) for name in product.values]
    attributes = [name for _, name in pairs]
    types = [products[index].product_type for index, _ in pairs]
    examples = batch.decoder_mask.nonzero()[:, 0].tolist()
    owners: dict[str, list[Owner]] = {"decoder": [(attributes[n], types[n]) for n in examples]}
    owners["context"] = []
    for text in (source for source, kind in zip(batch.sources, model.config.kinds, strict=True) if kind == TEXT):
        of_row = dict(zip(text.row_of[batch.product_of].tolist(), types, strict=True))
        owners["context"] += [(None, of_row[row]) for row in text.mask.nonzero()[:, 0].tolist()]
    questions = sorted(set(attributes))
    owners["question"] = [(questions[u], None) for u in batch.question_mask.nonzero()[:, 0].tolist()]
    return owners


def _by_owner(owners: list[Owner], first_T: np.ndarray) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """(by, name) and the experts of the tokens that belong to it."""
    yield (ALL, ALL), first_T
    for by, index in ((ATTRIBUTE, 0), (PRODUCT_TYPE, 1)):
        names = np.array([owner[index] or "" for owner in owners])
        for name in np.unique(names):
            if name:
                yield (by, str(name)), first_T[names == name]


@contextmanager
def _first_ranked(model: Any) -> Iterator[dict[str, tuple[int, np.ndarray]]]:
    """While open, collects for each expert layer its number of experts and each token's top-ranked one.

    The context encoder reads one text source after the other.
    """
    found: dict[str, tuple[int, np.ndarray]] = {}
    handles = []

    def watch(layer: str, router: Router) -> Any:
        def hook(_: nn.Module, __: Any, out: tuple[Tensor, Tensor, Any]) -> None:
            first_T = out[1][:, 0].cpu().numpy()
            before_T = found[layer][1] if layer in found else first_T[:0]
            found[layer] = (router.weight_ED.shape[0], np.concatenate([before_T, first_T]))

        return router.register_forward_hook(hook)

    stacks = {"decoder": model.decoder.stack}
    for name, encoder in zip(("context", "question"), model.text_encoders, strict=False):  # T5's alone have experts
        stacks[name] = encoder.stack
    for name, stack in stacks.items():
        for index, block in enumerate(stack.block):
            for module in block.modules():
                if isinstance(module, MixtureOfExperts):
                    handles.append(watch(f"{name} {index}", module.router))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
