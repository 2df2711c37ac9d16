"""Decisions on answers in a backfill: filled, agrees, contradicts, abstained; the values of each product."""

import dataclasses
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import data_contracts
from moemoe.inference.attribute_model import AttributeModel
from moemoe.inference.backfill_report import finish_backfill
from moemoe.inference.catalog_rows import question_of
from moemoe.inference.thresholds import Thresholds
from moemoe.model.outputs import Answer
from moemoe.schemas import BACKFILL, QUARANTINE
from moemoe.storage import read_table
from tests.support.known_answers import CELLS, ROWS, partition, row, run
from tests.support.small_shards import draw_image


def test_a_store_that_the_model_has_never_seen(model, tmp_path):
    """The single value that the text names; one of several at the plain threshold; none named, at the guarded one."""
    titles = {
        "Red Shirt": 0.6,
        "Shirt": 0.8,
        "Plain Shirt": 0.95,
        "Blue Shirt": 0.99,
        "Red and Blue Shirt": 0.6,
        "Blue and Red Shirt": 0.4,
        "Green and Blue Shirt": 0.99,
        "Red": 0.4,
    }
    rows = [row(title, confidence, title=title) for title, confidence in titles.items()]
    rows.append(row("labelled", 0.99, [("baseColour", "Red")], title="Navy Blue Shirt"))
    job, [part] = run(model, tmp_path / "out", [partition(tmp_path, rows)], "unfamiliar")
    values = read_table(f"{job.output}/{part.values}").to_pylist()
    of_color = [r for r in values if r["attribute"] == "color"]  # the model says Red
    assert {r["product_id"]: (r["decision"], r["prediction"], r["confidence"]) for r in of_color} == {
        "Red Shirt": ("filled", "Red", 1),
        "Shirt": ("abstained", "Red", 0.8),
        "Plain Shirt": ("filled", "Red", 0.95),
        "Blue Shirt": ("filled", "Blue", 1),
        "Red and Blue Shirt": ("filled", "Red", 0.6),
        "Blue and Red Shirt": ("abstained", "Red", 0.4),
        "Green and Blue Shirt": ("abstained", "Red", 0.99),
        "Red": ("filled", "Red", 1),
        "labelled": ("contradicts", "Navy Blue", 1),
    }
    _, [plain] = run(model, tmp_path / "out", [partition(tmp_path, rows)])
    assert plain.values != part.values  # a rerun with other thresholds keeps nothing of it


def test_a_value_that_the_text_gives_is_the_texts(model, tmp_path):
    """Where the image says Red and the text Blue, the value of an unfamiliar store is Blue, of the text alone."""
    several = Answer("Red", 0.99, 0.9, 0.1, (0.5, 0.4, 0.06, 0.04)), Answer("Red", 0.99, 1.0, 0.0, (0.5, 0.5, 0.0, 0.0))
    sources = ("image", "image.2", "text.title", "text.description")

    class Viewer:
        def __init__(self, answer, sources):
            self.given, self.sources = answer, sources

    def weighs(answer, sources, title):
        own = dataclasses.replace(model, predictor=Viewer(answer, sources))
        question = question_of({"title": title}, "shirt", [], ["color"])
        judged, _ = own.judge(question, "color", answer, "unfamiliar")
        return judged.image_weight, judged.text_weight, list(judged.by_source(sources).values())

    one = Answer("Red", 0.99, 0.9, 0.1)
    assert weighs(one, ("image", "text"), "Blue Shirt") == (0, 1, [0, 1])
    assert weighs(one, ("image", "text"), "Plain Shirt") == (0.9, 0.1, [0.9, 0.1])
    assert weighs(several[0], sources, "Blue Shirt") == (0, 1, pytest.approx([0, 0, 0.6, 0.4]))
    assert weighs(several[1], sources, "Blue Shirt") == (0, 1, pytest.approx([0, 0, 0.5, 0.5]))


