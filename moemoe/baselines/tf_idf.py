"""TF-IDF and a logistic regression per attribute: what a practitioner tries first. Text only, closed set of values.

Shapes: B products, F features (word n-grams), C values of an attribute.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from moemoe.baselines.config import BaselineConfig
from moemoe.baselines.items import ItemBatch, ItemCollator
from moemoe.batches.collate import ModelInput
from moemoe.errors import ConfigError
from moemoe.model.files import read_config, write_config
from moemoe.model.outputs import Answer, Distribution
from moemoe.words import with_one_i, words


@dataclass(frozen=True)
class TfIdfConfig(BaselineConfig):
    """Features are n-grams of up to ``ngrams`` words in at least ``min_products`` products, at most ``max_features``.

    ``penalty``: C of scikit-learn's logistic regression, the inverse of the L2 penalty. ``tolerance``: a regression
    stops when a pass over its products changes no weight by more than this share of the largest. ``titles``: whether
    each product is trained on a second time with its title only, for catalogs where many products have only a title.
    ``values``: see ``with_catalog``.
    """

    sources = ("text",)

    ngrams: int = 2
    min_products: int = 2
    max_features: int = 50_000
    penalty: float = 10.0
    max_iterations: int = 200
    tolerance: float = 0.005
    titles: bool = False
    values: dict[str, list[str]] = field(default_factory=dict)


def check_scikit_learn(system: str) -> None:
    """Raises ConfigError if scikit-learn is not installed."""
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"model {system} needs scikit-learn, which is not installed: pip install scikit-learn"
        ) from error


def _without_case(text: str) -> str:
    return with_one_i(text.lower())


class Vectorizer:
    """scikit-learn's TF-IDF with sublinear counts, stored as a vocabulary and its weights."""

    def __init__(self, config: Any, vocabulary: Sequence[str] | None = None, idf_F: np.ndarray | None = None):
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._own = TfidfVectorizer(
            ngram_range=(1, config.ngrams),
            min_df=1 if vocabulary is not None else config.min_products,
            max_features=config.max_features,
            vocabulary=vocabulary,
            sublinear_tf=True,
            preprocessor=_without_case,
            tokenizer=words,  # single letters and digits are words too, e.g. sizes and counts
            token_pattern=None,
            dtype=np.float32,
        )
        if idf_F is not None:
            self._own.idf_ = idf_F

    def fit(self, texts: Sequence[str]) -> Any:
        """Learns the vocabulary and returns the texts' sparse vectors [B, F].

        Raises:
            ConfigError: no word occurs in enough products.
        """
        try:
            return self._own.fit_transform(texts)
        except ValueError as error:
            raise ConfigError(
                f"no word occurs in {self._own.min_df} of the {len(texts)} training products, as TF-IDF needs; give a "
                "larger catalog, or --set min_products=1"
            ) from error

    def __call__(self, texts: Sequence[str]) -> Any:
        """Sparse vectors [B, F]."""
        return self._own.transform(texts)

    @property
    def vocabulary(self) -> list[str]:
        """The n-grams in the order of the features."""
        return self._own.get_feature_names_out().tolist()

    @property
    def idf(self) -> np.ndarray:
        """Their inverse document frequencies."""
        return self._own.idf_.astype(np.float32)


