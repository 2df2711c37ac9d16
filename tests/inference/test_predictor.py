import pytest
import torch

import data_contracts
from moemoe.errors import CatalogError
from moemoe.inference.catalog_rows import questions_of
from moemoe.inference.predictions import ValueSets, predict_split
from moemoe.inference.predictor import Predictor, Question
from moemoe.model.collate import Collator
from moemoe.model.moemoe import MoEMoE
from moemoe.model.tokenizer import train_tokenizer
from moemoe.schemas import AS_IS, PICTURE_BLANKED, PREDICTIONS, TEXT_BLANKED
from moemoe.shards.dataset import ShardedDataset
from tests.model.small import tiny_config
from tests.shards.small import picture, small_shards


@pytest.fixture(scope="module")
def predictor():
    torch.manual_seed(0)
    tokenizer = train_tokenizer(["Brand Cotton Silk Wool shirt color material Red Blue Green"] * 9, 300)
    text = tiny_config().text
    config = tiny_config(text=type(text)(**{**vars(text), "vocab_size": len(tokenizer)}))
    return Predictor(MoEMoE.create(config), Collator(tokenizer, config))


def test_answers_come_in_the_order_asked_whatever_is_asked_beside(predictor):
    image = picture((200, 0, 0))
    questions = [
        Question("Cotton shirt", image, ["color", "material"]),
        Question("nothing is asked", None, []),
        Question("Silk shirt of some length", None, ["material"]),
    ]
    together = predictor.answer(questions)
    assert [len(answers) for answers in together] == [2, 0, 1]
    for question, answers in zip(questions, together, strict=True):
        alone = predictor.answer([question])[0]
        assert [a.value for a in alone] == [a.value for a in answers]
        assert [a.confidence for a in alone] == pytest.approx([a.confidence for a in answers], rel=1e-4)
    assert together[2][0].image_weight == 0
    assert all(0 <= a.confidence <= 1 and a.image_weight + a.text_weight == pytest.approx(1) for a in together[0])


def test_predictions_of_a_split(predictor, tmp_path):
    dataset = ShardedDataset(small_shards(tmp_path), tmp_path)
    values = ValueSets.of(dataset, data_contracts.load("30pt"))
    tables = {c: predict_split(predictor, dataset, "test", c, values) for c in (AS_IS, PICTURE_BLANKED, TEXT_BLANKED)}
    labels = [label for label in dataset.labels.to_pylist() if label["split"] == "test"]
    for condition, table in tables.items():
        assert table.schema.equals(PREDICTIONS)
        assert set(table["condition"].to_pylist()) == {condition}
        assert sorted(zip(table["product_id"].to_pylist(), table["attribute"].to_pylist(), strict=True)) == sorted(
            (label["product_id"], label["attribute"]) for label in labels
        )
    assert set(tables[PICTURE_BLANKED]["image_weight"].to_pylist()) == {0.0}
    rows = tables[AS_IS].to_pylist()
    assert all(row["explicit"] for row in rows if row["attribute"] == "material")  # the title names it
    assert not any(row["explicit"] for row in rows if row["attribute"] == "color")  # only the picture shows it
    assert {row["has_image"] for row in rows} == {True, False}


def test_a_row_of_an_unknown_type_or_with_a_broken_picture_is_named():
    contract = data_contracts.load("30pt")
    asked = {"shirt": {"color": None}}
    question = questions_of([{"product_type": "Tshirts", "title": "x"}], contract, asked)[0]
    assert (question.product_type, question.attributes) == ("shirt", ["color"])
    with pytest.raises(CatalogError, match="row 0: product type 'Sofa' is unknown; known are shirt"):
        questions_of([{"product_type": "Sofa"}], contract, asked)
    with pytest.raises(CatalogError, match=r"row 0: the picture cannot be used \(image does not decode"):
        questions_of([{"product_type": "shirt", "image": b"no picture"}], contract, asked)
