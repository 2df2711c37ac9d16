"""Model + shards -> the predictions table, one row per product, attribute and condition."""

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.batches.tokenizer import tokenizer_statistics
from moemoe.catalog.context import ProductText
from moemoe.contract.contract import Contract
from moemoe.correctness import are_right, is_right
from moemoe.inference.answering import Answering, fit_temperature
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
from moemoe.sources import IMAGE, TEXT, kind_of, kinds_of
from moemoe.storage import join
from moemoe.table_parts import ListedParts

CHUNK_PRODUCTS = 2048
RARE_SHARE = 0.01
OUT_OF_CONTEXT_PRODUCTS = 400
CONDITIONS = (AS_IS, WITHHELD, IMAGE_BLANKED, TEXT_BLANKED, TITLE_ONLY, UNANSWERABLE, NOT_APPLICABLE)


@dataclass
class ValueSets:
    """What the contract and the training split know of values.

    Args:
        contract: says which values are canonical, how they are spelled, and how far a measure may lie from another.
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


def write_predictions(
    predictor: Predictor, dataset: ShardedDataset, contract: Contract, kept: ListedParts, scratch: str
) -> tuple[Answering, np.ndarray]:
    """Writes PREDICTIONS of validation and test as the model is to see them, of test with the image and with the text
    blanked and with the title as the only text, and of questions out of context.

    Where the dataset withholds words, that is the condition ``withheld`` in place of ``as is``. Where a condition takes
    nothing from what the system reads, its answers are those of the main condition, and are not computed again. Test
    is asked with and without image and text together, so that a text is encoded once, and what a row says of its
    product found once.
    Memory holds a part of each of three conditions, and 8 bytes a row of the main condition.

    Args:
        predictor: at temperature 1.
        kept: where the predictions are written, confidences scaled by the temperature that validation gives.
        scratch: a local folder for the validation answers, until the temperature is known, and for those of test with a
            source blanked.

    Returns:
        What to write beside the model, and the unscaled confidences of validation and test in the main condition, the
        first rows of the table, [N].

    Raises:
        StorageError: a disk is full.
    """
    values, main = ValueSets.of(dataset, contract), main_condition(dataset)
    unscaled = ListedParts(join(scratch, "validation"), PREDICTIONS)
    with unscaled.writing() as spill:
        spill.write_all(predict_split(predictor, dataset, "validation", main, values))
    answering = calibrate(unscaled, predictor.answering)
    probability = [np.empty(0)]
    kinds, rows = kinds_of(predictor.sources), dataset.rows("test")
    blanked = [condition for kind, condition in ((IMAGE, IMAGE_BLANKED), (TEXT, TEXT_BLANKED)) if kind in kinds]
    spills = {condition: ListedParts(join(scratch, condition), PREDICTIONS) for condition in blanked}

    def asked(split: str, condition: str) -> Iterator[pa.Table]:
        return predict_split(predictor, dataset, split, condition, values)

    with kept.writing() as written:
        for part in unscaled:
            probability.append(part["confidence"].to_numpy())
            written.write(_scaled(part, answering))
        with ExitStack() as stack:
            writers = [stack.enter_context(spill.writing()) for spill in spills.values()]
            for part, *others in _predict(predictor, dataset, rows, [main, *blanked], values):
                probability.append(part["confidence"].to_numpy())
                written.write(_scaled(part, answering))
                for writer, other in zip(writers, others, strict=True):
                    writer.write(_scaled(other, answering))
        test = range(len(unscaled), len(written))
        for condition in (IMAGE_BLANKED, TEXT_BLANKED):
            unchanged = (_relabelled(written.part(index), condition) for index in test)
            written.write_all(spills.get(condition, unchanged))
        longer = _longer_than_their_title(predictor, dataset)
        parts = _predict(predictor, dataset, longer, [TITLE_ONLY], values)
        written.write_all(_scaled(part, answering) for [part] in parts)
        products = pa.array([dataset.product_id(row) for row in longer.tolist()], pa.string())
        for index in test:
            part = written.part(index)
            same = part.filter(pc.invert(pc.is_in(part["product_id"], products)))
            written.write(_relabelled(same, TITLE_ONLY))
        for condition in (UNANSWERABLE, NOT_APPLICABLE):
            written.write_all(_scaled(part, answering) for part in asked("test", condition))
    return answering, np.concatenate(probability)


def _longer_than_their_title(predictor: Predictor, dataset: ShardedDataset) -> np.ndarray:
    """The test products that the condition ``title only`` takes a text from; none for a system that reads no text."""
    names = [name for name in predictor.sources if kind_of(name) == TEXT]

    def is_longer(text: ProductText) -> bool:
        return any(text.of_source(name, title_alone=True) != text.of_source(name) for name in names)

    return np.array([row for row in dataset.rows("test") if names and is_longer(dataset[row].text)], np.int64)


def _relabelled(predictions: pa.Table, condition: str) -> pa.Table:
    place = predictions.schema.get_field_index("condition")
    column = pa.repeat(pa.scalar(condition, predictions.schema.field(place).type), predictions.num_rows)
    return predictions.set_column(place, predictions.schema.field(place), column)


def _scaled(predictions: pa.Table, answering: Answering) -> pa.Table:
    """Predictions made at temperature 1 with the confidences of ``answering``; one of 0 stays 0."""
    place = predictions.schema.get_field_index("confidence")
    confidence = pa.array(answering.confidence(predictions["confidence"].to_numpy()))
    return predictions.set_column(place, predictions.schema.field(place), confidence)


def predict_test(predictor: Predictor, dataset: ShardedDataset, contract: Contract) -> Iterator[pa.Table]:
    """PREDICTIONS of test in the main condition, in parts."""
    return predict_split(predictor, dataset, "test", main_condition(dataset), ValueSets.of(dataset, contract))


def main_condition(dataset: ShardedDataset) -> str:
    """``withheld`` if words are hidden in all texts, else ``as is``."""
    return WITHHELD if dataset.hidden.words else AS_IS


def calibrate(validation: Iterable[pa.Table], answering: Answering) -> Answering:
    """``answering`` with the temperature that validation gives.

    Args:
        validation: parts of PREDICTIONS, made at temperature 1. An empty answer does not count.
    """
    confidence, correct = [np.empty(0)], [np.empty(0, bool)]
    for part in validation:
        part = part.filter(pc.not_equal(part["prediction"], ""))
        confidence.append(part["confidence"].to_numpy())
        correct.append(are_right(part["prediction"], part["gold"], part["tolerance"]))
    temperature = fit_temperature(np.concatenate(confidence), np.concatenate(correct))
    return replace(answering, temperature=temperature)


def predict_split(
    predictor: Predictor, dataset: ShardedDataset, split: str, condition: str, values: ValueSets
) -> Iterator[pa.Table]:
    """PREDICTIONS for all labelled attributes of a split's products, in parts of CHUNK_PRODUCTS products.

    ``condition``: ``as is`` or ``withheld`` (what the dataset gives), ``image blanked`` (no image is shown), ``text
    blanked`` (an empty context), ``title only`` (no bullet points, no description), ``unanswerable`` (neither text nor
    image), or ``not applicable``: attributes that no product of the type has are asked instead. The last two take
    OUT_OF_CONTEXT_PRODUCTS products at most.

    Raises:
        ValueError: another ``condition``.
    """
    if condition not in CONDITIONS:
        raise ValueError(f"condition {condition!r}")
    rows = dataset.rows(split)
    if condition in (UNANSWERABLE, NOT_APPLICABLE):
        rows = rows[:OUT_OF_CONTEXT_PRODUCTS]
    return (part for [part] in _predict(predictor, dataset, rows, [condition], values))


def _predict(
    predictor: Predictor, dataset: ShardedDataset, rows: np.ndarray, conditions: Sequence[str], values: ValueSets
) -> Iterator[list[pa.Table]]:
    """PREDICTIONS of ``rows``, in parts of CHUNK_PRODUCTS products: one table for each condition, asked together."""
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
    """What a row of PREDICTIONS has of the product, whatever the condition and the answer."""
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
