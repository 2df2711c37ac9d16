"""A saved model folder -> answers. Evaluation, backfill and the served model all go through here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from moemoe.inference.answering import Answering
from moemoe.model.batch import Batch
from moemoe.model.collate import Collator, Item, KnownQuestions
from moemoe.model.generation import generate
from moemoe.model.moemoe import MoEMoE
from moemoe.model.tokenizer import load_tokenizer
from moemoe.shards.loader import decode_image, prefetch

BATCH_PRODUCTS = 64


@dataclass
class Question:
    """One product and the attributes asked of it; ``image`` is encoded (JPEG, PNG, ...) or None."""

    context: str
    image: bytes | None
    attributes: Sequence[str]


@dataclass(frozen=True)
class Answer:
    """The model's value for one attribute of one product.

    Args:
        value: the generated text.
        confidence: that the whole answer is right, in [0, 1], see ``answering``; 0 for an empty answer, an abstention.
        image_weight, text_weight: the sources' shares (design: mean |alpha I| / (|alpha I| + |beta C|)); sum 1.
    """

    value: str
    confidence: float
    image_weight: float
    text_weight: float


class Predictor:
    """A model ready to answer, on the GPU where there is one."""

    def __init__(self, model: MoEMoE, collator: Collator, answering: Answering | None = None):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device).eval()
        self.collator = collator
        self.answering = answering or Answering()
        if self.answering.values is not None:
            self.collator.restrict_answers(self.answering.values)

    @classmethod
    def load(cls, folder: str | Path, answering: Answering | None = None) -> "Predictor":
        """A predictor from a folder with ``config.json``, ``model.safetensors`` and the tokenizer.

        ``answering`` overrides the folder's ``answering.json``.
        """
        model = MoEMoE.from_pretrained(folder)
        return cls(model, Collator(load_tokenizer(folder), model.config), answering or Answering.load(folder))

    def answer(self, questions: Iterable[Question]) -> list[list[Answer]]:
        """For each product its answers, in the order asked. Products without attributes get an empty list."""
        everything = list(questions)
        asked = [index for index, question in enumerate(everything) if question.attributes]
        chunks = [np.array(asked[i : i + BATCH_PRODUCTS]) for i in range(0, len(asked), BATCH_PRODUCTS)]
        answers: list[list[Answer]] = [[] for _ in everything]
        kinds = self.model.config.sources
        size = self.model.config.image.size
        known = self._encode_questions(sorted({name for index in asked for name in everything[index].attributes}))

        def collate(chunk: np.ndarray) -> tuple[np.ndarray, Batch]:
            questions = [everything[index] for index in chunk]
            images = [None if q.image is None else decode_image(q.image, size) for q in questions]
            sources = [self.collator.one_of_each(i, q.context) for q, i in zip(questions, images, strict=True)]
            items = [Item(s, q.attributes) for q, s in zip(questions, sources, strict=True)]
            return chunk, self.collator(items, known)

        for chunk, batch in prefetch(collate, chunks):
            trie = self.collator.trie
            generated = generate(self.model, batch.to(self.device), trie=trie and trie.to(self.device))
            values = self.collator.answers(generated.tokens_NA, generated.leaf_N)
            confidence = self.answering.confidence(generated.confidence_N.cpu().numpy())
            confidence[[not value for value in values]] = 0.0
            rows = zip(values, confidence.tolist(), generated.shares_NS.tolist(), strict=True)
            for index in chunk:
                for _ in everything[index].attributes:
                    value, confidence, shares = next(rows)
                    image, text = (
                        sum(share for share, own in zip(shares, kinds, strict=True) if own == kind)
                        for kind in ("image", "text")
                    )
                    answers[index].append(Answer(value, confidence, image, text))
        return answers

    @torch.inference_mode()
    def _encode_questions(self, questions: list[str]) -> KnownQuestions | None:
        """Every question of a catalog, encoded once."""
        if not questions or not self.model.config.has_question_encoder:
            return None
        ids, mask = self.collator.questions(questions)
        states, _ = self.model.encode_questions(ids.to(self.device), mask.to(self.device))
        return KnownQuestions(questions, ids, mask, states)
