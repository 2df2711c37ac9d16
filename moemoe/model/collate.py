"""From texts and pixels to a ``Batch``: the one place that knows how a question reaches the model.

``question_in: decoder``: the decoder reads [question, end, start, answer]; the context is encoded once per product.
``question_in: context``: the context begins with the question and is encoded once per product and question; the
decoder reads [start, answer]. Either way the question encoder sees each distinct question of the batch once.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from moemoe.model.config import ModelConfig
from moemoe.model.moemoe import Batch


@dataclass
class Item:
    """One product and its questions.

    Args:
        context: its text.
        image: uint8 [3, H, W], or None where there is no picture.
        questions: attribute names.
        answers: one value per question for training, None for generation.
    """

    context: str
    image: np.ndarray | None
    questions: Sequence[str]
    answers: Sequence[str] | None = None


class Collator:
    """Builds batches for one model from one tokenizer."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, config: ModelConfig):
        self.tokenizer = tokenizer
        self.config = config
        self._tokens: dict[str, list[int]] = {}  # questions and values come from small closed sets
        self._lock = threading.Lock()  # a fast tokenizer keeps its truncation setting in itself

    def __call__(self, items: Sequence[Item]) -> Batch:
        """A batch of all questions of all ``items``."""
        config, size = self.config, self.config.image.size
        questions = sorted({question for item in items for question in item.questions})
        row = {question: index for index, question in enumerate(questions)}
        pairs = [(index, question) for index, item in enumerate(items) for question in item.questions]
        product_N = torch.tensor([index for index, _ in pairs])
        if config.question_in == "context":
            contexts = [f"{question} | {items[index].context}" for index, question in pairs]
            image_of, context_of = product_N, torch.arange(len(pairs))
        else:
            contexts = [item.context for item in items]
            image_of, context_of = torch.arange(len(items)), product_N
        context_ids, context_mask = _pad(self._encode_contexts(contexts))
        question_ids, question_mask = _pad([self._short(q, config.question_length) for q in questions])
        decoder_ids, decoder_mask, labels = self._decoder_side(items)
        images = np.zeros((len(items), 3, size, size), dtype=np.uint8)
        for index, item in enumerate(items):
            if item.image is not None:
                images[index] = item.image
        return Batch(
            context_ids=context_ids,
            context_mask=context_mask,
            images=torch.from_numpy(images),
            has_image=torch.tensor([item.image is not None for item in items]),
            image_of=image_of,
            question_ids=question_ids,
            question_mask=question_mask,
            context_of=context_of,
            question_of=torch.tensor([row[question] for _, question in pairs]),
            decoder_ids=decoder_ids,
            decoder_mask=decoder_mask,
            labels=labels,
        )

    def answers(self, tokens_NA: Tensor) -> list[str]:
        """Generated tokens as text."""
        return self.tokenizer.batch_decode(tokens_NA.tolist(), skip_special_tokens=True)

    def _decoder_side(self, items: Sequence[Item]) -> tuple[Tensor, Tensor, Tensor | None]:
        start = [self.tokenizer.pad_token_id]
        prefixes, answers = [], []
        for item in items:
            for index, question in enumerate(item.questions):
                ahead = self._short(question, self.config.question_length)
                prefixes.append((ahead if self.config.question_in == "decoder" else []) + start)
                if item.answers is not None:
                    answers.append(self._short(item.answers[index], self.config.answer_length))
        ids, mask = _pad(prefixes, left=True)
        if not answers:
            return ids, mask, None
        answer_ids, answer_mask = _pad(answers)
        labels = torch.cat([torch.full_like(ids[:, 1:], -100), answer_ids.masked_fill(~answer_mask, -100)], dim=1)
        return (
            torch.cat([ids, answer_ids[:, :-1]], dim=1),
            torch.cat([mask, answer_mask[:, 1:]], dim=1),  # the end token is scored, never read
            labels,
        )

    def _encode_contexts(self, contexts: list[str]) -> list[list[int]]:
        with self._lock:
            return self.tokenizer(contexts, truncation=True, max_length=self.config.context_length)["input_ids"]

    def _short(self, text: str, length: int) -> list[int]:
        if text not in self._tokens:
            with self._lock:
                self._tokens[text] = self.tokenizer(text)["input_ids"]
        tokens = self._tokens[text]
        return tokens if len(tokens) <= length else [*tokens[: length - 1], tokens[-1]]


def _pad(rows: list[list[int]], left: bool = False) -> tuple[Tensor, Tensor]:
    width = max(len(row) for row in rows)
    ids = np.zeros((len(rows), width), dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=bool)
    for index, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(0, len(row))
        ids[index, place] = row
        mask[index, place] = True
    return torch.from_numpy(ids), torch.from_numpy(mask)
