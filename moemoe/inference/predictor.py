"""A saved model folder -> answers. Evaluation, backfill and the served model all go through here."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from moemoe.batches.collate import ImageSlot, Item, KnownQuestions, one_of_each
from moemoe.errors import ConfigError
from moemoe.inference.answering import Answering
from moemoe.model.moemoe import MoEMoE
from moemoe.model.outputs import Answer
from moemoe.model.system import Fitted, Trained
from moemoe.schemas import AS_IS, IMAGE_BLANKED, TEXT_BLANKED, TITLE_ONLY, UNANSWERABLE
from moemoe.shards.dataset import Product, ShardedDataset
from moemoe.shards.decode import ImageReader
from moemoe.shards.image_features import ImageFeatures
from moemoe.shards.loader import prefetch
from moemoe.systems.saved import load_with_collator

#: Products of one batch. A CPU is quickest where what a layer reads and writes stays in its cache.
CPU_PRODUCTS, GPU_PRODUCTS = 16, 64
#: Batches answered at once on a CPU, at most: each takes memory of its own, and Python runs in one thread at a time.
MOST_WORKERS = 16


@dataclass
class Question:
    """One product and the attributes asked of it; ``image`` is encoded (JPEG, PNG, ...) or None.

    ``features``: the image's, half [P, W], where they are known (``Predictor.image_features``).
    """

    context: str
    image: bytes | None
    attributes: Sequence[str]
    product_id: str = ""
    features: np.ndarray | None = None


def product_question(product: Product, features: np.ndarray | None = None, condition: str = AS_IS) -> Question:
    """All labelled attributes of a dataset's product, asked in a ``condition`` of PREDICTIONS."""
    context = product.title_context if condition == TITLE_ONLY else product.context
    blanked = condition in (IMAGE_BLANKED, UNANSWERABLE)
    return Question(
        context="" if condition in (TEXT_BLANKED, UNANSWERABLE) else context,
        image=None if blanked else product.image,
        attributes=list(product.values),
        product_id=product.product_id,
        features=None if blanked else features,
    )


def _size(question: Question) -> tuple[int, int]:
    """What makes products of one batch alike: little is padded."""
    return len(question.context) // 64, len(question.attributes)


def _chunks(rows: list[int], size: int) -> list[list[int]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Within it, threads that begin compute with one thread each, as this one does.

    Threads that share every operation of a small model wait for each other more than they compute; batches beside each
    other do not, and their answers are the same bits however many there are.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class Predictor:
    """A system ready to answer, on the GPU where there is one; ``collator`` as ``System.collator_class`` makes it.

    An answer's confidence is temperature-scaled (see ``answering``); an empty answer is an abstention: confidence 0.
    A product whose image does not decode is answered from its text; ``images.quarantine`` names it.

    Args:
        values: what each attribute's answers are likely to be; changes no answer, makes generating faster.

    Raises:
        ConfigError: ``answering`` restricts the answers of a system that does not generate them.
    """

    def __init__(
        self,
        model: Trained | Fitted,
        collator: Any,
        answering: Answering | None = None,
        values: Mapping[str, Collection[str]] | None = None,
    ):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device).eval() if isinstance(model, nn.Module) else model
        self.collator = collator
        self.images = ImageReader("evaluate")
        self.answering = answering or Answering()
        self._features: tuple[ShardedDataset, ImageFeatures] | None = None
        if self.answering.values is not None:
            if not hasattr(collator, "restrict_answers"):
                raise ConfigError("canonical decoding is for models that generate; this one has values of its own")
            collator.restrict_answers(self.answering.values)
        elif values is not None and hasattr(collator, "draft_answers"):
            collator.draft_answers(values)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        answering: Answering | None = None,
        values: Mapping[str, Collection[str]] | None = None,
    ) -> "Predictor":
        """A predictor from a folder with ``config.json``, ``model.safetensors`` and, if trained, its tokenizers.

        ``answering`` overrides the folder's ``answering.json``.
        """
        return cls(*load_with_collator(folder), answering or Answering.load(folder), values)

    def answer(self, questions: Iterable[Question]) -> list[list[Answer]]:
        """For each product its answers, in the order asked. Products without attributes get an empty list."""
        everything = list(questions)
        asked = [index for index, question in enumerate(everything) if question.attributes]
        asked.sort(key=lambda index: _size(everything[index]))
        chunks = _chunks(asked, GPU_PRODUCTS if self.device.type == "cuda" else CPU_PRODUCTS)
        attributes = sorted({name for index in asked for name in everything[index].attributes})
        answers: list[list[Answer]] = [[] for _ in everything]

        def settle(chunk: list[int], given: Iterator[Answer]) -> None:
            for index in chunk:
                answers[index] = [self._settled(next(given)) for _ in everything[index].attributes]

        def collate(chunk: list[int]) -> Any:
            items = self.items([everything[index] for index in chunk])
            return self.collator(items) if known is None else self.collator(items, known)

        def answer(chunk: list[int]) -> list[Answer]:
            return self.model.answer(collate(chunk).to(self.device), self.collator)

        if self.device.type == "cuda" or len(chunks) < 2:
            known = self._encode_questions(attributes)
            for chunk, batch in zip(chunks, prefetch(collate, chunks), strict=True):
                settle(chunk, iter(self.model.answer(batch.to(self.device), self.collator)))
            return answers
        workers = min(torch.get_num_threads(), len(chunks), MOST_WORKERS)
        with _one_thread_each():
            known = self._encode_questions(attributes)
            for chunk, given in zip(chunks, prefetch(answer, chunks, workers, 2 * workers), strict=True):
                settle(chunk, iter(given))
        return answers

    def _settled(self, answer: Answer) -> Answer:
        confidence = float(self.answering.confidence(np.array(answer.confidence))) if answer.value else 0.0
        return replace(answer, confidence=confidence)

    def image_features(self, dataset: ShardedDataset) -> ImageFeatures | None:
        """What is kept of a dataset's images for this model; None if it has no frozen image encoder."""
        encoder = getattr(self.model, "image_encoder", None)
        if encoder is None or not encoder.frozen:
            return None
        if self._features is None or self._features[0] is not dataset:
            self._features = dataset, ImageFeatures(dataset, encoder)
        return self._features[1]

    def items(self, questions: Sequence[Question]) -> list[Item]:
        """The items of one batch; its images' features are used if all of them are known."""
        known = all(question.features is not None or question.image is None for question in questions)
        return [self._item(question, known) for question in questions]

    def _item(self, question: Question, features_known: bool) -> Item:
        config = self.model.config
        image = None
        if question.image is not None and features_known:
            image = question.features
        elif question.image is not None and "image" in config.sources:
            size = config.image.size
            slot = ImageSlot(np.empty((1, size, size, 3), np.uint8), 0)
            there = self.images.read(question.image, partial(str, question.product_id), slot.pixels_BHWC[0])
            image = np.asarray(slot) if there else None
        return Item(one_of_each(config.sources, image, question.context), question.attributes)

    @torch.inference_mode()
    def _encode_questions(self, questions: list[str]) -> KnownQuestions | None:
        """Every question of a catalog, encoded once; None for systems that do not encode questions apart."""
        if not questions or not isinstance(self.model, MoEMoE) or not self.model.config.has_question_encoder:
            return None
        ids, mask = self.collator.questions(questions)
        states, _ = self.model.encode_questions(ids.to(self.device), mask.to(self.device))
        return KnownQuestions(questions, ids, mask, states)
