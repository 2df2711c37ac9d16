"""A saved model folder -> answers. Evaluation, backfill and the served model all go through here."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from moemoe.batches.collate import ImageSlot, KnownQuestions, ModelInput, item_sources
from moemoe.errors import ConfigError
from moemoe.inference.answering import Answering
from moemoe.inference.product_query import ProductQuery
from moemoe.model.outputs import Answer
from moemoe.model.system import Fitted, TrainableSystem
from moemoe.schemas import AS_IS, IMAGE_BLANKED, TEXT_BLANKED, TITLE_ONLY, UNANSWERABLE
from moemoe.shards.dataset import Product, ShardedDataset
from moemoe.shards.decode import ImageReader
from moemoe.shards.image_features import ImageFeatures
from moemoe.shards.loader import prefetch
from moemoe.sources import IMAGE, TEXT, image_index, images_read, kind_of
from moemoe.systems.saved import load_with_collator
from moemoe.threads import at_most

#: Products of one batch; on a CPU so few that what a layer reads and writes stays in its cache.
CPU_PRODUCTS, GPU_PRODUCTS = 16, 64
#: Batches answered at once on a CPU, at most: each takes memory of its own, and Python runs in one thread at a time.
MOST_WORKERS = 16


def product_question(
    product: Product,
    features: Sequence[np.ndarray | None] | None = None,
    condition: str = AS_IS,
    applies: Collection[str] = (),
) -> ProductQuery:
    """All labelled attributes of a dataset's product, asked in a ``condition`` of PREDICTIONS; see ``ProductQuery``.

    A condition hides all images, all texts, or all of the texts but the title.
    """
    no_image, no_text = (condition in (blanked, UNANSWERABLE) for blanked in (IMAGE_BLANKED, TEXT_BLANKED))
    text, title_alone = product.text, condition == TITLE_ONLY
    return ProductQuery(
        context="" if no_text else text.of_source(TEXT, title_alone) or "",
        image=None if no_image else product.image,
        attributes=list(product.values),
        product_id=product.product_id,
        features=None if no_image else features,
        further_images=() if no_image else product.further_images,
        text=None if no_text else text,
        title_alone=title_alone,
        applies=applies,
    )


def _size(question: ProductQuery) -> tuple[int, int]:
    """The sort key by which products of one batch have similar lengths, so that little is padded."""
    return len(question.context) // 64, len(question.attributes)


def _chunks(rows: list[int], size: int) -> list[list[int]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


class Predictor:
    """A system ready to answer, on the GPU if there is one; ``collator`` as ``System.collator_class`` makes it.

    An answer's confidence is temperature-scaled (see ``answering``); an empty answer is an abstention: confidence 0.
    A product whose image does not decode is answered from its text; ``images.quarantine`` names it.

    Args:
        values: likely answers of each attribute; with these, generation is faster and has the same answers.

    Raises:
        ConfigError: ``answering`` restricts the answers of a system that does not generate them.
    """

    def __init__(
        self,
        model: TrainableSystem | Fitted,
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
                raise ConfigError("canonical decoding is for models that generate text; this one selects known values")
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

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that the system reads, by the names of ``moemoe.sources``."""
        return self.model.config.sources

    def answer(self, questions: Iterable[ProductQuery]) -> list[list[Answer]]:
        """For each product its answers, in the order asked. Products without attributes get an empty list.

        A GPU answers one batch after the other, while the next ones are collated. A CPU answers several batches at a
        time, each in one thread; so the answers are the same bits however many there are.
        """
        everything = list(questions)
        asked = [index for index, question in enumerate(everything) if question.attributes]
        asked.sort(key=lambda index: _size(everything[index]))
        chunks = _chunks(asked, GPU_PRODUCTS if self.device.type == "cuda" else CPU_PRODUCTS)
        one_by_one = self.device.type == "cuda" or len(chunks) < 2
        workers = min(torch.get_num_threads(), len(chunks), MOST_WORKERS)
        answers: list[list[Answer]] = [[] for _ in everything]
        with nullcontext() if one_by_one else at_most(1):
            known = self._encode_questions(sorted({name for index in asked for name in everything[index].attributes}))

            def collate(chunk: list[int]) -> Any:
                items = self.items([everything[index] for index in chunk])
                return self.collator(items) if known is None else self.collator(items, known)

            def answer(batch: Any) -> list[Answer]:
                return self.model.answer(batch.to(self.device), self.collator)

            answered: Iterator[list[Answer]]
            if one_by_one:
                answered = map(answer, prefetch(collate, chunks))
            else:
                answered = prefetch(lambda chunk: answer(collate(chunk)), chunks, workers, 2 * workers)
            for chunk, found in zip(chunks, answered, strict=True):
                of_chunk = iter(found)
                for index in chunk:
                    answers[index] = [self._calibrated(next(of_chunk)) for _ in everything[index].attributes]
        return answers

    def _calibrated(self, answer: Answer) -> Answer:
        confidence = float(self.answering.confidence(np.array(answer.confidence))) if answer.value else 0.0
        return replace(answer, confidence=confidence)

    def image_features(self, dataset: ShardedDataset) -> ImageFeatures | None:
        """The cached features of a dataset's images for this model; None if it has none to cache."""
        encoder = getattr(self.model, "image_encoder", None)
        if encoder is None or not encoder.has_features:
            return None
        if self._features is None or self._features[0] is not dataset:
            images = images_read(self.sources)
            self._features = dataset, ImageFeatures(dataset, encoder, images=images)
        return self._features[1]

    def items(self, questions: Sequence[ProductQuery]) -> list[ModelInput]:
        """The items of one batch; its images' features are used if all of them are known."""
        names = [name for name in self.sources if kind_of(name) == IMAGE]
        images = (question.image_of(name) for question in questions for name in names)
        known = all(data is None or features is not None for data, features in images)
        return [self._item(question, known) for question in questions]

    def _item(self, question: ProductQuery, features_known: bool) -> ModelInput:
        config = self.model.config

        def image(name: str) -> np.ndarray | None:
            data, features = question.image_of(name)
            if data is None or features_known:
                return features
            slot = ImageSlot(np.empty((1, config.image.size, config.image.size, 3), np.uint8), 0)
            product_id, number = partial(str, question.product_id), image_index(name)
            decodes = self.images.read(data, product_id, slot.pixels_BHWC[0], number)
            return np.asarray(slot) if decodes else None

        def source(name: str) -> np.ndarray | str | None:
            return image(name) if kind_of(name) == IMAGE else question.text_of(name)

        sources = item_sources(config.sources, source)
        shows = any(not isinstance(given, str) or given for given in sources if given is not None)
        return ModelInput(sources, question.attributes, applies=question.applies if shows else ())

    @torch.inference_mode()
    def _encode_questions(self, questions: list[str]) -> KnownQuestions | None:
        """Every question of a catalog, encoded once; None for systems that do not encode questions separately."""
        model: Any = self.model
        if not questions or not getattr(model.config, "has_question_encoder", False):
            return None
        ids, mask = self.collator.questions(questions)
        states, _ = model.encode_questions(ids.to(self.device), mask.to(self.device))
        return KnownQuestions(questions, ids, mask, states)
