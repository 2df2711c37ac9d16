"""NER-MQMRC (Shrimal et al. 2022): BERT reads a text and all its questions at once and tags each question's answer.

The input is [text, end, question 1, ENT, question 2, ENT, ...]. The state of each text token times the state of a
question's ENT gives the token's tag for that question: B (the answer begins), I (it goes on), O (neither).

Text only and extractive. Training tags mark where the gold value occurs in the text, as whole words in any letter
case; if it does not occur, all tags are O. So the model can only answer what the text spells out; otherwise its answer
is empty, with confidence 0. An extracted text becomes the attribute's value that equals it up to letter case, and
stays unchanged if there is none.

Shapes: R rows (a product with as many questions as fit), L tokens, K text tokens, N examples, D width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import regex
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from moemoe.baselines.config import BaselineConfig, TextWithNgrams
from moemoe.baselines.items import NO_ANSWER
from moemoe.batches.batch import Tensors
from moemoe.batches.collate import ModelInput, SourceCollator, pad
from moemoe.errors import ConfigError
from moemoe.model.files import SavedModule
from moemoe.model.ngrams import NgramEmbedding
from moemoe.model.outputs import Answer, Losses
from moemoe.model.pretrained import load_weights
from moemoe.words import whole

O, B, I = 0, 1, 2  # noqa: E741
Span = tuple[int, int]


@dataclass(frozen=True)
class BertText(TextWithNgrams):
    """BERT from scratch, or a BERT checkpoint (hub name or folder) in ``pretrained``."""

    vocab_size: int = 4096
    width: int = 128
    layers: int = 4
    heads: int = 4
    feed_forward: int = 256
    dropout_rate: float = 0.0
    positions: int = 512


@dataclass(frozen=True)
class NerMqMrcConfig(BaselineConfig):
    """Texts are truncated to ``context_length`` tokens, questions to ``question_length``."""

    sources = ("text",)
    nested: ClassVar[dict[str, Any]] = {"text": BertText}

    text: BertText = field(default_factory=BertText)
    context_length: int = 96
    question_length: int = 16
    values: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self):
        if self.text.positions < self.context_length + self.question_length + 1:
            raise ConfigError(
                f"ner-mqmrc: text.positions is {self.text.positions}; a text of {self.context_length} tokens and a "
                f"question of {self.question_length} need {self.context_length + self.question_length + 1}"
            )


@dataclass
class TaggedBatch(Tensors):
    """Rows of a text and its questions.

    Args:
        ids, mask, kinds: [R, L]; kinds are BERT's token types, 0 in the text and 1 in the questions.
        row_of, entity_at: int64 [N], an example's row and the position of its ENT.
        in_text: bool [R, K], the tokens that stand for characters of the text.
        tags: int64 [N, K], -100 outside the text; None for inference.
        texts, offsets, questions: each row's text, its tokens' character offsets, and each example's question.
    """

    ids: Tensor
    mask: Tensor
    kinds: Tensor
    row_of: Tensor
    entity_at: Tensor
    in_text: Tensor
    tags: Tensor | None
    texts: list[str]
    offsets: list[list[Span]]
    questions: list[str]

    def counts(self) -> Tensor:
        """Numbers of scored tags, of examples, and of images (0), int64 [3]."""
        assert self.tags is not None
        examples = torch.ones_like(self.row_of).sum()
        return torch.stack([(self.tags != -100).sum(), examples, torch.zeros_like(examples)])


def spans_of(value: str, text: str) -> list[Span]:
    """Where ``value`` occurs in ``text`` as whole words, in any letter case."""
    found = regex.finditer(whole(value, regex.escape(value)), text, regex.IGNORECASE | regex.VERSION1) if value else ()
    return [match.span() for match in found]


def tags_of(spans: Sequence[Span], offsets: Sequence[Span]) -> list[int]:
    """BIO tags of tokens at ``offsets`` for answers at ``spans``."""
    tags = [O] * len(offsets)
    for start, end in spans:
        inside = [i for i, (first, last) in enumerate(offsets) if first < end and last > start and first < last]
        for rank, index in enumerate(inside):
            tags[index] = B if rank == 0 else I
    return tags


def decode(tags: Sequence[int], probabilities: Sequence[float]) -> tuple[int, int, float] | None:
    """The most likely tagged answer: first token, last token + 1, product of its tags' probabilities.

    An I after an O begins an answer too. None if all tags are O.
    """
    best, start = None, 0
    while start < len(tags):
        if tags[start] == O:
            start += 1
            continue
        end, confidence = start + 1, probabilities[start]
        while end < len(tags) and tags[end] == I:
            confidence *= probabilities[end]
            end += 1
        if best is None or confidence > best[2]:
            best = (start, end, confidence)
        start = end
    return best


class TaggedCollator(SourceCollator):
    """Builds a ``TaggedBatch`` from model inputs. ENT has the first id after the tokenizer's vocabulary."""

    def __call__(self, items: Sequence[ModelInput]) -> TaggedBatch:
        """A batch of all questions of all ``items``; a product takes several rows if one cannot hold its questions."""
        texts = [str(item.sources[0] or "") for item in items]
        with self._lock:
            encoded = self.tokenizer(
                texts, truncation=True, max_length=self.config.context_length, return_offsets_mapping=True
            )
        rows: list[list[int]] = []
        row_of, entity_at, tags, questions, row_texts, offsets = [], [], [], [], [], []
        for index, item in enumerate(items):
            own, places = encoded["input_ids"][index], [tuple(place) for place in encoded["offset_mapping"][index]]
            rows.append([])
            for rank, question in enumerate(item.questions):
                ahead = [*self._question(question), self.entity]
                if not rows[-1] or len(rows[-1]) + len(ahead) > self.config.text.positions:
                    if rows[-1]:
                        rows.append([])
                    rows[-1].extend(own)
                    row_texts.append(texts[index])
                    offsets.append(places)
                rows[-1].extend(ahead)
                row_of.append(len(rows) - 1)
                entity_at.append(len(rows[-1]) - 1)
                questions.append(question)
                if item.answers is not None:
                    tags.append(tags_of(spans_of(item.answers[rank], texts[index]), places))
        ids, mask = pad(rows)
        kinds = torch.zeros_like(ids)
        K = max(len(places) for places in offsets)
        in_text = torch.zeros(len(rows), K, dtype=torch.bool)
        for index, places in enumerate(offsets):
            kinds[index, len(places) :] = mask[index, len(places) :].long()
            in_text[index, : len(places)] = torch.tensor([first < last for first, last in places])
        rows_N = torch.tensor(row_of)
        tags_NK = pad(tags)[0] if tags else None
        if tags_NK is not None:
            tags_NK = F.pad(tags_NK, (0, K - tags_NK.shape[1])).masked_fill(~in_text[rows_N], -100)
        return TaggedBatch(
            ids, mask, kinds, rows_N, torch.tensor(entity_at), in_text, tags_NK, row_texts, offsets, questions
        )

    @property
    def entity(self) -> int:
        """The id of ENT."""
        return self.config.text.vocab_size

    def _question(self, question: str) -> list[int]:
        if question not in self._tokens:
            with self._lock:
                self._tokens[question] = self.tokenizer(question, add_special_tokens=False)["input_ids"]
        return self._tokens[question][: self.config.question_length]


