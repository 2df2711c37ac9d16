"""Products of the shards as training items."""

import hashlib
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from moemoe.batches.collate import ImageSlot, Item, one_of_each
from moemoe.batches.tokenizer import ENCODER_TOKENIZER
from moemoe.recipes.settings import Training
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.decode import ImageReader
from moemoe.shards.image_features import ImageFeatures
from moemoe.shards.tokens import Tokens
from moemoe.training.negatives import with_negatives
from moemoe.training.source_dropout import hidden_in


def item_of(
    dataset: ShardedDataset,
    row: int,
    config: Any,
    seed: int,
    draw: int,
    images: ImageReader,
    slot: ImageSlot,
    tokens: Tokens | None = None,
    training: Training | None = None,
    features: np.ndarray | None = None,
    second: bool = False,
) -> Item:
    """A product with all its questions, as a system with ``config`` reads it.

    Of several gold values the target is one, another in every ``draw``, by ``seed``. The image is decoded into
    ``slot`` unless its ``features`` are known; a text that ``tokens`` knows is not cut again. ``training`` says what is
    hidden of products, and which are also asked what has no answer; None hides nothing. ``second`` asks for the
    ``second_view`` of ``training``, which has no negatives.
    """
    key = f"{seed}:{draw}:{row}"
    negatives = training.negatives if training is not None and not second else 0.0
    never = dataset.not_applicable.get(dataset.product_type(row), ()) if negatives else ()
    values, blanked = with_negatives(dataset.values(row), never, negatives, key)
    data: memoryview | None = None
    text: str | np.ndarray = ""
    if not blanked:
        data = dataset.image(row)
        hidden = hidden_in(training, key, data is not None, second) if training is not None else None
        if hidden == "image":
            data = None
        if hidden != "text":
            text = _text(dataset, row, tokens, title_alone=hidden == "description")
    answers = [
        given[zlib.crc32(f"{seed}:{draw}:{row}:{attribute}".encode()) % len(given)]
        for attribute, given in values.items()
    ]
    image: ImageSlot | np.ndarray | None = features if data is not None else None
    if image is None and "image" in config.sources:
        there = images.read(data, partial(dataset.product_id, row), slot.pixels_BHWC[slot.index])
        image = slot if there else None
    return Item(one_of_each(config.sources, image, text), list(values), answers)


def _text(dataset: ShardedDataset, row: int, tokens: Tokens | None, title_alone: bool) -> str | np.ndarray:
    if tokens is not None and not title_alone:
        return tokens[row]
    product = dataset[row]
    return product.title_context if title_alone else product.context


def cut_contexts(dataset: ShardedDataset, collator: Any, tokenizer: Path, rank: int, world_size: int) -> Tokens:
    """The contexts as token ids; each rank cuts its part of those that no earlier run has cut.

    Args:
        tokenizer: the folder that ``collator`` has its tokenizers from.
    """
    reads = tokenizer / ENCODER_TOKENIZER  # a text encoder's own cuts its contexts
    files = sorted((reads if reads.is_dir() else tokenizer).iterdir())
    content = b"".join(file.read_bytes() for file in files if file.is_file())
    tokens = Tokens(dataset, collator.encode, f"{hashlib.sha256(content).hexdigest()} {collator.config.context_length}")
    shards = range(rank, len(dataset.manifest.shards), world_size)
    tokens.write(tqdm(shards, desc="tokens", unit="shard", disable=None if rank == 0 else True))
    return tokens


def kept_features(dataset: ShardedDataset, model: Any) -> ImageFeatures | None:
    """What is kept of a dataset's images for ``model``; None for a system that has no frozen image encoder."""
    encoder = getattr(model, "image_encoder", None)
    return ImageFeatures(dataset, encoder) if encoder is not None and encoder.frozen else None


def compute_image_features(dataset: ShardedDataset, model: Any, rank: int, world_size: int) -> ImageFeatures | None:
    """The features of all images that fit on disk; each rank computes its part of those that no earlier run has.

    None for a system that has no frozen image encoder.
    """
    features = kept_features(dataset, model)
    if features is None:
        return None
    if rank == 0:
        features.make_room()
    shards = features.fitting()[rank::world_size]
    features.write(tqdm(shards, desc="image features", unit="shard", disable=None if rank == 0 else True))
    return features


def image_buffer(config: Any, products: int) -> np.ndarray:
    """Room for the images of some products, uint8 [B, H, W, 3]."""
    return np.empty((products, image_size(config), image_size(config), 3), np.uint8)


def image_size(config: Any) -> int:
    """Pixels a side of what a system sees; 0 where it sees no image."""
    return config.image.size if "image" in config.sources else 0


def training_values(dataset: ShardedDataset) -> dict[str, list[str]]:
    """Each attribute's values in the training split, in the order of the alphabet."""
    return {attribute: sorted(values) for attribute, values in sorted(dataset.value_counts("train").items())}
