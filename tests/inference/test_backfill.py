"""A whole backfill: partitions, reruns, stores, report and manifest; tests/flows has one with a real model."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moemoe import storage
from moemoe.errors import CatalogError, StorageError
from moemoe.inference import backfill as module
from moemoe.inference.backfill import start_backfill, task_partitions
from moemoe.inference.backfill_report import finish_backfill
from moemoe.reporting.audit_page import audit_page
from moemoe.reporting.backfill_report import backfill_report
from moemoe.reporting.html import page
from moemoe.schemas import AUDIT, AUDIT_CANDIDATES, CONTRADICTS
from moemoe.storage import read_table
from tests.support.image_server import body, image_server
from tests.support.known_answers import ROWS, partition, row, run
from tests.support.s3 import s3_bucket
from tests.support.small_shards import draw_image


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


def test_a_rerun_that_may_fetch_more_images_asks_again(model, tmp_path):
    with image_server() as server:
        server.answers["/1.jpg"] = body(draw_image((200, 0, 0)))
        source = [partition(tmp_path, [row("1", 0.8) | {"image": {"path": f"{server.url}/1.jpg"}}])]
        parts = [run(model, tmp_path / "out", source, allow_private_hosts=allowed)[1][0] for allowed in (False, True)]
    assert [part.quarantined for part in parts] == [1, 0]


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
    shown = audit_page(finished.audit.rows, job.model_version, "audit")
    assert shown.count("<article") == 30
    assert "data:image/jpeg;base64," in shown
    labels = read_table(finished.label_audit.table)
    assert labels.schema.equals(AUDIT)
    assert labels.select(["decision", "attribute", "filled"]).to_pylist() == [
        {"decision": "contradicts", "attribute": "color", "filled": 1}
    ]
    shown = audit_page(labels, job.model_version, "labels", CONTRADICTS)
    assert "label? (If both or neither: unclear.)" in shown
    assert f"catalog says: {labels['raw_label'][0]}" in shown
    manifest = json.loads(Path(finished.manifest).read_text())
    assert manifest["label_audit"] == f"audit/{Path(finished.label_audit.table).name}"
    assert manifest["model_version"] == "moemoe-test/3"
    assert sum(read_table(f"{job.output}/{name}").num_rows for name in manifest["values"]) == 89 * 3
    # one partition or two: the same sample
    whole = partition(tmp_path, [*many, *ROWS], "whole.parquet")
    single_job, single = run(model, tmp_path / "single", [whole])
    assert finish_backfill(single_job, single, 600).sample.equals(finished.sample)


@pytest.mark.parametrize("thresholds", ["plain", "unfamiliar"])
def test_the_report_says_where_the_text_decides(model, tmp_path, thresholds):
    job, parts = run(model, tmp_path / "out", [partition(tmp_path)], thresholds)
    report = page(backfill_report(finish_backfill(job, parts, 10), job.model_version, job.threshold_kind))
    assert ("a text names exactly one value of an attribute" in report) == (thresholds == "unfamiliar")
    [audit] = (tmp_path / "out" / "audit").glob("audit-*.parquet")
    assert f'<a href="audit/{audit.stem}.html">' in report


def test_a_backfill_that_fills_in_nothing_asks_for_no_verdicts(model, tmp_path):
    job, parts = run(model, tmp_path / "out", [partition(tmp_path)])
    finished = finish_backfill(job, parts, 10)
    nothing = replace(finished, total=replace(finished.total, filled=0))
    said = [page(backfill_report(one, job.model_version, job.threshold_kind)) for one in (finished, nothing)]
    assert ["judge a sample" in one for one in said] == [True, False]


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