class TfIdf:
    """One multinomial logistic regression per attribute over all product types; confidence = class probability.

    Args:
        coefficients: per attribute [C, F] and [C]; also with two values C rows, the first of them 0.
    """

    config_class = TfIdfConfig
    collator_class = ItemCollator
    limits = "answers only values that occur in the training split, and reads no image"

    def __init__(
        self, config: TfIdfConfig, vectorizer: Vectorizer, coefficients: dict[str, tuple[np.ndarray, np.ndarray]]
    ):
        self.config, self.vectorizer = config, vectorizer
        # stored by feature, the layout that scipy multiplies: else every batch would copy them
        self.coefficients = {name: (np.asfortranarray(w_CF), b_C) for name, (w_CF, b_C) in coefficients.items()}

    @classmethod
    def check(cls, config: TfIdfConfig) -> None:
        """Raises ConfigError if scikit-learn is not installed, or refuses the penalty."""
        check_scikit_learn("tf-idf")
        if not config.penalty > 0:
            raise ConfigError(f"penalty is {config.penalty}; allowed is more than 0")

    @classmethod
    def fit(cls, config: TfIdfConfig, items: Iterable[ModelInput], seed: int) -> "TfIdf":
        """Learns vocabulary and regressions, see ``Fitted.fit``.

        An attribute with only one value needs no regression; an attribute that no item has is left out.
        """
        cls.check(config)
        from sklearn.linear_model import LogisticRegression

        texts: list[str] = []
        rows: dict[str, list[int]] = {name: [] for name in config.values}
        targets: dict[str, list[int]] = {name: [] for name in config.values}
        place = {name: {value: index for index, value in enumerate(known)} for name, known in config.values.items()}
        for item in items:
            for question, answer in zip(item.questions, item.answers or (), strict=True):
                rows[question].append(len(texts))
                targets[question].append(place[question][answer])
            texts.append(str(item.sources[0]))
        config = replace(config, values={name: own for name, own in config.values.items() if rows[name]})
        vectorizer = Vectorizer(config)
        vectors_BF = vectorizer.fit(texts)
        coefficients = {}
        for name, known in config.values.items():
            weight_CF = np.zeros((len(known), vectors_BF.shape[1]), dtype=np.float32)
            bias_C = np.full(len(known), -np.inf, dtype=np.float32)  # -inf for a value that never was a target
            present = np.unique(targets[name])
            if len(present) == 1:
                bias_C[present] = 0.0
            else:
                own_BF = vectors_BF[rows[name]]
                seen = np.unique(own_BF.indices)  # the weights of other features stay 0
                model = LogisticRegression(
                    C=config.penalty,
                    solver="sag",  # here ten times as fast as lbfgs, and as good
                    tol=config.tolerance,
                    max_iter=config.max_iterations,
                    random_state=seed,
                ).fit(own_BF[:, seen], targets[name])
                two = len(present) == 2  # scikit-learn then keeps only the second value's row
                weight_CF[np.ix_(present[-len(model.coef_) :], seen)] = model.coef_
                bias_C[present] = [0.0, model.intercept_[0]] if two else model.intercept_
            coefficients[name] = (weight_CF, bias_C)
        return cls(config, vectorizer, coefficients)

    def answer(self, batch: ItemBatch, collator: ItemCollator) -> list[Answer]:
        """The most likely value; for an attribute that the training split lacks an empty answer with confidence 0."""
        found: dict[tuple[int, str], Answer] = {}
        for name, asked, probability_BC in self._probabilities(batch):
            for index, row_C in zip(asked, probability_BC, strict=True):
                best = int(row_C.argmax())
                found[index, name] = Answer(self.config.values[name][best], float(row_C[best]), 0.0, 1.0)
        return batch.in_order(found)

    def distributions(
        self, batch: ItemBatch, collator: ItemCollator, asked: Sequence[str], values: Mapping[str, Sequence[str]]
    ) -> list[Distribution]:
        """The regressions' probabilities; uniform if there is no text or no regression."""
        found: dict[tuple[int, str], np.ndarray] = {}
        for name, rows, probability_BC in self._probabilities(batch):
            place = {value: index for index, value in enumerate(self.config.values[name])}
            known = [(c, place[value]) for c, value in enumerate(values[name]) if value in place]
            aligned_BC = np.zeros((len(rows), len(values[name])))
            aligned_BC[:, [c for c, _ in known]] = probability_BC[:, [own for _, own in known]]
            found |= {(index, name): row_C for index, row_C in zip(rows, aligned_BC, strict=True)}
        for index, item in enumerate(batch.items):
            if not item.sources[0]:
                found |= {(index, name): _uniform(values[name]) for name in item.questions}
        pairs = [(index, name) for index, item in enumerate(batch.items) for name in item.questions]
        return [Distribution(found.get((i, name), _uniform(values[name])), 0.0) for i, name in pairs]

    def _probabilities(self, batch: ItemBatch) -> Iterator[tuple[str, list[int], np.ndarray]]:
        """Each attribute with a regression, the items with its question, and their probabilities, float64 [B, C]."""
        vectors_BF = self.vectorizer([str(item.sources[0]) for item in batch.items])
        for name in sorted(batch.questions() & set(self.coefficients)):
            asked = [index for index, item in enumerate(batch.items) if name in item.questions]
            weight_CF, bias_C = self.coefficients[name]
            logits_BC = (vectors_BF[asked] @ weight_CF.T + bias_C).astype(np.float64)
            shares_BC = np.exp(logits_BC - logits_BC.max(1, keepdims=True))
            yield name, asked, shares_BC / shares_BC.sum(1, keepdims=True)

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes ``config.json``, ``vocabulary.json`` and ``model.safetensors``."""
        write_config(folder, "tf-idf", self.config)
        (Path(folder) / "vocabulary.json").write_text(json.dumps(self.vectorizer.vocabulary))
        tensors = {"idf": self.vectorizer.idf}
        for index, name in enumerate(self.config.values):
            weight_CF, tensors[f"{index}.bias"] = self.coefficients[name]
            tensors[f"{index}.weight"] = np.ascontiguousarray(weight_CF)
        save_file(tensors, Path(folder) / "model.safetensors")

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "TfIdf":
        """The inverse of ``save_pretrained``. Raises ConfigError if files are missing."""
        config = read_config(folder, TfIdfConfig)
        cls.check(config)
        tensors = load_file(Path(folder) / "model.safetensors")
        vectorizer = Vectorizer(config, json.loads((Path(folder) / "vocabulary.json").read_text()), tensors["idf"])
        return cls(
            config,
            vectorizer,
            {name: (tensors[f"{i}.weight"], tensors[f"{i}.bias"]) for i, name in enumerate(config.values)},
        )


def _uniform(values: Sequence[str]) -> np.ndarray:
    return np.full(len(values), 1 / len(values))
