"""Answers of a model: in the order of the questions, independent of the other questions, and not empty needlessly."""

import pytest
import torch

from moemoe.inference.predictor import ProductQuery
from moemoe.shards.decode import ImageReader
from tests.support.small_shards import (
    draw_image,
)


def test_answers_come_in_the_order_asked_whatever_is_asked_beside(predictor):
    image = draw_image((200, 0, 0))
    questions = [
        ProductQuery("Cotton shirt", image, ["color", "material"]),
        ProductQuery("nothing is asked", None, []),
        ProductQuery("Silk shirt of some length", None, ["material"]),
    ]
    together = predictor.answer(questions)
    assert [len(answers) for answers in together] == [2, 0, 1]
    for question, answers in zip(questions, together, strict=True):
        alone = predictor.answer([question])[0]
        assert [a.value for a in alone] == [a.value for a in answers]
        assert [a.confidence for a in alone] == pytest.approx([a.confidence for a in answers], rel=1e-4)
    assert together[2][0].image_weight == 0
    assert all(0 <= a.confidence <= 1 and a.image_weight + a.text_weight == pytest.approx(1) for a in together[0])


def test_answers_are_the_same_bits_however_many_batches_are_answered_at_once(predictor, monkeypatch):
    monkeypatch.setattr("moemoe.inference.predictor.CPU_PRODUCTS", 2)
    broken = [b"no image", None, draw_image((0, 200, 0))]
    questions = [
        ProductQuery(f"{'Cotton ' * (i % 5)}shirt {i}", broken[i % 3], ["color", "material"][: 1 + i % 2], f"p{i}")
        for i in range(15)
    ]
    monkeypatch.setattr(predictor, "images", predictor.images)
    threads, at_once, found = torch.get_num_threads(), [], []
    answer = predictor.model.answer
    monkeypatch.setattr(
        predictor.model, "answer", lambda *given: at_once.append(torch.get_num_threads()) or answer(*given)
    )
    try:
        for workers in (1, 2, 5):
            torch.set_num_threads(workers)
            predictor.images = ImageReader("evaluate")
            found.append((predictor.answer(questions), predictor.images.quarantine["product_id"].to_pylist()))
            assert torch.get_num_threads() == workers
    finally:
        torch.set_num_threads(threads)
    assert set(at_once) == {1}
    assert len(at_once) == 3 * 8
    assert found[0] == found[1] == found[2]
    assert found[0][1] == ["p0", "p12", "p3", "p6", "p9"]


def test_an_attribute_that_the_type_has_is_answered_with_a_value_if_anything_is_shown(reticent):
    image, applies = draw_image((200, 0, 0)), ["color"]
    shown = [("Cotton shirt", None), ("", image)]
    questions = [ProductQuery(*given, ["color", "material"], applies=applies) for given in shown]
    for color, material in reticent.answer(questions):
        assert color.value
        assert 0 < color.confidence < 0.5
        assert (material.value, material.confidence) == ("", 0.0)
    [[color]] = reticent.answer([ProductQuery("", None, ["color"], applies=applies)])
    assert color.value == ""
