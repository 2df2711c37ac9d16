"""A saved model folder -> answers. Evaluation, backfill and the served model all go through here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from moemoe.model.batch import Batch
from moemoe.model.collate import Collator, Item, KnownQuestions, PictureSlot
from moemoe.model.generation import generate
from moemoe.model.moemoe import MoEMoE
from moemoe.model.tokenizer import load_tokenizer
from moemoe.shards.decode import PictureReader
from moemoe.shards.loader import prefetch

BATCH_PRODUCTS = 64


@dataclass
class Question:
    """One product and the attributes asked of it; ``image`` is encoded (JPEG, PNG, ...) or None."""

    context: str
    image: bytes | None
    attributes: Sequence[str]
    product_id: str = ""


@dataclass(frozen=True)
class Answer:
    """The model's value for one attribute of one product.

    Args:
        value: the generated text.
        confidence: probability of the whole answer, in [0, 1].
        image_weight, text_weight: the sources' shares (design: mean |alpha I| / (|alpha I| + |beta C|)); sum 1.
    """

    value: str
    confidence: float
    image_weight: float
    text_weight: float


class Predictor:
    """A model ready to answer, on the GPU where there is one.

    A product whose picture does not decode is answered from its text; ``pictures.quarantine`` names it.
    """

    def __init__(self, model: MoEMoE, collator: Collator):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device).eval()
        self.collator = collator
        self.pictures = PictureReader("evaluate")

    @classmethod
    def load(cls, folder: str | Path) -> "Predictor":
        """A predictor from a folder with ``config.json``, ``model.safetensors`` and the tokenizer."""
        model = MoEMoE.from_pretrained(folder)
        return cls(model, Collator(load_tokenizer(folder), model.config))

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
            pixels_BHWC = np.empty((len(questions), size, size, 3), np.uint8)
            sources = []
            for index, question in enumerate(questions):
                there = self.pictures.read(question.image, partial(str, question.product_id), pixels_BHWC[index])
                picture = PictureSlot(pixels_BHWC, index) if there else None
                sources.append(self.collator.one_of_each(picture, question.context))
            items = [Item(s, q.attributes) for q, s in zip(questions, sources, strict=True)]
            return chunk, self.collator(items, known)

        for chunk, batch in prefetch(collate, chunks):
            generated = generate(self.model, batch.to(self.device))
            values = self.collator.answers(generated.tokens_NA)
            rows = zip(values, generated.confidence_N.tolist(), generated.shares_NS.tolist(), strict=True)
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