def test_every_decision(model, tmp_path):
    job, [part] = run(model, tmp_path / "out", [partition(tmp_path)])
    values = read_table(f"{job.output}/{part.values}")
    assert values.schema.equals(BACKFILL)
    color = {r["product_id"]: r for r in values.to_pylist() if r["attribute"] == "color"}
    assert {name: (r["decision"], r["raw_label"]) for name, r in color.items()} == {
        "filled": ("filled", None),
        "unsure": ("abstained", None),
        "agrees": ("agrees", "RED "),
        "contradicts": ("contradicts", "Blue"),
        "unsure of a label": ("abstained", "Blue"),
        "missing marker": ("filled", None),
        "unreadable label": ("filled", "xyzzy"),
        "second key": ("agrees", "red"),
        "broken image": ("filled", None),
    }
    assert color["filled"]["image_weight"] == 1
    assert color["broken image"]["image_weight"] == 0
    others = [r["decision"] for r in values.to_pylist() if r["attribute"] != "color"]
    assert set(others) == {"abstained"}  # no threshold; no value of the contract
    assert set(values["model_version"].to_pylist()) == {"moemoe-test/3"}
    quarantine = read_table(f"{job.output}/{part.quarantine}")
    assert quarantine.schema.equals(QUARANTINE)
    assert [(r["product_id"], r["field"]) for r in quarantine.to_pylist()] == [
        ("unknown type", "product_type"), (None, "product_id"), ("no text", "title"), ("broken image", "image"),
    ]  # fmt: skip
    assert (part.rows, part.products, part.quarantined) == (12, 9, 4)


def test_each_source_is_read_and_weighed(tmp_path):
    """Of as many images as the model reads; one that cannot be used is quarantined alone."""

    class Viewer:
        sources = ("image", "image.2", "text.title")

        def answer(self, questions):
            self.seen = [(q.product_id, q.image, list(q.further_images), q.text_of("text.title")) for q in questions]
            return [[Answer("Red", 0.9, 0.75, 0.25, (0.5, 0.25, 0.25)) for _ in q.attributes] for q in questions]

    one, two = draw_image((200, 0, 0)), draw_image((0, 0, 200))
    rows = [
        row("both", 0.8, image=one) | {"images": [{"bytes": two}, {"bytes": b"a third is not looked at"}]},
        row("second is bad", 0.8) | {"images": [{"bytes": one}, {"bytes": b"no image"}]},
        row("neither", 0.8),
    ]
    model = AttributeModel(Viewer(), data_contracts.load("30pt"), Thresholds({"shirt": CELLS}))
    job, [part] = run(model, tmp_path / "out", [partition(tmp_path, rows)])
    assert model.predictor.seen == [
        ("both", one, [two], "shirt | Shirt 0.8"),
        ("second is bad", one, [None], "shirt | Shirt 0.8"),
        ("neither", None, [], "shirt | Shirt 0.8"),
    ]
    [entry] = read_table(f"{job.output}/{part.quarantine}").to_pylist()
    assert (entry["product_id"], entry["field"], entry["reason"]) == (
        "second is bad", "image.2", "image does not decode",
    )  # fmt: skip
    values = read_table(f"{job.output}/{part.values}")
    assert values.schema.equals(BACKFILL)
    assert set(map(tuple, values["source_weights"].to_pylist())) == {
        (("image", 0.5), ("image.2", 0.25), ("text.title", 0.25))
    }


def test_the_contracts_ids_stand_beside_the_names(model, tmp_path):
    color = dataclasses.replace(model.contract.attributes["color"], id="gid/1", value_ids={"Red": "gid/13"})
    contract = dataclasses.replace(model.contract, attributes={**model.contract.attributes, "color": color})
    job, [part] = run(dataclasses.replace(model, contract=contract), tmp_path / "out", [partition(tmp_path, ROWS[:2])])
    values = read_table(f"{job.output}/{part.values}")
    assert {(r["attribute"], r["attribute_id"], r["value_id"]) for r in values.to_pylist()} == {
        ("color", "gid/1", "gid/13"),
        ("material", None, None),
        ("pattern type", None, None),  # an answer that is no value
    }
    assert values.schema.equals(BACKFILL)


