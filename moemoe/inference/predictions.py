"""Model + shards -> the predictions table, one row per product, attribute and condition."""

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from moemoe.batches.tokenizer import tokenizer_statistics
from moemoe.contract.contract import Contract
from moemoe.correctness import is_right
from moemoe.inference.named_values import NamedValues
from moemoe.inference.predictor import Predictor, product_question
from moemoe.schemas import (
    AS_IS,
    IMAGE_BLANKED,
    NOT_APPLICABLE,
    PREDICTIONS,
    TEXT_BLANKED,
    TITLE_ONLY,
    UNANSWERABLE,
    WITHHELD,
)
from moemoe.shards.dataset import Product, ShardedDataset
from moemoe.sources import TEXT, kind_of

CHUNK_PRODUCTS = 2048
RARE_SHARE = 0.01
OUT_OF_CONTEXT_PRODUCTS = 400
CONDITIONS = (AS_IS, WITHHELD, IMAGE_BLANKED, TEXT_BLANKED, TITLE_ONLY, UNANSWERABLE, NOT_APPLICABLE)


@dataclass
class ValueSets:
    """The values of the contract and of the training split.

    Args:
        contract: has the canonical values, their spellings, and the tolerance of each measurement.
        training: attribute -> value -> number of training products with it.
        not_applicable: product type -> attributes that no product of the type has.
        applies: product type -> attributes that training products of the type have.
    """

    contract: Contract
    training: dict[str, Counter[str]] = field(default_factory=dict)
    not_applicable: dict[str, list[str]] = field(default_factory=dict)
    applies: dict[str, set[str]] = field(default_factory=dict)
    _like: dict[tuple[str, str], int] = field(default_factory=dict, repr=False)

    @cached_property
    def _named(self) -> NamedValues:
        return NamedValues(self.contract)

    @classmethod
    def of(cls, dataset: ShardedDataset, contract: Contract) -> "ValueSets":
        """Counts the training split's values."""
        applies: dict[str, set[str]] = {}
        for product_type, attribute in dataset.cell_value_counts("train"):
            applies.setdefault(product_type, set()).add(attribute)
        return cls(contract, dataset.value_counts("train"), dataset.not_applicable, applies)

    def tolerance(self, attribute: str) -> float | None:
        """How far a right answer may lie from the label; None for names."""
        known = self.contract.attributes.get(attribute)
        return known.tolerance if known else None

    def is_rare(self, attribute: str, gold: list[str]) -> bool:
        """Whether each gold value, with those within its tolerance, makes up under 1 % of the training labels."""
        counts = self.training.get(attribute, Counter())
        return all(self._number_like(attribute, value) < RARE_SHARE * max(counts.total(), 1) for value in gold)

    def is_unseen(self, attribute: str, gold: list[str]) -> bool:
        """Whether no training product has one of the gold values, or one within its tolerance."""
        return not any(self._number_like(attribute, value) for value in gold)

    def is_written(self, attribute: str, gold: list[str], context: str) -> bool:
        """Whether the context names a gold value, as whole words in a spelling of the contract."""
        return any(self._named.names(attribute, value, context) for value in gold)

    def _number_like(self, attribute: str, value: str) -> int:
        """Training products for which ``value`` would be right."""
        key = (attribute, value)
        if key not in self._like:
            counts, tolerance = self.training.get(attribute, Counter[str]()), self.tolerance(attribute)
            near = (count for other, count in counts.items() if is_right(value, (other,), tolerance))
            self._like[key] = counts[value] if tolerance is None else sum(near)
        return self._like[key]


def predict_test(predictor: Predictor, dataset: ShardedDataset, contract: Contract) -> Iterator[pa.Table]:
    """PREDICTIONS of test in the main condition, in parts."""
    return predict_split(predictor, dataset, "test", main_condition(dataset), ValueSets.of(dataset, contract))


def main_condition(dataset: ShardedDataset) -> str:
    """``withheld`` if words are hidden in all texts, else ``as is``."""
    return WITHHELD if dataset.hidden.words else AS_IS


