"""Products of the shards as training items."""

import zlib
from typing import Any

from moemoe.model.collate import Item, one_of_each
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.loader import decode_image
from moemoe.training.negatives import with_negatives


def item_of(dataset: ShardedDataset, row: int, config: Any, seed: int, draw: int, negatives: float = 0.0) -> Item:
    """A product with all its questions, as a system with ``config`` reads it.

    Of several gold values the target is one, another in every ``draw``, by ``seed``. ``negatives``: the share of
    products that are also asked what has no answer.
    """
    product = with_negatives(dataset[row], dataset.not_applicable, negatives, f"{seed}:{draw}:{row}")
    answers = [
        values[zlib.crc32(f"{seed}:{draw}:{row}:{attribute}".encode()) % len(values)]
        for attribute, values in product.values.items()
    ]
    picture = None
    if product.image is not None and "image" in config.sources:
        picture = decode_image(product.image, config.image.size)
    return Item(one_of_each(config.sources, picture, product.context), list(product.values), answers)


def training_values(dataset: ShardedDataset) -> dict[str, list[str]]:
    """Each attribute's values in the training split, in the order of the alphabet."""
    found: dict[str, set[str]] = {}
    for label in dataset.labels.select(["split", "attribute", "values"]).to_pylist():
        if label["split"] == "train":
            found.setdefault(label["attribute"], set()).update(label["values"])
    return {attribute: sorted(values) for attribute, values in sorted(found.items())}