class Dresser:
    """Answers questions about each product as it is told, by title, with the same confidence."""

    sources = ("image", "text")

    def __init__(self, said):
        self._said = said

    def answer(self, questions):
        return [self._answers(question.context, question.attributes) for question in questions]

    def _answers(self, context, attributes):
        [said] = [answers for title, answers in self._said.items() if title in context]
        return [Answer(said.get(name, ""), 0.9, 0.5, 0.5) for name in attributes]


def test_a_value_that_would_contradict_a_label_or_another_value_is_not_filled_in(tmp_path):
    """Department Men and an age range of girls: the rule of 30PT."""
    age, department = "age range description", "department"
    girls, men = {age: "Kids-Girls", "color": "Red"}, {department: "Men"}
    said = {
        "both filled": girls | men,
        "against a label": girls | men,
        "label of two": girls,
        "no contradiction": girls | {department: "Girls"},
        "labels alone": {"color": "Red"},
    }
    labels = {
        "against a label": [(department, "Men")],
        "label of two": [(department, "Men, Girls")],
        "labels alone": [(department, "Men"), (age, "Kids-Girls")],
    }
    cells = {name: {"plain": 0.5, "guarded": None} for name in (age, department, "color")}
    thresholds = Thresholds({"shirt": cells}, {("shirt", age): {"plain": 12}, ("shirt", "color"): {"guarded": 50}})
    model = AttributeModel(Dresser(said), data_contracts.load("30pt"), thresholds)
    rows = [row(name, 0.8, labels.get(name, ()), title=name) for name in said]
    job, [part] = run(model, tmp_path / "out", [partition(tmp_path, rows)])
    values = read_table(f"{job.output}/{part.values}")
    assert values.schema.equals(BACKFILL)
    got = {(r["product_id"], r["attribute"]): r["decision"] for r in values.to_pylist()}
    assert {name: (got[name, age], got[name, department], got[name, "color"]) for name in said} == {
        "both filled": ("abstained", "abstained", "filled"),
        "against a label": ("abstained", "agrees", "filled"),
        "label of two": ("filled", "abstained", "filled"),
        "no contradiction": ("filled", "filled", "filled"),
        "labels alone": ("abstained", "abstained", "filled"),
    }
    finished = finish_backfill(job, [part], 600)
    [(rule, number), *_] = finished.blocked.items()
    assert rule.startswith("department Men / Women, never age range description Kids-Boys")
    assert (number, len(finished.blocked), finished.total.blocked) == (3, 1, 3)
    by_attribute = {row.attribute: (row.missing, row.filled, row.blocked) for row in finished.coverage}
    assert by_attribute == {age: (4, 2, 2), department: (2, 1, 1), "color": (5, 5, 0)}
    assert {row.attribute: row.validation_accepted for row in finished.coverage} == {
        age: 12,
        department: None,
        "color": None,
    }
    assert json.loads(Path(finished.manifest).read_text())["blocked"] == finished.blocked
    assert run(model, tmp_path / "out", [partition(tmp_path, rows)])[1] == [part]  # read again from its JSON


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_a_catalog_without_labels(model, tmp_path, kind):
    """Which is what backfill is for."""
    path = tmp_path / f"new.{kind}"
    rows = [{"product_id": f"p{i}", "product_type": "Tshirts", "title": f"Shirt {i / 10}"} for i in (2, 8)]
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif kind == "csv":
        path.write_text("\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows), ""]))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    job, [part] = run(model, tmp_path / "out", [str(path)])
    values = read_table(f"{job.output}/{part.values}").to_pylist()
    assert [r["decision"] for r in values if r["attribute"] == "color"] == ["abstained", "filled"]
    assert {r["raw_label"] for r in values} == {None}
    assert part.quarantined == 0


def test_guarded_thresholds_fill_in_less(model, tmp_path):
    job, [part] = run(model, tmp_path / "out", [partition(tmp_path)], "guarded")
    assert set(read_table(f"{job.output}/{part.values}")["decision"].to_pylist()) == {"abstained"}
