"""A measurement from raw labels to filled values: shoes with heel heights written in many ways."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch

from data_contracts.labels import label_suite
from moemoe.batches.tokenizer import train_tokenizer
from moemoe.contract.load import load_contract
from moemoe.contract.open_contract import resolve_contract
from moemoe.errors import ConfigError
from moemoe.evaluation.cells import Cells
from moemoe.evaluation.evaluate import evaluate
from moemoe.inference.answering import ANSWERING, CANONICAL, Answering
from moemoe.inference.answers import predict_and_calibrate
from moemoe.inference.attribute_model import AttributeModel
from moemoe.inference.catalog_rows import question_of
from moemoe.inference.decisions import decide
from moemoe.inference.predictions import ValueSets, predict_split
from moemoe.inference.thresholds import Thresholds
from moemoe.labels.rare_values import find_rare_values
from moemoe.model.moemoe import MoEMoE
from moemoe.model.outputs import Answer
from moemoe.recipes import load_recipe
from moemoe.reporting.catalog_documents import labels as labels_document
from moemoe.schemas import AS_IS, CATALOG, LABELS, PREDICTIONS
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.hidden import Hidden
from moemoe.shards.manifest import PAYLOAD
from moemoe.systems.committee import TRAINED_ON, Committee
from moemoe.table_parts import ListedParts
from moemoe.training.committee import validation_weights
from moemoe.training.items import training_values
from tests.support.document_text import document_text
from tests.support.small_contract import products, write_contract
from tests.support.small_model import tiny_config
from tests.support.small_shards import write_shards
from tests.support.toy_items import make
from tests.support.whole_labels import normalize

SHOES = """\
dataset: shoes
product_types: {shoe: [Shoes]}
missing: [NA]
attributes:
  color: {values: {Red: [], Blue: []}}
  heel height:
    keys: [Heel]
    measurement: {unit: cm, units: {inch: [], mm: []}, decimals: 1, at_least: 0, at_most: 30, tolerance: 0.3}
