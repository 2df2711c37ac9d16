"""Model + shards -> the predictions table, one row per product, attribute and condition."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from moemoe.catalog.contract import Contract
from moemoe.inference.predictor import Predictor, Question
from moemoe.model.tokenizer import tokenizer_statistics
from moemoe.schemas import AS_IS, PICTURE_BLANKED, PREDICTIONS, TEXT_BLANKED
from moemoe.shards.dataset import Product, ShardedDataset

CHUNK_PRODUCTS = 2048
RARE_SHARE = 0.01


@dataclass
class ValueSets:
    """What the contract and the training split know of values.

    Args:
        canonical: attribute -> the contract's values.
        training: attribute -> value -> number of training products with it.
    """

    canonical: dict[str, set[str]]
    training: dict[str, Counter[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, dataset: ShardedDataset, contract: Contract) -> "ValueSets":
        """Counts the training split's values."""
        canonical = {name: set(attribute.values) for name, attribute in contract.attributes.items()}
        return cls(canonical, dataset.value_counts("train"))

    def is_rare(self, attribute: str, gold: list[str]) -> bool:
        """Whether each gold value makes up under 1 % of the attribute's training labels."""
        counts = self.training.get(attribute, Counter())
        return all(counts[value] < RARE_SHARE * max(counts.total(), 1) for value in gold)


def predict_all(predictor: Predictor, dataset: ShardedDataset, contract: Contract) -> pa.Table:
    """PREDICTIONS of validation and test as they are, and of test with the picture blanked."""
    values = ValueSets.of(dataset, contract)
    parts = [("validation", AS_IS), ("test", AS_IS), ("test", PICTURE_BLANKED)]
    return pa.concat_tables([predict_split(predictor, dataset, *part, values) for part in parts])


def predict_test(predictor: Predictor, dataset: ShardedDataset, contract: Contract) -> pa.Table:
    """PREDICTIONS of test as it is."""
    return predict_split(predictor, dataset, "test", AS_IS, ValueSets.of(dataset, contract))


def predict_split(
    predictor: Predictor, dataset: ShardedDataset, split: str, condition: str, values: ValueSets
) -> pa.Table:
    """PREDICTIONS for all labelled attributes of a split's products.

    ``condition``: ``as is``, ``picture blanked`` (no image is shown) or ``text blanked`` (an empty context).
    """
    if condition not in (AS_IS, PICTURE_BLANKED, TEXT_BLANKED):
        raise ValueError(f"condition {condition!r}")
    return pa.concat_tables(
        [PREDICTIONS.empty_table(), *_predict(predictor, dataset, dataset.rows(split), condition, values)]
    )


def _predict(
    predictor: Predictor, dataset: ShardedDataset, rows: np.ndarray, condition: str, values: ValueSets
) -> Iterator[pa.Table]:
    for start in range(0, len(rows), CHUNK_PRODUCTS):
        products = [dataset[row] for row in rows[start : start + CHUNK_PRODUCTS]]
        answers = predictor.answer(_question(product, condition) for product in products)
        records = []
        for product, given in zip(products, answers, strict=True):
            context = product.context.casefold()
            for (attribute, gold), answer in zip(product.values.items(), given, strict=True):
                records.append(
                    {
                        "product_id": product.product_id,
                        "product_type": product.product_type,
                        "marketplace": product.marketplace,
                        "group": product.group,
                        "attribute": attribute,
                        "split": product.split,
                        "condition": condition,
                        "gold": gold,
                        "prediction": answer.value,
                        "confidence": answer.confidence,
                        "image_weight": answer.image_weight,
                        "text_weight": answer.text_weight,
                        "has_image": product.image is not None,
                        "explicit": any(value.casefold() in context for value in gold),
                        "rare": values.is_rare(attribute, gold),
                        "canonical": answer.value in values.canonical.get(attribute, ()),
                    }
                )
        yield pa.Table.from_pylist(records, PREDICTIONS)


def _question(product: Product, condition: str) -> Question:
    return Question(
        context="" if condition == TEXT_BLANKED else product.context,
        image=None if condition == PICTURE_BLANKED else product.image,
        attributes=list(product.values),
        product_id=product.product_id,
    )


def tokenizer_metrics(predictor: Predictor, dataset: ShardedDataset) -> dict[str, float]:
    """How the model's tokenizer cuts the test split's texts; on a seller's words a pretrained one does badly.

    Fitted systems have no tokenizer and no such figure.
    """
    if predictor.collator.tokenizer is None:
        return {}
    found = tokenizer_statistics(predictor.collator.tokenizer, (dataset[row].context for row in dataset.rows("test")))
    return {f"tokenizer/{name}": value for name, value in vars(found).items()}
