"""A registered model's folder: a predictor with the contract and the thresholds that make its answers usable."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from moemoe.contract.contract import Contract
from moemoe.contract.load import load_contract
from moemoe.errors import ConfigError
from moemoe.inference.catalog_rows import CatalogQuery
from moemoe.inference.labels import LabelReader
from moemoe.inference.named_values import NamedValues
from moemoe.inference.predictor import Predictor
from moemoe.inference.preprocessing import PREPROCESSING, check_preprocessing
from moemoe.inference.thresholds import GUARDED, PLAIN, THRESHOLDS, UNFAMILIAR, Thresholds
from moemoe.model.outputs import Answer

CONTRACT = "contract.yaml"


@dataclass(frozen=True)
class AttributeModel:
    """What serving and backfill ask."""

    predictor: Predictor
    contract: Contract
    thresholds: Thresholds

    @classmethod
    def load(cls, folder: str | Path) -> "AttributeModel":
        """From a folder with the model's own files, contract, thresholds and preprocessing.

        Raises:
            ConfigError: a file is missing, or this code would treat images otherwise than the model's own.
        """
        for name in (CONTRACT, THRESHOLDS, PREPROCESSING):
            if not (Path(folder) / name).is_file():
                raise ConfigError(f"{folder} holds no registered model: {name} is missing")
        check_preprocessing(folder)
        contract = load_contract(Path(folder) / CONTRACT)
        return cls(Predictor.load(folder, values=contract.canonical_values()), contract, Thresholds.load(folder))

    @cached_property
    def attributes(self) -> dict[str, list[str]]:
        """What can be asked, by product type."""
        return self.thresholds.attributes()

    @property
    def sources(self) -> tuple[str, ...]:
        """What the model reads of a product, by the names of ``moemoe.sources``."""
        return self.predictor.sources

    @cached_property
    def labels(self) -> LabelReader:
        """Reads a product's raw labels by the contract."""
        return LabelReader(self.contract)

    @cached_property
    def named_values(self) -> NamedValues:
        """Finds the contract's values in texts."""
        return NamedValues(self.contract)

    def accepts(self, question: CatalogQuery, attribute: str, answer: Answer, threshold_kind: str) -> bool:
        """Whether an answer is a value of the contract and reaches its cell's threshold of that kind."""
        if not self.contract.allows(attribute, answer.value):
            return False
        if threshold_kind == UNFAMILIAR:
            if self.named_values.names_another(attribute, answer.value, question.context):
                return False
            threshold_kind = PLAIN if self.named_values.names(attribute, answer.value, question.context) else GUARDED
        threshold = self.thresholds.threshold(question.product_type, attribute, threshold_kind)
        return threshold is not None and answer.confidence >= threshold