"""
PRODUCTS = 60
#: One height in five is a number of its own: a continuous value is rarely frequent.
HEIGHTS = [3 + i / 100 if i % 5 == 0 else (2.5, 5.1, 7.6)[i % 3] for i in range(PRODUCTS)]
HEIGHTS[8] = 20  # of a test product; training has none like it
WRITTEN = ("{:.2f} cm", "{:.2f}cm", "{:.2f} cms", "ca. {:.2f} centimetres")


@pytest.fixture(scope="module")
def contract(tmp_path_factory):
    return load_contract(write_contract(tmp_path_factory.mktemp("contract"), SHOES))


@pytest.fixture(scope="module")
def labels(contract):
    rows = [
        {"product_type": "Shoes", "attributes": [("color", "red"), ("Heel", WRITTEN[i % 4].format(height))]}
        for i, height in enumerate(HEIGHTS)
    ]
    return normalize(products(*rows), contract, parts=3).labels


@pytest.fixture(scope="module")
def dataset(labels, tmp_path_factory):
    splits = ("test", "validation", "train", "train")
    rows = [{**row, "group": row["product_id"], "split": splits[int(row["product_id"][1:]) % 4]}
            for row in labels.to_pylist()]  # fmt: skip
    shown = [
        {"product_id": f"p{i}", "marketplace": "IN", "title": f"Shoe, {height / 2.54:.1f} inch heel"}
        for i, height in enumerate(HEIGHTS)
    ]
    root = tmp_path_factory.mktemp("shards")
    uri = write_shards(root, pa.Table.from_pylist(shown, PAYLOAD), pa.Table.from_pylist(rows, LABELS))
    return SimpleNamespace(uri=uri, shards=ShardedDataset(uri, root / "scratch"))


@pytest.fixture(scope="module")
def predicted(dataset, contract, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    predictor = make(dataset.uri, folder, load_recipe("tf-idf"))
    values = ValueSets.of(dataset.shards, contract)
    splits = (predict_split(predictor, dataset.shards, split, AS_IS, values) for split in ("validation", "test"))
    return SimpleNamespace(table=pa.concat_tables(part for parts in splits for part in parts), folder=folder)


def test_unmapped_labels_are_listed_with_their_reasons(contract):
    raw = ["5 cm", "20 x 30 cm", "20 x 30 cm", "5", "4 kg", "40 cm", "NA"]
    rows = [{"product_type": "Shoes", "attributes": [("Heel", text)]} for text in raw]
    found = normalize(products(*rows), contract)
    heel = next(row for row in found.statistics.to_pylist() if row["attribute"] == "heel height")
    assert {name: heel[name] for name in ("raw_values", "labels", "dropped", "unmapped")} == {
        "raw_values": 5, "labels": 1, "dropped": 1, "unmapped": 5,
    }  # fmt: skip
    assert {entry["value"]: entry["reason"] for entry in heel["most_frequent_unmapped"]} == {
        "20 x 30 cm": "several dimensions, or a number of pieces; one measure is allowed",
        "5": "no unit; it may be one of cm, inch, mm; the contract's default_unit (under measurement) can say which",
        "4 kg": "unit 'kg' is not accepted; accepted are cm, inch, mm",
        "40 cm": "40 cm is outside 0 to 30 cm",
    }
    found.contradictions = None
    assert "20 x 30 cm (2: several dimensions, or a number of pieces; one measure is allowed)" in document_text(
        labels_document(found, (), False)
    )


def test_rare_numbers_stay(labels, contract):
    heel = [row["values"][0] for row in labels.to_pylist() if row["attribute"] == "heel height"]
    assert len(heel) == PRODUCTS
    assert len(set(heel)) > 6
    assert find_rare_values([labels], 0.2)["attribute"].unique().to_pylist() == ["heel height"]
    assert find_rare_values([labels], 0.2, contract.measurements()).num_rows == 0


def test_the_suite_of_the_labels_knows_canonical_numbers(labels, contract):
    def expectation_of(table):
        suite = label_suite([table], contract)
        [expectation] = [p for p in suite.expectations if p.words == "every value of heel height is canonical"]
        return expectation

    ready = labels.set_column(2, "group", labels["product_id"]).set_column(3, "split", [["train"] * len(labels)])
    found = expectation_of(ready)
    assert set(ready["values"].combine_chunks().flatten().to_pylist()) - {"Red"} == set(found.arguments["value_set"])
    wrong = ready.to_pylist()
    wrong[1]["values"] = ["5.55 cm"]
    assert expectation_of(pa.Table.from_pylist(wrong, LABELS)).observed == "not canonical: '5.55 cm'"


def test_answers_are_right_within_the_tolerance(predicted, contract):
    rows = [row for row in predicted.table.to_pylist() if row["attribute"] == "heel height" and row["split"] == "test"]
    near = [
        abs(float(row["prediction"].removesuffix(" cm")) - float(row["gold"][0].removesuffix(" cm"))) <= 0.3 + 1e-9
        for row in rows
    ]
    same = [row["prediction"] == row["gold"][0] for row in rows]
    assert sum(near) > sum(same) > 0
    assert not all(near)
    cells = Cells(predicted.table, {("shoe", "heel height"): rows[0]["gold"][0]})
    cell = cells.of("test")["shoe", "heel height"]
    assert int(cell.correct.sum()) == sum(near)
    assert cells.of("test")["shoe", "color"].accuracy == 1
    assert {row["tolerance"] for row in predicted.table.to_pylist()} == {None, 0.3}
    assert all(row["canonical"] for row in rows)
    measured = evaluate(cells, ["shoe"], with_majority=True, min_support=5, replicates=0)
    assert measured.metrics["accuracy/mean"] == pytest.approx((1 + sum(near) / len(near)) / 2)


def test_text_and_training_labels_are_compared_within_the_tolerance(dataset, contract):
    values = ValueSets.of(dataset.shards, contract)
    assert values.is_written("heel height", ["7.6 cm"], "pumps with a 3 inch heel")
    assert not values.is_written("heel height", ["7.6 cm"], "pumps with a 3 cm heel, 7.6 kg")
    own = values.training["heel height"]
    assert "5.2 cm" not in own
    assert not values.is_unseen("heel height", ["5.2 cm"])  # 5.1 cm is in training
    assert values.is_unseen("heel height", ["20 cm"])
    assert not values.is_rare("heel height", ["5.2 cm"])
    assert values.is_rare("heel height", ["20 cm"])


def test_predictions_without_tolerances_are_still_read(predicted):
    plain = Cells(predicted.table.drop_columns(["tolerance"])).of("test")["shoe", "heel height"]
    assert plain.accuracy < Cells(predicted.table).of("test")["shoe", "heel height"].accuracy


@pytest.mark.parametrize(
    ("answer", "label", "decision"),
    [
        ("5 cm", "2 inches", "agrees"),
        ("5 cm", "3 inches", "contradicts"),
        ("5 cm", "high", "filled"),
        ("5 cm", None, "filled"),
        ("5 inch", None, "abstained"),
        ("5.55 cm", None, "abstained"),
        ("31 cm", None, "abstained"),
    ],
)
def test_a_backfill_decides_within_the_tolerance(contract, answer, label, decision):
    thresholds = Thresholds({"shoe": {"heel height": {"plain": 0.5, "guarded": None}}})
    model = AttributeModel(None, contract, thresholds)
    row = dict.fromkeys(CATALOG.names) | {"title": "x", "attributes": [("Heel", label)] if label else []}
    question = question_of(row, "shoe", [], ["heel height"])
    [decided] = decide(question, [Answer(answer, 0.9, 0.0, 1.0)], model, "plain")
    assert decided.decision == decision


def test_a_committee_weighs_its_members_within_the_tolerance(dataset, predicted, tmp_path):
    """A member that says 5.1 cm of a heel of 5.2 cm is right, also if no training product has 5.2 cm."""
    for name in ("one", "other"):
        shutil.copytree(predicted.folder / "run" / "model", tmp_path / name)
        (tmp_path / name / TRAINED_ON).write_text("{}")
    values = training_values(dataset.shards)
    committee = Committee.of(
        {name: tmp_path / name for name in ("one", "other")}, values, dict.fromkeys(values, (1, 1))
    )

    def weights(tolerances):
        weights, _ = validation_weights(committee.eval(), dataset.shards, 0, torch.device("cpu"), tolerances)
        return {name: np.array(own) for name, own in weights.items()}

    exact, near = weights({}), weights({"heel height": 0.3, "color": None})
    assert near["heel height"] != pytest.approx(exact["heel height"])


def test_canonical_decoding_chooses_among_the_training_values(dataset, contract, tmp_path):
    tokenizer = train_tokenizer(["Shoe 12345.67890 cm inch heel Red Blue color heel height"] * 9, 300)
    torch.manual_seed(0)
    MoEMoE.create(tiny_config(text=replace(tiny_config().text, vocab_size=len(tokenizer)))).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    kept = ListedParts(str(tmp_path / "kept"), PREDICTIONS), str(tmp_path / "scratch")
    heel = contract.attributes["heel height"]
    contract = replace(contract, attributes={**contract.attributes, "shaft height": heel})  # no product has a label
    given = predict_and_calibrate(tmp_path, dataset.shards, contract, *kept, CANONICAL)
    (tmp_path / ANSWERING).write_text(given.answering.to_json())
    assert Answering.load(tmp_path) == given.answering
    known = set(dataset.shards.value_counts("train")["heel height"])
    assert set(json.loads(given.answering.to_json())["values"]["heel height"]) == known
    answered = {row["prediction"] for row in given.predictions.read().to_pylist() if row["attribute"] == "heel height"}
    assert answered <= known


@pytest.mark.parametrize("options", [{"withhold": "heel height"}, {"unseen": "heel height=5 cm"}])
def test_only_named_values_can_be_hidden(contract, options):
    with pytest.raises(ConfigError, match="'heel height' is a measurement; only named values can be"):
        Hidden.of(contract, **options)


def test_an_open_contract_takes_a_measurement_with_enough_labels(tmp_path):
    text = SHOES.replace("  color: {values: {Red: [], Blue: []}}\n", "").replace("keys: [Heel]", "keys: [Size]")
    text += "open: {product_type_products: 1, attribute_labels: 3, value_labels: 1, attribute_values: 9}\n"
    opened = load_contract(write_contract(tmp_path, text))

    def closed(*heights):
        rows = [{"product_type": "Shoes", "attributes": [("Heel Height", h), ("Size", "M, L"), ("Color", "Red, Blue")]}
                for h in heights]  # fmt: skip
        return resolve_contract(opened, [products(*rows)], tmp_path / "closed.yaml")

    enough = closed("5 cm", "2 inch", "7 cm", "high")
    assert enough.attributes["heel height"] == opened.attributes["heel height"]
    assert set(enough.attributes["size"].values) == {"M", "L"}  # a further key may be an attribute of its own
    assert "heel height" not in closed("5 cm", "2 inch", "high", "low").attributes
