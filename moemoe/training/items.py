"""Products of the shards as training items."""

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from moemoe.batches.collate import ImageSlot, ModelInput, item_sources
from moemoe.batches.tokenizer import ENCODER_TOKENIZER
from moemoe.recipes.settings import Training
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.decode import ImageReader
from moemoe.shards.image_features import ImageFeatures
from moemoe.shards.tokens import Tokens
from moemoe.sources import IMAGE, TEXT, image_index, images_read, kind_of
from moemoe.training.negatives import with_negatives
from moemoe.training.preparation import Preparation
from moemoe.training.source_dropout import hidden_in


def item_of(
    dataset: ShardedDataset,
    row: int,
    config: Any,
    seed: int,
    draw: int,
    images: ImageReader,
    slots: Sequence[ImageSlot],
    tokens: Mapping[str, Tokens] | None = None,
    training: Training | None = None,
    features: Sequence[np.ndarray | None] | None = None,
    second: bool = False,
) -> ModelInput:
    """A product with all its questions, as a system with ``config`` reads it.

    Of several gold values the target is one, another in every ``draw``, by ``seed``. Each image is decoded into its
    slot unless its ``features`` are known; a text of a source that ``tokens`` has is not cut again. ``training`` says
    what is hidden of products (all images, all texts, or of the texts what is not the title), and which are also asked
    what has no answer; None hides nothing. ``second`` asks for the ``second_view`` of ``training``, which has no
    negatives.
    """
    key = f"{seed}:{draw}:{row}"
    negatives = training.negatives if training is not None and not second else 0.0
    never = dataset.not_applicable.get(dataset.product_type(row), ()) if negatives else ()
    values, blanked = with_negatives(dataset.values(row), never, negatives, key)
    data = [dataset.image(row, number) for number in range(images_read(config.sources))]
    hidden: str | None = None
    if blanked:
        data = [None] * len(data)
    elif training is not None:
        hidden = hidden_in(training, key, any(one is not None for one in data), second)
        if hidden == IMAGE:
            data = [None] * len(data)

    def image(number: int) -> ImageSlot | np.ndarray | None:
        if data[number] is not None and features is not None and features[number] is not None:
            return features[number]
        slot = slots[number]
        there = images.read(data[number], partial(dataset.product_id, row), slot.pixels_BHWC[slot.index], number)
        return slot if there else None

    def source(name: str) -> str | np.ndarray | ImageSlot | None:
        if kind_of(name) == IMAGE:
            return image(image_index(name))
        if blanked or hidden == TEXT:
            return "" if name == TEXT else None
        return _text(dataset, row, name, tokens, title_alone=hidden == "description")

    answers = [
        given[zlib.crc32(f"{seed}:{draw}:{row}:{attribute}".encode()) % len(given)]
        for attribute, given in values.items()
    ]
    return ModelInput(item_sources(config.sources, source), list(values), answers)


def with_less_text(
    dataset: ShardedDataset, row: int, item: ModelInput, sources: Sequence[str], title: bool
) -> ModelInput:
    """The product at ``row`` as in ``item``, but with only its title as text, or no text.

    Args:
        sources: the names of the item's.
        title: whether the title is shown.
    """
    given = dict(zip(sources, item.sources, strict=True))
    text = dataset[row].text

    def source(name: str) -> Any:
        return given[name] if kind_of(name) == IMAGE else text.of_source(name, title_alone=True) if title else None

    return replace(item, sources=item_sources(sources, source))


def _text(
    dataset: ShardedDataset, row: int, name: str, tokens: Mapping[str, Tokens] | None, title_alone: bool
) -> str | np.ndarray | None:
    if tokens is None or title_alone:
        return dataset[row].text.of_source(name, title_alone)
    ids = tokens[name][row]
    return ids if len(ids) else None


def tokenize_texts(
    dataset: ShardedDataset, collator: Any, tokenizer: Path, preparation: Preparation
) -> dict[str, Tokens]:
    """The texts of each text source as token ids; each rank cuts its part of those that no earlier run has cut.

    Args:
        tokenizer: the folder that ``collator`` has its tokenizers from.
    """
    reads = tokenizer / ENCODER_TOKENIZER  # a text encoder's own cuts its contexts
    files = sorted((reads if reads.is_dir() else tokenizer).iterdir())
    content = b"".join(file.read_bytes() for file in files if file.is_file())
    made_by = f"{hashlib.sha256(content).hexdigest()} {collator.config.context_length}"
    names = [name for name in collator.config.sources if kind_of(name) == TEXT]
    tokens = {name: Tokens(dataset, collator.encode, made_by, name) for name in names}
    for own in tokens.values():
        own.write(preparation.own("tokens", range(len(dataset.manifest.shards))))
    return tokens


def kept_features(dataset: ShardedDataset, model: Any) -> ImageFeatures | None:
    """The cached features of a dataset's images for ``model``; None if it has no features to cache."""
    encoder = getattr(model, "image_encoder", None)
    if encoder is None or not encoder.has_features:
        return None
    return ImageFeatures(dataset, encoder, images=images_read(model.config.sources))


def compute_image_features(dataset: ShardedDataset, model: Any, preparation: Preparation) -> ImageFeatures | None:
    """The features of all images that fit on disk; each rank computes its part of those that no earlier run has.

    None for a system that has no features to cache.
    """
    features = kept_features(dataset, model)
    if features is None:
        return None
    if preparation.rank == 0:
        features.make_room()
    features.write(preparation.own("image features", features.fitting()))
    return features


def image_buffer(config: Any, products: int) -> np.ndarray:
    """Room for all images of some products that a system reads, uint8 [I, B, H, W, 3]."""
    size = image_size(config)
    return np.empty((images_read(config.sources), products, size, size, 3), np.uint8)


def slots_of(pixels_IBHWC: np.ndarray, index: int) -> list[ImageSlot]:
    """The slots of one product's images in a buffer."""
    return [ImageSlot(pixels_BHWC, index) for pixels_BHWC in pixels_IBHWC]


def image_size(config: Any) -> int:
    """The side in pixels of a system's images; 0 if it reads none."""
    return config.image.size if "image" in config.sources else 0


def training_values(dataset: ShardedDataset) -> dict[str, list[str]]:
    """Each attribute's values in the training split, in the order of the alphabet."""
    return {attribute: sorted(values) for attribute, values in sorted(dataset.value_counts("train").items())}
