"""A small model that answers, and a table of its answers for a split."""

from collections.abc import Iterable

import pyarrow as pa
import torch

from moemoe.batches.collate import Collator
from moemoe.batches.tokenizer import train_tokenizer
from moemoe.inference.predictor import Predictor
from moemoe.inference.write_predictions import write_predictions
from moemoe.model.moemoe import MoEMoE
from moemoe.schemas import (
    PREDICTIONS,
)
from moemoe.shards.dataset import ShardedDataset
from moemoe.table_parts import ListedParts
from tests.support.small_model import tiny_config


def small_model(kind: type[Predictor] = Predictor, **changes) -> Predictor:
    torch.manual_seed(0)
    tokenizer = train_tokenizer(["Brand Cotton Silk Wool shirt color material Red Blue Green"] * 9, 300)
    text = tiny_config().text
    config = tiny_config(text=type(text)(**{**vars(text), "vocab_size": len(tokenizer)}), **changes)
    return kind(MoEMoE.create(config), Collator(tokenizer, config))


def table_of(parts: Iterable[pa.Table]) -> pa.Table:
    return pa.concat_tables([PREDICTIONS.empty_table(), *parts])


def written(predictor: Predictor, dataset: ShardedDataset, contract, folder) -> pa.Table:
    """All predictions, as the evaluate step keeps them."""
    kept = ListedParts(str(folder / "kept"), PREDICTIONS)
    write_predictions(predictor, dataset, contract, kept, str(folder / "scratch"))
    return kept.read()
