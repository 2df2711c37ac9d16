"""Backfill of partitions with a predictor whose answers are known; the real model's turn is in tests/flows."""

import dataclasses
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import data_contracts
from moemoe import storage
from moemoe.errors import CatalogError, StorageError
from moemoe.inference import backfill as module
from moemoe.inference.attribute_model import AttributeModel
from moemoe.inference.backfill import backfill_partitions, start_backfill, task_partitions
from moemoe.inference.backfill_report import finish_backfill
from moemoe.inference.thresholds import Thresholds
from moemoe.model.outputs import Answer
from moemoe.reporting.audit_page import audit_page
from moemoe.schemas import AUDIT, AUDIT_CANDIDATES, BACKFILL, CATALOG, CONTRADICTS, QUARANTINE
from moemoe.storage import read_table
from tests.support.image_server import body, image_server
from tests.support.s3 import s3_bucket
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


@pytest.fixture
def model():
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


def test_a_store_that_the_model_has_never_seen(model, tmp_path):
    """Plain where the text names the value, guarded where it names none, never where it names others alone."""
    titles = {
        "Red Shirt": 0.6,
        "Shirt": 0.8,
        "Plain Shirt": 0.95,
        "Blue Shirt": 0.99,
        "Red and Blue Shirt": 0.6,
        "Red": 0.4,
    }
    rows = [row(title, confidence, title=title) for title, confidence in titles.items()]
    rows.append(row("labelled", 0.99, [("baseColour", "Red")], title="Navy Shirt"))
    job, [part] = run(model, tmp_path / "out", [partition(tmp_path, rows)], "unfamiliar")
    values = read_table(f"{job.output}/{part.values}").to_pylist()
    assert {r["product_id"]: r["decision"] for r in values if r["attribute"] == "color"} == {
        "Red Shirt": "filled",
        "Shirt": "abstained",
        "Plain Shirt": "filled",
        "Blue Shirt": "abstained",
        "Red and Blue Shirt": "filled",
        "Red": "abstained",
        "labelled": "abstained",
    }
    _, [plain] = run(model, tmp_path / "out", [partition(tmp_path, rows)])
    assert plain.values != part.values  # a rerun with other thresholds keeps nothing of it


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


@pytest.mark.parametrize("allowed", [True, False])
def test_images_behind_urls_are_fetched_into_the_output(model, tmp_path, allowed):
    with image_server() as server:
        server.answers["/1.jpg"] = body(draw_image((200, 0, 0)))
        rows = [row(name, 0.8) | {"image": {"path": f"{server.url}/{name}.jpg"}} for name in ("1", "gone")]
        for _ in range(2):
            job, [part] = run(model, tmp_path / "out", [partition(tmp_path, rows)], allow_private_hosts=allowed)
            Path(job.output, "parts", f"{Path(part.values).stem}.json").unlink()  # as if it had been killed there
        assert server.asked == ({"/1.jpg": 1, "/gone.jpg": 1} if allowed else {})
    values = read_table(f"{job.output}/{part.values}").to_pylist()
    weights = {r["product_id"]: r["image_weight"] for r in values if r["attribute"] == "color"}
    assert weights == {"1": float(allowed), "gone": 0.0}
    found = [r["reason"] for r in read_table(f"{job.output}/{part.quarantine}").to_pylist()]
    assert found == (["image URL answers 404"] if allowed else ["image host has a private address"] * 2)


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


def test_a_rerun_skips_what_is_done_and_notices_what_changed(model, tmp_path):
    partitions = [partition(tmp_path, name=f"{i}.parquet", rows=ROWS[i : i + 4]) for i in range(3)]
    _, parts = run(model, tmp_path / "out", partitions)
    asked = model.predictor.asked
    assert run(model, tmp_path / "out", partitions)[1] == parts
    assert model.predictor.asked == asked
    partition(tmp_path, ROWS[:1], "1.parquet")
    again = run(model, tmp_path / "out", partitions)[1]
    assert model.predictor.asked == asked + 1
    assert [a == b for a, b in zip(again, parts, strict=True)] == [True, False, True]


def test_what_is_half_done_is_done_again(model, tmp_path, monkeypatch):
    """Killed while it writes a partition's tables: nothing says that it is done, and the next run does it."""
    source = partition(tmp_path)

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_table", killed)
        with pytest.raises(KeyboardInterrupt):
            run(model, tmp_path / "out", [source])
    assert not list((tmp_path / "out").glob("parts/*"))
    job, [part] = run(model, tmp_path / "out", [source])
    assert read_table(f"{job.output}/{part.values}").num_rows == 27
    assert not [p for p in (tmp_path / "out").rglob("*") if p.name.startswith(".")]


@pytest.fixture
def bucket(monkeypatch):
    with s3_bucket(monkeypatch):
        yield "s3://bucket"


