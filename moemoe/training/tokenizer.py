"""The tokenizer of a run: trained on the training split's texts and values, or the pretrained model's own."""

from collections.abc import Iterator
from pathlib import Path

from transformers import AutoTokenizer

from moemoe.model.tokenizer import train_tokenizer
from moemoe.recipes import Recipe
from moemoe.shards.dataset import ShardedDataset


def make_tokenizer(recipe: Recipe, dataset: ShardedDataset, folder: str | Path) -> None:
    """Saves the run's tokenizer into ``folder``."""
    pretrained = recipe.model["text"].get("pretrained")
    if pretrained is not None:
        AutoTokenizer.from_pretrained(pretrained).save_pretrained(folder)
    else:
        train_tokenizer(_texts(dataset), recipe.model["text"]["vocab_size"]).save_pretrained(folder)


def _texts(dataset: ShardedDataset) -> Iterator[str]:
    for row in dataset.rows("train"):
        product = dataset[row]
        yield product.context
        for attribute, values in product.values.items():
            yield attribute
            yield from values
