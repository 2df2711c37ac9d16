"""The tokenizer of a run: trained on the training split's texts and values, or the pretrained model's own.

A ``text.encoder`` has a second one, for contexts and questions.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import torch.distributed as dist

from moemoe.batches.tokenizer import ENCODER_TOKENIZER, load_tokenizer, train_tokenizer
from moemoe.recipes import Recipe
from moemoe.shards.dataset import ShardedDataset

#: Of a larger catalog every n-th product's texts make the tokenizer.
MOST_PRODUCTS = 200_000


def make_tokenizer(
    recipe: Recipe, dataset: ShardedDataset, folder: str | Path, warm_start: str | Path | None = None
) -> None:
    """Saves the run's tokenizers into ``folder``: those of the model in ``warm_start``, if there is one."""
    if warm_start is not None:
        load_tokenizer(warm_start).save_pretrained(folder)
    elif recipe.tokenizer == "catalog":
        size = recipe.config.text.vocab_size
        train_tokenizer(_texts(dataset), size).save_pretrained(folder)
    else:
        load_tokenizer(recipe.tokenizer).save_pretrained(folder)
    encoder = recipe.model.get("text", {}).get("encoder")
    if encoder is not None:
        source = encoder if warm_start is None else Path(warm_start) / ENCODER_TOKENIZER
        load_tokenizer(source).save_pretrained(Path(folder) / ENCODER_TOKENIZER)


def share_tokenizer(folder: Path, rank: int, world_size: int) -> None:
    """Waits for rank 0's tokenizer; the first process of every other machine writes a copy into its own ``folder``."""
    if world_size == 1:
        return
    if int(os.environ.get("LOCAL_WORLD_SIZE", world_size)) < world_size:  # rank 0's disk is not everybody's
        files: list[dict[str, bytes] | None] = [None]
        if rank == 0:
            files = [{str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}]
        dist.broadcast_object_list(files)
        if rank != 0 and os.environ["LOCAL_RANK"] == "0":
            for name, data in (files[0] or {}).items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
    dist.barrier()


def _texts(dataset: ShardedDataset) -> Iterator[str]:
    rows = dataset.rows("train")
    for row in rows[:: -(-len(rows) // MOST_PRODUCTS) or 1]:
        product = dataset[row]
        yield product.context
        for attribute, values in product.values.items():
            yield attribute
            yield from values
