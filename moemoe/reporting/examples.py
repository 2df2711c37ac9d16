"""Products to look at: confident errors, then answers that only the image gives, then right answers not accepted."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from moemoe.correctness import is_right
from moemoe.evaluation.cells import Cell, Cells
from moemoe.evaluation.evaluate import Evaluation
from moemoe.evaluation.source_weights import reads_images
from moemoe.reporting.document import (
    FAILURE,
    GOOD,
    WARNING,
    Badge,
    Block,
    Example,
    Examples,
    Image,
    Marked,
    Text,
)
from moemoe.reporting.document import Cell as Shown
from moemoe.schemas import IMAGE_BLANKED, PREDICTIONS, TEXT_BLANKED

ERRORS, FROM_IMAGE, ABSTAINED = 18, 6, 6
#: Most examples of one attribute, so that a page shows more than the worst attribute.
PER_ATTRIBUTE = 3
LONGEST_TEXT = 1200
#: Answers of each kind from which varied examples are chosen.
POOL = 5000
#: Kinds of examples, in their order on the page.
KINDS = {
    "confident error": FAILURE,
    "right, from the image alone": GOOD,
    "abstained, though right": WARNING,
}


@dataclass(frozen=True)
class ProductShown:
    """A product as needed to judge an answer: title, the text that the model reads, and a small image."""

    title: str
    text: str
    image: bytes | None


@dataclass(frozen=True)
class Chosen:
    """One answer to look at: its row of PREDICTIONS, its kind, and its cell's threshold.

    Args:
        image_alone, text_alone: the row for the same question if the model sees only that source; None if absent.
    """

    kind: str
    row: Mapping[str, Any]
    threshold: float
    image_alone: Mapping[str, Any] | None
    text_alone: Mapping[str, Any] | None


def choose(cells: Cells, evaluation: Evaluation) -> list[Chosen]:
    """The answers to look at, of the test split in the main condition."""
    thresholds = evaluation.thresholds()
    errors, right, abstained = _pools(cells, thresholds)
    asked = [*errors, *right, *abstained] if reads_images(cells.predictions, cells.condition) else []
    image, text = (_of_products(cells, shown, asked) for shown in (TEXT_BLANKED, IMAGE_BLANKED))
    from_image = [row for row in right if _right(image.get(_key(row))) and _right(text.get(_key(row))) is False]
    pools = ((errors, ERRORS), (from_image, FROM_IMAGE), (abstained, ABSTAINED))
    return [
        Chosen(kind, row, thresholds[row["product_type"], row["attribute"]], image.get(_key(row)), text.get(_key(row)))
        for kind, (pool, number) in zip(KINDS, pools, strict=True)
        for row in _varied(pool, number)
    ]


def example_blocks(
    chosen: Sequence[Chosen],
    products: Mapping[str, ProductShown],
    pattern: Callable[[str, str], re.Pattern[str]],
) -> list[Block]:
    """The chosen answers with their products.

    Args:
        products: by product id.
        pattern: attribute and value -> a pattern that finds the value's spellings in a text.
    """
    if not chosen:
        return [Text("No test answer is a confident error, right from the image alone, or right but not accepted.")]
    errors = sum(one.kind == "confident error" for one in chosen)
    said = (
        f"First the most confident accepted answers that differ from the catalog's label ({errors}, at most "
        f"{PER_ATTRIBUTE} per attribute). Some of these labels may be wrong. The spellings of both values are marked "
        "in the text."
        if errors
        else "No accepted answer differs from the catalog's label. The spellings of both values are marked in the text."
    )
    return [Text(said), Examples([_example(one, products[one.row["product_id"]], pattern) for one in chosen])]


def _example(one: Chosen, product: ProductShown, pattern: Callable[[str, str], re.Pattern[str]]) -> Example:
    row = one.row
    text = product.text[:LONGEST_TEXT] + ("\u2026" if len(product.text) > LONGEST_TEXT else "")
    patterns = (pattern(row["attribute"], value) for value in dict.fromkeys([*row["gold"], row["prediction"]]) if value)
    facts: list[tuple[str, Shown]] = [
        (row["attribute"], _said(row)),
        ("catalog", ", ".join(row["gold"])),
        ("threshold", "none: abstains" if math.isnan(one.threshold) else f"{one.threshold:.2f}"),
    ]
    if one.image_alone and one.text_alone:
        facts.append(("image alone", _said(one.image_alone) if row["has_image"] else "no image"))
        facts.append(("text alone", _said(one.text_alone)))
    facts.append(("product", f"{row['product_type']}, {row['product_id']}"))
    image = Image(product.image, product.title) if product.image else None
    badge = Badge(one.kind, KINDS[one.kind])
    return Example(image, product.title or "(no title)", badge, facts, Marked(text, _spans(text, patterns)))


def _said(row: Mapping[str, Any]) -> str:
    return f"{row['prediction'] or 'nothing'} ({row['confidence']:.2f})"


def _spans(text: str, patterns: Iterable[re.Pattern[str]]) -> list[tuple[int, int]]:
    """The spans that any of the patterns matches; overlapping ones are merged."""
    found = sorted(match.span() for pattern in patterns for match in pattern.finditer(text))
    spans: list[tuple[int, int]] = []
    for start, end in found:
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        elif end > start:
            spans.append((start, end))
    return spans


def _varied(rows: Sequence[Mapping[str, Any]], number: int) -> list[Mapping[str, Any]]:
    """The first ``number`` rows, at most PER_ATTRIBUTE per attribute and one per product."""
    taken: dict[str, int] = {}
    products: set[str] = set()
    found: list[Mapping[str, Any]] = []
    for row in rows:
        if len(found) == number:
            break
        if taken.get(row["attribute"], 0) < PER_ATTRIBUTE and row["product_id"] not in products:
            taken[row["attribute"]] = taken.get(row["attribute"], 0) + 1
            products.add(row["product_id"])
            found.append(row)
    return found


def _pools(cells: Cells, thresholds: Mapping[Cell, float]) -> list[list[dict[str, Any]]]:
    """The POOL most confident rows each: accepted errors, accepted right answers, right answers not accepted."""
    own = cells.of("test")
    if not own:
        return [[], [], []]

    def rows(accepted: bool, right: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for cell, each in own.items():
            mine = ((each.confidence >= thresholds[cell]) == accepted) & (each.correct == right)  # NaN accepts none
            yield each.row[mine], each.confidence[mine]

    return [cells.rows(_surest(rows(*kind))).to_pylist() for kind in ((True, False), (True, True), (False, True))]


def _surest(found: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The POOL most confident rows; ties keep their order."""
    rows, confidence = np.empty(0, np.uint32), np.empty(0)
    for more_rows, more_confidence in found:
        rows, confidence = np.concatenate([rows, more_rows]), np.concatenate([confidence, more_confidence])
        order = np.lexsort((rows, -confidence))[:POOL]
        rows, confidence = rows[order], confidence[order]
    return rows


def _of_products(
    cells: Cells, condition: str, rows: Iterable[Mapping[str, Any]]
) -> dict[tuple[str, str], dict[str, Any]]:
    """The answers to the same questions in another condition, by product and attribute."""
    wanted = {_key(row) for row in rows}

    def same(part: pa.Table) -> np.ndarray:
        keys = zip(part["product_id"].to_pylist(), part["attribute"].to_pylist(), strict=True)
        return np.array([key in wanted for key in keys], bool)

    found, _ = cells.answers(condition, PREDICTIONS.names, same)
    return {_key(row): row for row in found.to_pylist()}


def _right(row: Mapping[str, Any] | None) -> bool | None:
    return None if row is None else is_right(row["prediction"], row["gold"], row.get("tolerance"))


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["product_id"], row["attribute"]
