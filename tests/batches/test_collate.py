import numpy as np
import pytest
import torch

from moemoe.batches.collate import Collator, ModelInput
from moemoe.batches.tokenizer import tokenizer_statistics, train_tokenizer
from tests.support.small_model import tiny_config

TEXTS = ["cotton kurta for men", "kanchipuram silk saree", "neck style", "color", "Navy Blue", "Round Neck"] * 20


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS, 400)


def test_a_word_of_the_catalog_is_not_cut_to_pieces(tokenizer):
    assert len(tokenizer.tokenize("kanchipuram")) == 1


@pytest.mark.parametrize("text", ["Navy Blue", "कांचीपुरम रेशम साड़ी", "பட்டு புடவை", "100% wool – 3/4th"])
def test_every_text_comes_back_whole(tokenizer, text):
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_the_same_texts_give_the_same_tokenizer(tokenizer):
    assert train_tokenizer(TEXTS, 400).backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


def test_a_tokenizer_of_another_language_is_told_by_its_figures(tokenizer):
    own = tokenizer_statistics(tokenizer, TEXTS, 96)
    other = tokenizer_statistics(train_tokenizer(["der die das"], 270), TEXTS, 96)
    assert own.unknown_share == other.unknown_share == 0  # bytes are never unknown
    assert own.pieces_per_word < other.pieces_per_word


def test_texts_that_are_too_long_for_the_model_are_counted(tokenizer):
    lengths = [len(tokenizer(text)["input_ids"]) for text in TEXTS]
    for context_length in (1, max(lengths) - 1, max(lengths)):
        found = tokenizer_statistics(tokenizer, TEXTS, context_length)
        assert found.cut_share == sum(length > context_length for length in lengths) / len(TEXTS)
    assert found.cut_share == 0


def items(answers=True):
    image = np.full((3, 32, 32), 7, dtype=np.uint8)
    return [
        ModelInput([image, "cotton kurta"], ["color", "neck style"], ["Navy Blue", "Round Neck"] if answers else None),
        ModelInput([None, "silk saree for men"], ["color"], ["Navy Blue"] if answers else None),
    ]


def test_the_question_is_an_unscored_prefix_of_the_decoder(tokenizer):
    batch = Collator(tokenizer, tiny_config(question_in="decoder", answer_length=8))(items())
    assert batch.sources[1].data.shape[0] == 2  # encoded once per product
    assert batch.product_of.tolist() == [0, 0, 1]
    for n, (question, answer) in enumerate(
        [("color", "Navy Blue"), ("neck style", "Round Neck"), ("color", "Navy Blue")]
    ):
        read = batch.decoder_ids[n][batch.decoder_mask[n]].tolist()
        scored = batch.labels[n][batch.labels[n] != -100].tolist()
        answer_ids = tokenizer(answer)["input_ids"]
        assert read == [*tokenizer(question)["input_ids"], 0, *answer_ids[:-1]]
        assert scored == answer_ids
        first = int((batch.labels[n] != -100).nonzero()[0, 0])
        assert batch.decoder_ids[n, first] == 0  # the start token predicts the first answer token


def test_the_question_in_the_context(tokenizer):
    batch = Collator(tokenizer, tiny_config(question_in="context", answer_length=8))(items())
    assert batch.sources[1].data.shape[0] == 3  # encoded once per product and question
    assert batch.sources[0].row_of.tolist() == [0, 0, 1]
    assert torch.equal(batch.decoder_ids[:, 0], torch.zeros(3, dtype=torch.long))
    text = tokenizer.decode(batch.sources[1].data[1], skip_special_tokens=True)
    assert text.startswith("neck style | cotton kurta")


def test_each_distinct_question_is_encoded_once(tokenizer):
    batch = Collator(tokenizer, tiny_config())(items(answers=False))
    assert batch.question_ids.shape[0] == 2
    assert batch.labels is None
    assert batch.sources[0].mask.tolist() == [True, False]


def test_a_mark_belongs_to_its_letter():
    """Byte pairs are joined within words alone, so Hindi's must not be cut at its vowel signs."""
    tokenizer = train_tokenizer(["सूती कुर्ता", "பருத்தி சட்டை"] * 20, 600)
    assert len(tokenizer.tokenize("सूती कुर्ता பருத்தி சட்டை")) == 4