def predict_split(
    predictor: Predictor, dataset: ShardedDataset, split: str, condition: str, values: ValueSets
) -> Iterator[pa.Table]:
    """PREDICTIONS for all labelled attributes of a split's products, in parts of CHUNK_PRODUCTS products.

    Args:
        condition: what the model is shown. ``as is`` or ``withheld``: what the dataset gives; ``image blanked``: no
            image; ``text blanked``: an empty context; ``title only``: neither bullet points nor description;
            ``unanswerable``: neither text nor image; ``not applicable``: everything, but the questions are of
            attributes that no product of the type has. Of the last two at most OUT_OF_CONTEXT_PRODUCTS products.

    Raises:
        ValueError: the condition is unknown.
    """
    if condition not in CONDITIONS:
        raise ValueError(f"condition {condition!r}")
    rows = dataset.rows(split)
    if condition in (UNANSWERABLE, NOT_APPLICABLE):
        rows = rows[:OUT_OF_CONTEXT_PRODUCTS]
    return (part for [part] in predict_rows(predictor, dataset, rows, [condition], values))


def predict_rows(
    predictor: Predictor, dataset: ShardedDataset, rows: np.ndarray, conditions: Sequence[str], values: ValueSets
) -> Iterator[list[pa.Table]]:
    """PREDICTIONS of some rows of the dataset, all conditions asked together.

    Args:
        rows: numbers of products, int [N].

    Yields:
        For every CHUNK_PRODUCTS products one table for each condition.
    """
    features, sources = predictor.image_features(dataset), predictor.sources
    for start in range(0, len(rows), CHUNK_PRODUCTS):
        chunk = rows[start : start + CHUNK_PRODUCTS].tolist()
        products = [dataset[row] for row in chunk]
        if NOT_APPLICABLE in conditions:
            products = [replace(p, values=_not_applicable(p, values.not_applicable)) for p in products]
        known = [features[row] if features is not None else None for row in chunk]
        answers = predictor.answer(
            product_question(product, own, condition, values.applies.get(product.product_type, ()))
            for product, own in zip(products, known, strict=True)
            for condition in conditions
        )
        records: list[list[dict[str, Any]]] = [[] for _ in conditions]
        for index, product in enumerate(products):
            given = answers[index * len(conditions) : (index + 1) * len(conditions)]
            context = product.context  # made of the texts at every call
            for place, (attribute, gold) in enumerate(product.values.items()):
                row = _row(product, context, attribute, gold, values)
                for own_records, condition, own_answers in zip(records, conditions, given, strict=True):
                    answer = own_answers[place]
                    own_records.append(
                        row
                        | {
                            "condition": condition,
                            "prediction": answer.value,
                            "confidence": answer.confidence,
                            "image_weight": answer.image_weight,
                            "text_weight": answer.text_weight,
                            "canonical": values.contract.allows(attribute, answer.value),
                            "source_weights": list(answer.by_source(sources).items()),
                        }
                    )
        yield [pa.Table.from_pylist(own_records, PREDICTIONS) for own_records in records]


def _row(product: Product, context: str, attribute: str, gold: list[str], values: ValueSets) -> dict[str, Any]:
    """The columns of PREDICTIONS that depend on product and attribute alone, not on condition or answer."""
    return {
        "product_id": product.product_id,
        "product_type": product.product_type,
        "marketplace": product.marketplace,
        "group": product.group,
        "attribute": attribute,
        "split": product.split,
        "gold": gold,
        "has_image": any(image is not None for image in product.images),
        "explicit": values.is_written(attribute, gold, context),
        "rare": values.is_rare(attribute, gold),
        "unseen": values.is_unseen(attribute, gold),
        "tolerance": values.tolerance(attribute),
    }


def _not_applicable(product: Product, attributes: dict[str, list[str]]) -> dict[str, list[str]]:
    """One attribute that the product's type never has, without gold; by product id, so always the same one."""
    choices: Sequence[str] = attributes.get(product.product_type, ())
    return {choices[zlib.crc32(product.product_id.encode()) % len(choices)]: []} if choices else {}


def tokenizer_metrics(predictor: Predictor, dataset: ShardedDataset) -> dict[str, float]:
    """How the model's tokenizer cuts the test split's texts, and how many are too long for the model.

    On a seller's words a pretrained tokenizer does badly. Fitted systems have no tokenizer and no such figure.
    """
    if predictor.collator.tokenizer is None:
        return {}
    names = [name for name in predictor.sources if kind_of(name) == TEXT]
    of_sources = (dataset[row].text.of_source(name) for row in dataset.rows("test") for name in names)
    texts = (text for text in of_sources if text is not None)
    found = tokenizer_statistics(predictor.collator.encoder_tokenizer, texts, predictor.model.config.context_length)
    return {f"tokenizer/{name}": value for name, value in vars(found).items()}
