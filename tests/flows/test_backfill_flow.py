"""A trained and registered model fills in a catalog: the whole flow through Metaflow's Runner, as a user runs it."""

import io
import json
import os
import subprocess
from pathlib import Path

import mlflow
import pyarrow as pa
import pyarrow.dataset as ds
from metaflow.cards import get_cards

from moemoe.inference.thresholds import Thresholds
from moemoe.registry.versions import fetch_version, find_version
from moemoe.schemas import AUDIT, BACKFILL
from moemoe.storage import read_table
from tests.support.flows import card_text
from tests.support.shoe_shop import MODEL, NAME, PRODUCTS
from tests.support.warm_python import warm_python


def values_of(output: Path) -> pa.Table:
    names = json.loads((output / "manifest.json").read_text())["values"]
    return ds.dataset([str(output / name) for name in names]).to_table()


def test_the_values_are_parquet_with_every_decision(shop):
    values = values_of(shop.output)
    assert values.schema.equals(BACKFILL)
    assert set(values["decision"].to_pylist()) >= {"filled", "abstained", "agrees"}
    assert values["model_version"].unique().to_pylist() == [f"{NAME}/1"]
    keys = list(zip(values["product_id"].to_pylist(), values["attribute"].to_pylist(), strict=True))
    assert len(keys) == len(set(keys))
    assert len(set(values["product_id"].to_pylist())) == PRODUCTS
    filled = [row for row in values.to_pylist() if row["decision"] == "filled"]
    assert filled
    assert all(row["prediction"] for row in filled)


def test_the_ids_of_the_contract_that_it_was_trained_with_stand_beside_the_names(shop):
    ids = {(r["prediction"], r["attribute_id"], r["value_id"]) for r in values_of(shop.output).to_pylist()}
    assert {one for one in ids if one[1]} == {
        ("Red", "gid/Attribute/1", "gid/Value/13"), ("Blue", "gid/Attribute/1", "gid/Value/2"),
    }  # fmt: skip
    assert {one[2] for one in ids if not one[1]} == {None}  # heel heights


def test_the_card_shows_coverage_and_images(shop):
    card = card_text(get_cards(shop.backfill["report"].task)[0].get())
    assert "missing values" in card
    assert "data:image/jpeg;base64," in card
    assert "partitions" in card_text(get_cards(shop.backfill["backfill"].task)[0].get())


def test_a_rerun_keeps_every_byte(shop):
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in shop.output.rglob("values/*")}
    audit = next(shop.output.glob("audit/audit-*.parquet"))
    assert len(before) == 2
    assert "already finished" in shop.fill_in().stdout
    assert before == {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in shop.output.rglob("values/*")}
    assert next(shop.output.glob("audit/audit-*.parquet")) == audit


def test_verdicts_tighten_the_model_and_rollback_undoes_it(shop, tmp_path):
    """People find one cell wrong: it is switched off in a new version, which serving and backfill use."""
    uri = next(shop.output.glob("audit/audit-*.parquet"))
    audit = read_table(str(uri))
    assert audit.schema.equals(AUDIT)
    rows = audit.to_pylist()
    cells: dict[tuple[str, str], int] = {}
    for row in rows:
        cells[row["product_type"], row["attribute"]] = cells.get((row["product_type"], row["attribute"]), 0) + 1
    broken = max(cells, key=lambda cell: cells[cell])
    assert cells[broken] >= 10, cells
    csv = io.StringIO()
    csv.write("product_id,attribute,prediction,verdict\n")
    for row in rows:
        verdict = "wrong" if (row["product_type"], row["attribute"]) == broken else "right"
        csv.write(f'"{row["product_id"]}","{row["attribute"]}","{row["prediction"]}",{verdict}\n')
    (tmp_path / "verdicts.csv").write_text(csv.getvalue())
    env = {**os.environ, **shop.environment}

    def command(*arguments: str) -> str:
        done = subprocess.run([warm_python(), "-m", *arguments], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    tracking_uri = env["MLFLOW_TRACKING_URI"]
    client = mlflow.MlflowClient(tracking_uri)
    before = client.get_model_version_by_alias(NAME, "champion").version
    said = command("moemoe.registry.audit", str(uri), "--verdicts", str(tmp_path / "verdicts.csv"), "--apply")
    assert "switch off" in said
    after = client.get_model_version_by_alias(NAME, "champion")
    assert after.version != before
    assert f"{'/'.join(broken)} off" in after.tags["decision"]
    version = find_version(tracking_uri, MODEL)
    thresholds = Thresholds.load(fetch_version(tracking_uri, version, tmp_path)).cells
    assert thresholds[broken[0]][broken[1]] == {"plain": None, "guarded": None}
    assert f"version {before} again" in command("moemoe.registry.rollback", NAME)


def test_what_is_wrong_is_said_at_the_start(shop, tmp_path):
    wrong = MODEL.replace("champion", "chamption")
    options = ["--catalog", shop.catalog, "--model", wrong, "--output", str(tmp_path / "out")]
    env = {**os.environ, **shop.environment}
    done = subprocess.run(
        [warm_python(), str(shop.flow("backfill_flow.py")), "run", *options], env=env, cwd=tmp_path,
        capture_output=True, text=True,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Stopped:" in said
    assert "its versions are 1" in said
    assert not (tmp_path / "out").exists()