class NerMqMrc(SavedModule):
    """BERT and one tag classifier."""

    name = "ner-mqmrc"
    config_class = NerMqMrcConfig
    collator_class = TaggedCollator
    limits = "answers only what the text spells out, and reads no image"

    def __init__(self, config: NerMqMrcConfig):
        super().__init__()
        self.config = config
        text = config.text
        self.bert = BertModel(
            BertConfig(
                vocab_size=text.vocab_size + 1,
                hidden_size=text.width,
                num_hidden_layers=text.layers,
                num_attention_heads=text.heads,
                intermediate_size=text.feed_forward,
                hidden_dropout_prob=text.dropout_rate,
                attention_probs_dropout_prob=text.dropout_rate,
                max_position_embeddings=text.positions,
            ),
            add_pooling_layer=False,
        )
        if text.ngrams.orders:
            self.bert.set_input_embeddings(NgramEmbedding(self.bert.get_input_embeddings(), text.ngrams))
        self.tag = nn.Linear(text.width, 3)

    @classmethod
    def create(cls, config: NerMqMrcConfig) -> "NerMqMrc":
        """A new model; BERT's weights are loaded if the config names them."""
        if config.text.pretrained is None:
            return cls(config)
        bert = load_bert(config.text.pretrained)
        text = config.text.with_sizes_of(bert.config)
        bert.resize_token_embeddings(text.vocab_size + 1)
        model = cls(replace(config, text=text))
        model.bert.load_state_dict(bert.state_dict())
        return model

    @classmethod
    def check(cls, config: NerMqMrcConfig) -> None:
        """Raises ConfigError if ``config`` names pretrained weights that cannot be loaded."""
        if config.text.pretrained is not None:
            load_bert(config.text.pretrained)

    @property
    def token_embeddings(self) -> list[nn.Parameter]:
        """BERT's table."""
        return [self.bert.get_input_embeddings().weight]

    def recompute_activations(self) -> None:
        """Enables gradient checkpointing of BERT."""
        self.bert.gradient_checkpointing_enable()

    def logits(self, batch: TaggedBatch) -> Tensor:
        """The tags' logits [N, K, 3]."""
        states_RLD = self.bert(batch.ids, batch.mask.long(), batch.kinds).last_hidden_state
        entity_ND = states_RLD[batch.row_of, batch.entity_at]
        K = batch.in_text.shape[1]
        return self.tag(states_RLD[:, :K][batch.row_of] * entity_ND[:, None])

    def forward(self, batch: TaggedBatch) -> Losses:
        """Cross-entropy over the tags of the text's tokens, all questions together."""
        assert batch.tags is not None
        logits = self.logits(batch).float().flatten(0, 1)
        return Losses.of_cross_entropy(F.cross_entropy(logits, batch.tags.flatten(), reduction="sum"), batch.counts())

    @torch.inference_mode()
    def answer(self, batch: TaggedBatch, collator: TaggedCollator) -> list[Answer]:
        """The extracted text, as the attribute's value if it is one; empty, with confidence 0, if all tags are O."""
        probability_NK, tag_NK = self.logits(batch).float().softmax(-1).max(-1)
        tag_NK = tag_NK.masked_fill(~batch.in_text[batch.row_of], O)
        answers = []
        for question, row, tags, probabilities in zip(
            batch.questions, batch.row_of.tolist(), tag_NK.tolist(), probability_NK.tolist(), strict=True
        ):
            found = decode(tags, probabilities)
            if found is None:
                answers.append(NO_ANSWER)
                continue
            places = batch.offsets[row]
            surface = batch.texts[row][places[found[0]][0] : places[found[1] - 1][1]].strip()
            answers.append(Answer(self._canonical(question, surface), found[2], 0.0, 1.0))
        return answers

    def _canonical(self, question: str, surface: str) -> str:
        known = {value.casefold(): value for value in self.config.values.get(question, [])}
        return known.get(surface.casefold(), surface)


def load_bert(name: str) -> BertModel:
    """A BERT checkpoint. Raises ConfigError if it cannot be loaded."""
    return load_weights(BertModel, name, add_pooling_layer=False)
