"""PREDICTIONS of a split in every condition, and the confidences used in evaluation."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import data_contracts
from moemoe.batches.collate import Collator
from moemoe.evaluation.measure import measure
from moemoe.inference.answering import Answering
from moemoe.inference.answers import predict_and_calibrate
from moemoe.inference.catalog_rows import questions_of
from moemoe.inference.predictions import ValueSets, predict_split
from moemoe.inference.predictor import Predictor, ProductQuery
from moemoe.inference.write_predictions import calibrate
from moemoe.reporting.plots import report_plots
from moemoe.schemas import (
    AS_IS,
    IMAGE_BLANKED,
    NOT_APPLICABLE,
    PREDICTIONS,
    TEXT_BLANKED,
    TITLE_ONLY,
    UNANSWERABLE,
    WITHHELD,
)
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.hidden import Hidden
from moemoe.shards.manifest import PAYLOAD
from moemoe.table_parts import ListedParts
from tests.support.small_predictor import small_model, table_of, written
from tests.support.small_shards import (
    small_labels,
    small_products,
    small_shards,
    with_second_images,
    write_shards,
)


def test_predictions_of_a_split(predictor, tmp_path):
    dataset = ShardedDataset(small_shards(tmp_path), tmp_path)
    values = ValueSets.of(dataset, data_contracts.load("30pt"))
    tables = {
        c: table_of(predict_split(predictor, dataset, "test", c, values)) for c in (AS_IS, IMAGE_BLANKED, TEXT_BLANKED)
    }
    labels = [label for label in dataset.labels.to_pylist() if label["split"] == "test"]
    for condition, table in tables.items():
        assert table.schema.equals(PREDICTIONS)
        assert set(table["condition"].to_pylist()) == {condition}
        assert sorted(zip(table["product_id"].to_pylist(), table["attribute"].to_pylist(), strict=True)) == sorted(
            (label["product_id"], label["attribute"]) for label in labels
        )
    assert set(tables[IMAGE_BLANKED]["image_weight"].to_pylist()) == {0.0}
    rows = tables[AS_IS].to_pylist()
    assert all(row["explicit"] for row in rows if row["attribute"] == "material")  # the title names it
    assert not any(row["explicit"] for row in rows if row["attribute"] == "color")  # only the image shows it
    assert {row["has_image"] for row in rows} == {True, False}


def test_predictions_of_four_sources_weigh_each_of_them(tmp_path):
    sources = ("image", "image.2", "text.title", "text.description")
    predictor = small_model(sources=sources)
    uri = write_shards(tmp_path, with_second_images(small_products(60)), small_labels(60))
    dataset = ShardedDataset(uri, tmp_path)
    table = written(predictor, dataset, data_contracts.load("30pt"), tmp_path)
    test = table.filter(pc.equal(table["split"], "test"))
    products = {dataset.product_id(row): dataset[row] for row in dataset.rows("test").tolist()}
    seen = set()
    for row in test.to_pylist():
        weights, product = dict(row["source_weights"]), products[row["product_id"]]
        assert list(weights) == list(sources)
        assert sum(weights.values()) == pytest.approx(1)
        assert weights["image"] + weights["image.2"] == pytest.approx(row["image_weight"])
        assert min(row["image_weight"], row["text_weight"]) >= 0
        assert max(row["image_weight"], row["text_weight"]) <= 1  # not by rounding either
        images = row["condition"] not in (IMAGE_BLANKED, UNANSWERABLE)
        texts = row["condition"] not in (TEXT_BLANKED, UNANSWERABLE)
        there = {
            "image": images and product.image is not None,
            "image.2": images and product.images[1:] not in ([], [b"no image"]),
            "text.title": texts,
            "text.description": texts and row["condition"] != TITLE_ONLY and bool(product.description.strip()),
        }
        there["text.title"] |= not any(there.values())  # something has to be attended to
        assert {name: weight > 0 for name, weight in weights.items()} == there, row["condition"]
        seen.add((row["condition"], *there.values()))
    assert {condition for condition, *_ in seen} == {AS_IS, IMAGE_BLANKED, TEXT_BLANKED, TITLE_ONLY, UNANSWERABLE}
    broken = predictor.images.quarantine.to_pylist()
    assert {(entry["product_id"], entry["field"]) for entry in broken} <= {("p4", "image.2")}


def test_two_sources_weigh_what_their_kinds_do(predictor, tmp_path):
    dataset = ShardedDataset(small_shards(tmp_path), tmp_path)
    values = ValueSets.of(dataset, data_contracts.load("30pt"))
    for row in table_of(predict_split(predictor, dataset, "test", AS_IS, values)).to_pylist():
        assert row["source_weights"] == [("image", row["image_weight"]), ("text", row["text_weight"])]


def test_questions_out_of_context(predictor, tmp_path):
    """All small products are shirts, and every attribute of the dataset is one that shirts have, until one is not."""
    dataset = ShardedDataset(small_shards(tmp_path), tmp_path)
    values = ValueSets.of(dataset, data_contracts.load("30pt"))
    assert table_of(predict_split(predictor, dataset, "test", NOT_APPLICABLE, values)).num_rows == 0
    values.not_applicable = {"shirt": ["underwire type", "rise style"]}
    asked = table_of(predict_split(predictor, dataset, "test", NOT_APPLICABLE, values))
    assert set(asked["attribute"].to_pylist()) == {"underwire type", "rise style"}
    assert set(map(len, asked["gold"].to_pylist())) == {0}
    assert len(asked["product_id"].unique()) == asked.num_rows == len(dataset.rows("test"))
    blank = table_of(predict_split(predictor, dataset, "test", UNANSWERABLE, values))
    color = blank.filter(pc.equal(blank["attribute"], "color"))
    assert len(set(zip(color["prediction"].to_pylist(), color["confidence"].to_pylist(), strict=True))) == 1
    assert set(blank["image_weight"].to_pylist()) == {0.0}


def test_what_applies_is_what_training_products_of_the_type_have(reticent, tmp_path):
    dataset = ShardedDataset(small_shards(tmp_path), tmp_path)
    contract = data_contracts.load("30pt")
    values = ValueSets.of(dataset, contract)
    assert values.applies["shirt"] == {attribute for _, attribute in dataset.cell_value_counts("train")}
    assert all(table_of(predict_split(reticent, dataset, "test", AS_IS, values))["prediction"].to_pylist())
    blank = table_of(predict_split(reticent, dataset, "test", UNANSWERABLE, values))
    values.not_applicable = {"shirt": ["underwire type", "rise style"]}
    never = table_of(predict_split(reticent, dataset, "test", NOT_APPLICABLE, values))
    assert set(blank["prediction"].to_pylist()) == set(never["prediction"].to_pylist()) == {""}
    [asked] = questions_of([{"product_type": "shirt", "title": "x"}], contract, {"shirt": ["color"]})
    assert list(asked.applies) == ["color"]


def test_what_is_withheld_is_neither_read_nor_written(predictor, tmp_path):
    contract = data_contracts.load("30pt")
    uri = small_shards(tmp_path)
    hidden = Hidden.of(contract, "material", unseen="color=Red")
    dataset = ShardedDataset(uri, tmp_path, hidden)
    table = written(predictor, dataset, contract, tmp_path)
    assert set(table["condition"].to_pylist()) == {WITHHELD, IMAGE_BLANKED, TEXT_BLANKED, TITLE_ONLY, UNANSWERABLE}
    rows = table.to_pylist()
    assert not any(row["explicit"] for row in rows)
    assert all(row["unseen"] == (row["gold"] == ["Red"]) for row in rows)


@pytest.mark.parametrize(("source", "condition"), [("text", IMAGE_BLANKED), ("image", TEXT_BLANKED)])
def test_a_model_of_one_source_is_not_asked_again_without_the_other(tmp_path, source, condition):
    contract = data_contracts.load("30pt")
    dataset = ShardedDataset(small_shards(tmp_path), tmp_path)
    asked = []

    class Asked(Predictor):
        def answer(self, questions):
            asked.append(questions)
            return super().answer(questions)

    model = small_model(Asked, sources=(source,), question_guidance=False, alignment=False)
    table = written(model, dataset, contract, tmp_path)
    # validation, test (also its one source blanked), title only (of texts), unanswerable, not applicable
    assert len(asked) == (5 if source == "text" else 4)
    blanked = table.filter(pc.equal(table["condition"], condition))
    again = table_of(predict_split(model, dataset, "test", condition, ValueSets.of(dataset, contract)))
    assert blanked.drop_columns("confidence").equals(again.drop_columns("confidence"))
    assert blanked.num_rows > 0
    assert table.filter(pc.equal(table["condition"], TITLE_ONLY)).num_rows == blanked.num_rows


def test_a_text_is_encoded_once_for_test_with_and_without_the_image(tmp_path, monkeypatch):
    monkeypatch.setattr("moemoe.inference.predictor.CPU_PRODUCTS", 100)  # one batch of all
    contract, predictor = data_contracts.load("30pt"), small_model(context_length=48)
    dataset = ShardedDataset(small_shards(tmp_path), tmp_path)
    rows, encode = [], predictor.model.context_encoder.forward
    monkeypatch.setattr(
        predictor.model.context_encoder, "forward", lambda ids, mask: rows.append(len(ids)) or encode(ids, mask)
    )
    table = written(predictor, dataset, contract, tmp_path)
    validation, test = (len({dataset[row].context for row in dataset.rows(name)}) for name in ("validation", "test"))
    titles = len({dataset[row].text.of_source("text", True) for row in dataset.rows("test")})
    assert test > 1
    assert rows == [validation, test + 1, titles, 1]  # one empty text each for text blanked and unanswerable
    values = ValueSets.of(dataset, contract)
    [validation] = predict_split(predictor, dataset, "validation", AS_IS, values)
    answering = calibrate([validation], Answering())
    for condition in (AS_IS, IMAGE_BLANKED):
        alone = table_of(predict_split(predictor, dataset, "test", condition, values))
        own = pc.and_(pc.equal(table["condition"], condition), pc.equal(table["split"], "test"))
        together, measured = table.filter(own), ["confidence", "image_weight", "text_weight"]
        assert together.drop_columns(measured).equals(alone.drop_columns(measured))
        expected = answering.confidence(alone["confidence"].to_numpy())
        np.testing.assert_allclose(together["confidence"].to_numpy(), expected, rtol=1e-5)


def test_with_the_title_alone_neither_bullet_points_nor_the_description_are_read(tmp_path):
    """p0 has a title alone, so it is not asked again; words that are withheld stay cut out of the titles."""
    contract = data_contracts.load("30pt")
    products = small_products(60)
    bare = [{**row, "bullet_points": [], "description": ""} for row in products.slice(0, 1).to_pylist()]
    products = pa.concat_tables([pa.Table.from_pylist(bare, PAYLOAD), products.slice(1)])
    hidden = Hidden.of(contract, "material")
    dataset = ShardedDataset(write_shards(tmp_path, products, small_labels(60)), tmp_path, hidden)
    asked = []

    class Asked(Predictor):
        def answer(self, questions):
            asked.append(list(questions))
            return super().answer(asked[-1])

    table = written(small_model(Asked), dataset, contract, tmp_path)
    [titles] = [call for call in asked if all("point" not in q.context for q in call) and any(q.context for q in call)]
    assert [q.product_id for q in titles] == [f"p{i}" for i in range(5, 60, 5)]
    assert {q.context for q in titles} == {f"IN | shirt | Brand {i % 7} shirt" for i in range(5, 60, 5)}
    assert all(q.image == products["image"][int(q.product_id[1:])].as_py() for q in titles)
    main, only = (table.filter(pc.equal(table["condition"], name)) for name in (WITHHELD, TITLE_ONLY))
    main = main.filter(pc.equal(main["split"], "test"))
    key = ("product_id", "attribute", "gold", "explicit", "has_image")
    assert sorted(map(str, main.select(key).to_pylist())) == sorted(map(str, only.select(key).to_pylist()))
    first, same = (t.filter(pc.equal(t["product_id"], "p0")).drop_columns("condition") for t in (main, only))
    assert first.num_rows > 0
    assert first.equals(same)
    split = table_of(predict_split(small_model(), dataset, "test", TITLE_ONLY, ValueSets.of(dataset, contract)))
    assert len(split) == len(only)


def test_a_calibrated_model_has_the_confidences_that_it_was_evaluated_with(predictor, tmp_path):
    contract = data_contracts.load("30pt")
    dataset = ShardedDataset(small_shards(tmp_path / "root"), tmp_path)
    folder = tmp_path / "model"
    predictor.model.save_pretrained(folder)
    predictor.collator.tokenizer.save_pretrained(folder)
    kept = ListedParts(str(tmp_path / "kept"), PREDICTIONS), str(tmp_path / "scratch")
    answers = predict_and_calibrate(folder, dataset, contract, *kept, "canonical")
    predictions = answers.predictions.read()
    assert predictions.filter(pc.equal(predictions["condition"], AS_IS))["canonical"].to_pylist()
    assert set(predictions["canonical"].to_pylist()) == {True}
    (folder / "answering.json").write_text(answers.answering.to_json())
    served = Predictor.load(folder)
    assert served.answering == answers.answering
    again = table_of(predict_split(served, dataset, "test", AS_IS, ValueSets.of(dataset, contract)))
    test = predictions.filter(
        pc.and_(pc.equal(predictions["split"], "test"), pc.equal(predictions["condition"], AS_IS))
    )
    assert again["prediction"].equals(test["prediction"])
    np.testing.assert_allclose(again["confidence"].to_numpy(), test["confidence"].to_numpy(), rtol=1e-5)
    # evaluated once more, from the same folder, the temperature does not add up
    assert predict_and_calibrate(folder, dataset, contract, *kept, "canonical").answering == answers.answering
    found = measure(answers, ["shirt"], dataset.cell_value_counts("train"))
    assert not math.isnan(found.evaluation.metrics["calibration/ece_before"])
    assert "experts-by-attribute" in {plot.name for plot in report_plots(found)}


def test_an_empty_answer_is_an_abstention(predictor, tmp_path):
    contract = data_contracts.load("30pt")
    nothing = Predictor(
        predictor.model,
        Collator(predictor.collator.tokenizer, predictor.model.config),
        Answering(values={"color": [""]}),
    )
    # the second attribute is new in the contract since the model was trained, as the gate asks it of a champion
    [answers] = nothing.answer([ProductQuery("Cotton shirt", None, ["color", "sleeve type"])])
    assert [(answer.value, answer.confidence) for answer in answers] == [("", 0.0)] * 2
    dataset = ShardedDataset(small_shards(tmp_path), tmp_path)
    table = table_of(predict_split(predictor, dataset, "validation", AS_IS, ValueSets.of(dataset, contract)))
    place = table.schema.get_field_index("prediction")
    empty = table.set_column(place, "prediction", [[""] * table.num_rows])
    assert calibrate([empty], Answering()).temperature == 1.0  # nothing to fit
