"""A backfill with a predictor of known answers, on a small catalog with every kind of row."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import data_contracts
from moemoe.inference.attribute_model import AttributeModel
from moemoe.inference.backfill import backfill_partitions, start_backfill
from moemoe.inference.thresholds import Thresholds
from moemoe.model.outputs import Answer
from moemoe.schemas import CATALOG
from tests.support.small_shards import draw_image

CELLS = {"color": {"plain": 0.5, "guarded": 0.9}, "material": {"plain": None, "guarded": None}}
CELLS |= {"pattern type": {"plain": 0.0, "guarded": 0.0}}


class Oracle:
    """Answers Red to color with the confidence that the title ends with; what else it says is no value or unsure."""

    sources = ("image", "text")

    def __init__(self):
        self.asked = 0

    def answer(self, questions):
        self.asked += len(questions)
        return [[self._one(question, name) for name in question.attributes] for question in questions]

    def _one(self, question, name):
        if name == "pattern type":
            return Answer("no value of the contract", 1.0, 0.0, 1.0)
        confidence = float(question.context.rsplit(" ", 1)[1])
        return Answer("Red" if name == "color" else "Cotton", confidence, float(question.image is not None), 0.0)


def known_model() -> AttributeModel:
    return AttributeModel(Oracle(), data_contracts.load("30pt"), Thresholds({"shirt": CELLS}))


def row(product_id, confidence, labels=(), image=None, product_type="Tshirts", title="Shirt"):
    return {
        "product_id": product_id,
        "product_type": product_type,
        "title": title and f"{title} {confidence}",
        "attributes": list(labels),
        "image": image and {"bytes": image},
    }


ROWS = [
    row("filled", 0.8, image=draw_image((200, 0, 0))),
    row("unsure", 0.4),
    row("agrees", 0.8, [("baseColour", "RED ")]),
    row("contradicts", 0.8, [("baseColour", "Blue")]),
    row("unsure of a label", 0.4, [("baseColour", "Blue")]),
    row("missing marker", 0.8, [("baseColour", "NA")]),
    row("unreadable label", 0.8, [("baseColour", "xyzzy")]),
    row("second key", 0.8, [("baseColour", "xyzzy"), ("color", "red")]),
    row("broken image", 0.8, image=b"no image"),
    row("unknown type", 0.8, product_type="Sofa"),
    row(None, 0.8),
    row("no text", 0.8, title=None),
]


def partition(folder: Path, rows=ROWS, name="part.parquet") -> str:
    path = folder / name
    pq.write_table(pa.Table.from_pylist(rows, CATALOG), path)
    return str(path)


def run(model, folder, partitions, kind="plain", allow_private_hosts=False):
    job = start_backfill("moemoe-test/3", kind, str(folder), partitions, allow_private_hosts=allow_private_hosts)
    return job, backfill_partitions(lambda: model, partitions, job)
