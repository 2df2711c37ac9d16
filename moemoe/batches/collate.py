"""Builds a ``Batch`` from texts and pixels; only this module decides where a question enters the model.

``question_in: decoder``: the decoder reads [question, end, start, answer]; the context is encoded once per product.
``question_in: context``: the context begins with the question and is encoded once per product and question; the
decoder reads [start, answer]. Either way the question encoder sees each distinct question of the batch once.
"""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from moemoe.batches.batch import Batch, Source
from moemoe.batches.tokenizer import ENCODER_TOKENIZER, load_tokenizer
from moemoe.batches.trie import Drafts, Trie
from moemoe.batches.value_tree import ValueTree
from moemoe.sources import IMAGE, TEXT, kinds_of

#: In a trie, any attribute without values, such as one that the contract has got since the model was trained.
_OTHER = ""


@dataclass(frozen=True)
class ImageSlot:
    """A decoded image in the buffer of its batch: the buffer, uint8 [B, H, W, 3], and the image's index in it."""

    pixels_BHWC: np.ndarray
    index: int

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The image, uint8 [3, H, W]."""
        return self.pixels_BHWC[self.index].transpose(2, 0, 1)


@dataclass
class ModelInput:
    """One product and its questions.

    Args:
        sources: in the order of ``ModelConfig.sources``, None if absent. A text, or its token ids from
            ``SourceCollator.encode``; an image as uint8 [3, H, W], or as a slot in the batch's buffer, or (then for
            all items of a batch) as features of a frozen ``ImageEncoder``, half [P, W].
        questions: attribute names.
        answers: one value per question for training, None for generation.
        applies: the questions whose generated answers must not be empty, see ``ProductQuery``.
    """

    sources: Sequence[str | np.ndarray | ImageSlot | None]
    questions: Sequence[str]
    answers: Sequence[str] | None = None
    applies: Collection[str] = ()


def item_sources(
    names: Sequence[str], given: Callable[[str], str | np.ndarray | ImageSlot | None]
) -> list[str | np.ndarray | ImageSlot | None]:
    """``ModelInput.sources`` of a product, None for each source that is absent or hidden.

    If all sources are absent, the first text source is an empty text, so that the decoder has something to attend to.
    """
    sources = [given(name) for name in names]
    kinds = kinds_of(names)
    if TEXT in kinds and all(source is None for source in sources):
        sources[kinds.index(TEXT)] = ""
    return sources


@dataclass
class KnownQuestions:
    """Questions that are already encoded: their token ids and mask [U, J], and their states [U, J, D]."""

    questions: Sequence[str]
    ids: Tensor
    mask: Tensor
    states_UJD: Tensor

    def rows(self, questions: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
        """Ids, mask and states of ``questions``."""
        place = {question: index for index, question in enumerate(self.questions)}
        index = torch.tensor([place[question] for question in questions])
        return self.ids[index], self.mask[index], self.states_UJD[index.to(self.states_UJD.device)]


class SourceCollator:
    """The collation of images and texts that all systems share; ``config`` has ``sources`` and ``context_length``.

    ``encoder_tokenizer`` tokenizes contexts, and questions for their encoder; None: the decoder's tokenizer does.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        config: Any,
        encoder_tokenizer: PreTrainedTokenizerBase | None = None,
    ):
        self.tokenizer = tokenizer
        self.encoder_tokenizer = tokenizer if encoder_tokenizer is None else encoder_tokenizer
        self.config = config
        self._tokens: dict[str, list[int]] = {}  # a cache: questions and values come from small closed sets
        self._encoder_tokens = self._tokens if encoder_tokenizer is None else {}
        self._lock = threading.Lock()  # a fast tokenizer's truncation setting is shared state

    def _images(self, images: Sequence[np.ndarray | ImageSlot | None], row_of: Tensor) -> Source:
        there = torch.tensor([image is not None for image in images])
        features = next((p for p in images if isinstance(p, np.ndarray) and p.dtype == np.float16), None)
        if features is not None:
            none = np.zeros_like(features)
            half_IPW = np.stack([none if image is None else np.asarray(image) for image in images])
            return Source(torch.from_numpy(half_IPW), there, row_of)
        size = self.config.image.size
        slots = [image for image in images if isinstance(image, ImageSlot)]
        if slots and len(slots[0].pixels_BHWC) == len(images):
            pixels_BHWC = slots[0].pixels_BHWC
        else:
            pixels_BHWC = np.zeros((len(images), size, size, 3), dtype=np.uint8)
            for index, image in enumerate(images):
                if image is not None:
                    pixels_BHWC[index] = np.asarray(image).transpose(1, 2, 0)
        return Source(torch.from_numpy(pixels_BHWC).permute(0, 3, 1, 2), there, row_of)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of contexts, truncated to ``context_length``."""
        with self._lock:
            length = self.config.context_length
            return self.encoder_tokenizer(list(texts), truncation=True, max_length=length)["input_ids"]

    def save_tokenizers(self, folder: str | Path) -> None:
        """Writes the decoder's tokenizer, and in a subfolder the encoder's if that is another; see ``collator_of``."""
        self.tokenizer.save_pretrained(folder)
        if self.encoder_tokenizer is not self.tokenizer:
            self.encoder_tokenizer.save_pretrained(Path(folder) / ENCODER_TOKENIZER)

    def _short(self, text: str, length: int) -> list[int]:
        return self._cut(text, length, self.tokenizer, self._tokens)

    def _cut(
        self, text: str, length: int, tokenizer: PreTrainedTokenizerBase, known: dict[str, list[int]]
    ) -> list[int]:
        """Token ids of a short text, cached in ``known``; if too long, it is truncated but keeps its last token."""
        if text not in known:
            with self._lock:
                known[text] = tokenizer(text)["input_ids"]
        tokens = known[text]
        return tokens if len(tokens) <= length else [*tokens[: length - 1], tokens[-1]]


def collator_of(system: Any, tokenizer: PreTrainedTokenizerBase | None, config: Any, folder: str | Path) -> Any:
    """The collator of a ``system``; a ``text.encoder`` has its own tokenizer, loaded from below ``folder``."""
    if getattr(getattr(config, "text", None), "encoder", None) is None:
        return system.collator_class(tokenizer, config)
    return system.collator_class(tokenizer, config, load_tokenizer(Path(folder) / ENCODER_TOKENIZER))


class Collator(SourceCollator):
    """Builds batches for one sequence-to-sequence model (of a ``ModelConfig``)."""

    trie: Trie | None = None
    drafts: Drafts | None = None

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        config: Any,
        encoder_tokenizer: PreTrainedTokenizerBase | None = None,
    ):
        super().__init__(tokenizer, config, encoder_tokenizer)
        self._trees: dict[tuple[str, ...], ValueTree] = {}

    def restrict_answers(self, values: Mapping[str, Sequence[str]]) -> None:
        """Restricts generated answers to an attribute's ``values`` from now on; other attributes get none."""
        self.trie = Trie.of({**values, _OTHER: ()}, self._answer, self.tokenizer.eos_token_id)

    def draft_answers(self, values: Mapping[str, Sequence[str]]) -> None:
        """Drafts generated answers from an attribute's ``values`` from now on: the same free answers, sooner."""
        self.drafts = Drafts.of(values, self._answer, self.tokenizer.eos_token_id)

    def value_tree(self, values: Sequence[str]) -> ValueTree:
        """The tree of an attribute's values, built once and cached."""
        key = tuple(values)
        if key not in self._trees:
            self._trees[key] = ValueTree.of(values, self._answer)
        return self._trees[key]

    def __call__(self, items: Sequence[ModelInput], known: KnownQuestions | None = None) -> Batch:
        """A batch of all questions of all ``items``; for questions in ``known`` the stored states are used."""
        questions = sorted({question for item in items for question in item.questions})
        row = {question: index for index, question in enumerate(questions)}
        pairs = [(index, question) for index, item in enumerate(items) for question in item.questions]
        product_of = torch.tensor([index for index, _ in pairs])
        if self.config.question_in == "context":
            image_of, product_of = product_of, torch.arange(len(pairs))
        else:
            image_of = torch.arange(len(items))
        sources = []
        for index, kind in enumerate(kinds_of(self.config.sources)):
            if kind == IMAGE:
                sources.append(self._images([item.sources[index] for item in items], image_of))
            else:
                sources.append(self._texts([item.sources[index] for item in items], pairs, share=known is not None))
        states = None
        if known is None:
            question_ids, question_mask = self.questions(questions)
        else:
            question_ids, question_mask, states = known.rows(questions)
        decoder_ids, decoder_mask, labels = self._decoder_side(items)
        return Batch(
            sources=sources,
            question_ids=question_ids,
            question_mask=question_mask,
            product_of=product_of,
            question_of=torch.tensor([row[question] for _, question in pairs]),
            decoder_ids=decoder_ids,
            decoder_mask=decoder_mask,
            labels=labels,
            question_UJD=states,
            root_N=self._roots([question for _, question in pairs]),
            applies_N=torch.tensor([question in items[index].applies for index, question in pairs]),
        )

    def _roots(self, questions: Sequence[str]) -> Tensor | None:
        if self.trie is not None:
            other = self.trie.roots[_OTHER]
            return torch.tensor([self.trie.roots.get(question, other) for question in questions])
        if self.drafts is not None:
            return torch.tensor([self.drafts.roots.get(question, -1) for question in questions])
        return None

    def _answer(self, value: str) -> list[int]:
        return self._short(value, self.config.answer_length)

    def questions(self, questions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token ids and mask [U, J] for the question encoder."""
        length, tokenizer = self.config.question_length, self.encoder_tokenizer
        return pad([self._cut(question, length, tokenizer, self._encoder_tokens) for question in questions])

    def _texts(self, texts: Sequence[Any], pairs: Sequence[tuple[int, str]], share: bool) -> Source:
        """Tokens of texts; if ``share``, equal texts share one row, so that they are encoded once."""
        if self.config.question_in == "context":
            texts = [None if (text := texts[index]) is None else f"{question} | {text}" for index, question in pairs]
        strings = [text for text in texts if isinstance(text, str)]
        cut = iter(self.encode(strings) if strings else [])
        rows = [next(cut) if isinstance(text, str) else () if text is None else text for text in texts]
        if not share:
            return Source(*pad(rows), torch.arange(len(rows)))
        place: dict[tuple[int, ...], int] = {}
        row_of = [place.setdefault(tuple(row), len(place)) for row in rows]
        return Source(*pad(list(place)), torch.tensor(row_of))

    def answers(self, tokens_NA: Tensor, leaf_N: Tensor | None = None) -> list[str]:
        """Generated tokens as text; if answers are restricted, the values of the trie's leaves."""
        if leaf_N is not None and self.trie is not None:
            return [self.trie.values[leaf] for leaf in leaf_N.tolist()]
        return self.tokenizer.batch_decode(tokens_NA.tolist(), skip_special_tokens=True)

    def _decoder_side(self, items: Sequence[ModelInput]) -> tuple[Tensor, Tensor, Tensor | None]:
        start = [self.tokenizer.pad_token_id]
        prefixes, answers = [], []
        for item in items:
            for index, question in enumerate(item.questions):
                ahead = self._short(question, self.config.question_length)
                prefixes.append((ahead if self.config.question_in == "decoder" else []) + start)
                if item.answers is not None:
                    answers.append(self._answer(item.answers[index]))
        ids, mask = pad(prefixes, left=True)
        if not answers:
            return ids, mask, None
        answer_ids, answer_mask = pad(answers)
        labels = torch.cat([torch.full_like(ids[:, 1:], -100), answer_ids.masked_fill(~answer_mask, -100)], dim=1)
        return (
            torch.cat([ids, answer_ids[:, :-1]], dim=1),
            torch.cat([mask, answer_mask[:, 1:]], dim=1),  # the end token is scored, but never an input
            labels,
        )


def pad(rows: Sequence[Sequence[int] | np.ndarray], left: bool = False) -> tuple[Tensor, Tensor]:
    """Ids int64 and mask bool, [rows, longest, at least 1], padded with 0 on the right, or on the ``left``."""
    width = max([1, *map(len, rows)])
    ids = np.zeros((len(rows), width), dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=bool)
    for index, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(0, len(row))
        ids[index, place] = row
        mask[index, place] = True
    return torch.from_numpy(ids), torch.from_numpy(mask)