@pytest.mark.parametrize("kind", ["values", "sample", "quarantine"])
def test_a_table_that_is_lost_is_in_no_manifest_and_is_made_again(model, tmp_path, kind):
    job, parts = run(model, tmp_path / "out", [partition(tmp_path)])
    lost = Path(job.output, getattr(parts[0], kind))
    before = read_table(str(lost))
    lost.unlink()
    with pytest.raises(StorageError, match=rf"cannot read .*/{kind}/part-\w+.parquet: .* it is lost. Run the backfill"):
        finish_backfill(job, parts, 10)
    assert not Path(job.output, "manifest.json").exists()
    job, parts = run(model, tmp_path / "out", [partition(tmp_path)])
    finish_backfill(job, parts, 10)
    assert read_table(str(lost)).equals(before)


def test_from_s3_to_s3(model, bucket, tmp_path):
    local = partition(tmp_path)
    storage.publish(local, f"{bucket}/catalog/part.parquet")
    here = run(model, tmp_path / "out", [local])
    there = run(model, f"{bucket}/out", [f"{bucket}/catalog/part.parquet"])
    values = [read_table(f"{job.output}/{part.values}") for job, [part] in (here, there)]
    assert values[0].equals(values[1])
    asked = model.predictor.asked
    assert run(model, f"{bucket}/out", [f"{bucket}/catalog/part.parquet"])[1] == there[1]
    assert model.predictor.asked == asked
    assert finish_backfill(there[0], there[1], 600).audit.page.startswith("s3://bucket/out/audit/")


def test_bad_input(model, tmp_path):
    source = partition(tmp_path)
    Path(source).write_bytes(Path(source).read_bytes()[:-50])
    with pytest.raises(CatalogError, match=r"part\.parquet is not a Parquet file or is cut short"):
        run(model, tmp_path / "out", [source])
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot write .*/file/started.json"):
        start_backfill("moemoe-test/3", "plain", str(tmp_path / "file"), [])


def test_report_audit_and_manifest(model, tmp_path):
    many = [row(f"p{i}", 0.8, image=draw_image((200, i, 0)) if i % 2 else None) for i in range(80)]
    partitions = [partition(tmp_path, many[:50], "a.parquet"), partition(tmp_path, [*many[50:], *ROWS], "b.parquet")]
    job, parts = run(model, tmp_path / "out", partitions)
    finished = finish_backfill(job, parts, 600)
    color = next(c for c in finished.coverage if c.attribute == "color")
    assert (color.missing, color.filled, color.agrees, color.contradicts, color.abstained_labelled) == (85, 84, 2, 1, 1)
    assert finished.total.missing == 80 * 3 + 9 * 3 - 4
    assert finished.sample.schema.equals(AUDIT_CANDIDATES)
    audit = read_table(finished.audit.table)
    assert audit.schema.equals(AUDIT)
    assert audit.num_rows == 30
    assert set(audit["filled"].to_pylist()) == {84}
    assert audit["verdict"].null_count == 30
    assert {name[:1] for name in audit["product_id"].to_pylist()} >= {"p"}
    page = audit_page(finished.audit.rows, job.model_version, "audit")
    assert page.count("<article") == 30
    assert "data:image/jpeg;base64," in page
    labels = read_table(finished.label_audit.table)
    assert labels.schema.equals(AUDIT)
    assert labels.select(["decision", "attribute", "filled"]).to_pylist() == [
        {"decision": "contradicts", "attribute": "color", "filled": 1}
    ]
    shown = audit_page(labels, job.model_version, "labels", CONTRADICTS)
    assert "label? (Both, or neither: unclear.)" in shown
    assert f"catalog says: {labels['raw_label'][0]}" in shown
    manifest = json.loads(Path(finished.manifest).read_text())
    assert manifest["label_audit"] == f"audit/{Path(finished.label_audit.table).name}"
    assert manifest["model_version"] == "moemoe-test/3"
    assert sum(read_table(f"{job.output}/{name}").num_rows for name in manifest["values"]) == 89 * 3
    # one partition or two: the same sample
    whole = partition(tmp_path, [*many, *ROWS], "whole.parquet")
    single_job, single = run(model, tmp_path / "single", [whole])
    assert finish_backfill(single_job, single, 600).sample.equals(finished.sample)


def test_verdicts_that_people_wrote_into_the_audit_stay(model, tmp_path):
    job, parts = run(model, tmp_path / "out", [partition(tmp_path)])
    uri = finish_backfill(job, parts, 600).audit.table
    audit = read_table(uri)
    judged = audit.set_column(audit.schema.get_field_index("verdict"), "verdict", pa.array(["right"] * len(audit)))
    pq.write_table(judged, uri)
    assert finish_backfill(job, parts, 600).audit.table == uri
    assert read_table(uri)["verdict"].to_pylist() == ["right"] * len(audit)


def test_what_a_seller_writes_is_text_on_the_page(model, tmp_path):
    hostile = '<script>alert(1)</script>" onmouseover="x'
    job, parts = run(model, tmp_path / "out", [partition(tmp_path, [row(hostile, 0.8, title=hostile)])])
    page = audit_page(finish_backfill(job, parts, 600).audit.rows, job.model_version, "audit")
    assert "<script>alert" not in page
    assert '" onmouseover="x' not in page


def test_partitions_are_shared_out():
    assert task_partitions(list("abcde"), 2) == [["a", "c", "e"], ["b", "d"]]
    assert task_partitions(["a"], 16) == [["a"]]
    assert len(task_partitions([str(i) for i in range(1000)], 500)) == 100
