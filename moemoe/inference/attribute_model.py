"""A registered model's folder: a predictor with the contract and the thresholds that make its answers usable."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from moemoe.contract.contract import Contract
from moemoe.contract.load import load_contract
from moemoe.errors import ConfigError
from moemoe.inference.answering import ANSWERING
from moemoe.inference.catalog_rows import CatalogQuery
from moemoe.inference.labels import LabelReader
from moemoe.inference.named_values import NamedValues
from moemoe.inference.preprocessing import PREPROCESSING, check_preprocessing
from moemoe.inference.thresholds import GUARDED, PLAIN, THRESHOLDS, UNFAMILIAR, Thresholds

if TYPE_CHECKING:  # these import torch, which a step that only names this class does not need
    from moemoe.inference.predictor import Predictor
    from moemoe.model.outputs import Answer

CONTRACT = "contract.yaml"


@dataclass(frozen=True)
class AttributeModel:
    """The model as serving and backfill use it."""

    predictor: "Predictor"
    contract: Contract
    thresholds: Thresholds

    @classmethod
    def load(cls, folder: str | Path) -> "AttributeModel":
        """From a folder with the model's own files, contract, thresholds and preprocessing.

        Raises:
            ConfigError: a file is missing or damaged, or this code would preprocess images differently.
        """
        from moemoe.inference.predictor import Predictor

        for name in (CONTRACT, THRESHOLDS, PREPROCESSING, ANSWERING):
            if not (Path(folder) / name).is_file():
                raise ConfigError(f"{folder} does not hold a registered model: {name} is missing")
        contract, thresholds = load_contract(Path(folder) / CONTRACT), Thresholds.load(folder)
        predictor = Predictor.load(folder, values=contract.canonical_values())
        check_preprocessing(folder)  # reads config.json, which loading has checked
        model = cls(predictor, contract, thresholds)
        asked = {name for names in model.attributes.values() for name in names}
        known = {CONTRACT: contract.attributes, ANSWERING: predictor.answering.values}
        for name, attributes in known.items():
            if attributes is not None and (lacking := sorted(asked - set(attributes))):
                raise ConfigError(
                    f"{folder}/{name} lacks {', '.join(lacking)[:200]}, which {THRESHOLDS} has; copy its folder again "
                    "from the run"
                )
        return model

    @cached_property
    def attributes(self) -> dict[str, list[str]]:
        """The attributes that the model answers, by product type."""
        return self.thresholds.attributes()

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that the model reads, by the names of ``moemoe.sources``."""
        return self.predictor.sources

    @cached_property
    def labels(self) -> LabelReader:
        """Reads a product's raw labels by the contract."""
        return LabelReader(self.contract)

    @cached_property
    def named_values(self) -> NamedValues:
        """Finds the contract's values in texts."""
        return NamedValues(self.contract)

    def judge(
        self, question: CatalogQuery, attribute: str, answer: "Answer", threshold_kind: str
    ) -> tuple["Answer", bool]:
        """The answer to use, and whether it is accepted: a value of the contract that reaches its threshold.

        In an unfamiliar store, values that the text names take precedence over what the model learned elsewhere. If the
        text names one value, that is the answer, with a confidence of 1 and without any weight of an image. If it names
        several, the model's answer must be one of them. An answer that the text names needs the plain threshold, any
        other the guarded one.
        """
        if threshold_kind == UNFAMILIAR:
            named = self.named_values.named(attribute, question.context)
            if len(named) == 1:
                answer = replace(answer.of_text_alone(self.sources), value=next(iter(named)), confidence=1.0)
            elif named and answer.value not in named:
                return answer, False
            is_named = named or self.named_values.names(attribute, answer.value, question.context)
            threshold_kind = PLAIN if is_named else GUARDED
        threshold = self.thresholds.threshold(question.product_type, attribute, threshold_kind)
        reached = threshold is not None and answer.confidence >= threshold
        return answer, reached and self.contract.allows(attribute, answer.value)
