"""Trains or fits a recipe on the small shards (the colour is in the image, the material in the title), in process."""

import json
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

from moemoe.inference.predictor import Answer, Predictor, ProductQuery
from moemoe.recipes import Recipe
from moemoe.shards.dataset import ShardedDataset
from moemoe.training.events import read_events
from moemoe.training.job import TrainingJob
from moemoe.training.run import main


def make(manifest: str, folder: Path, recipe: Recipe, seed: int = 1) -> Predictor:
    """The recipe's system as the flow makes it, loaded from the folder that it leaves."""
    job = TrainingJob(manifest, str(folder / "run"), str(folder / "scratch"), recipe.to_dict(), seed)
    Path(job.scratch).mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps(asdict(job)))
    assert main(str(folder / "job.json")) == 0
    events = read_events(folder / "run" / "events.jsonl")
    assert {"epoch"} <= {event["event"] for event in events}
    assert not list((folder / "run").rglob("*.pkl"))
    return Predictor.load(folder / "run" / "model")


def answers(predictor: Predictor, dataset: ShardedDataset, split: str = "test", text: bool = True, image: bool = True):
    """(attribute, gold, answer) of a split's labels, with text or image blanked."""
    products = [dataset[row] for row in dataset.rows(split)]
    questions = [ProductQuery(p.context if text else "", p.image if image else None, list(p.values)) for p in products]
    found: list[tuple[str, list[str], Answer]] = []
    for product, given in zip(products, predictor.answer(questions), strict=True):
        found += [(name, gold, answer) for (name, gold), answer in zip(product.values.items(), given, strict=True)]
    return found


def accuracy(found) -> dict[str, float]:
    right = defaultdict(list)
    for attribute, gold, answer in found:
        right[attribute].append(answer.value in gold)
    return {attribute: sum(r) / len(r) for attribute, r in right.items()}
