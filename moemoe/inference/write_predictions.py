"""The predictions of an evaluation: validation and test in every condition, in one table, with scaled confidences."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.catalog.context import ProductText
from moemoe.contract.contract import Contract
from moemoe.correctness import are_right
from moemoe.inference.answering import Answering, fit_temperature
from moemoe.inference.predictions import ValueSets, main_condition, predict_rows, predict_split
from moemoe.inference.predictor import Predictor
from moemoe.schemas import IMAGE_BLANKED, NOT_APPLICABLE, PREDICTIONS, TEXT_BLANKED, TITLE_ONLY, UNANSWERABLE
from moemoe.shards.dataset import ShardedDataset
from moemoe.sources import IMAGE, TEXT, kind_of, kinds_of
from moemoe.storage import join
from moemoe.table_parts import ListedParts, PartWriter


def write_predictions(
    predictor: Predictor, dataset: ShardedDataset, contract: Contract, kept: ListedParts, scratch: str
) -> tuple[Answering, np.ndarray]:
    """Writes PREDICTIONS of validation and test.

    Validation is predicted in the main condition: ``as is``, or ``withheld`` if the dataset withholds words. Test is
    predicted in every condition; see ``predict_split``. Memory holds one part of each of three conditions, and 8 bytes
    a row of the main condition.

    Args:
        predictor: at temperature 1.
        kept: the table to write. Its confidences are scaled by the temperature fitted on validation.
        scratch: a local folder for predictions that have to wait: those of validation for the temperature, those of
            test with a source blanked for their place in the table.

    Returns:
        The decoding settings to save beside the model, and the unscaled confidences [N] of the main condition, whose
        rows come first in the table: validation, then test.

    Raises:
        StorageError: a disk is full.
    """
    values = ValueSets.of(dataset, contract)
    validation = ListedParts(join(scratch, "validation"), PREDICTIONS)
    with validation.writing() as spill:
        spill.write_all(predict_split(predictor, dataset, "validation", main_condition(dataset), values))
    answering = calibrate(validation, predictor.answering)
    with kept.writing() as table:
        writer = _PredictionWriter(predictor, dataset, values, answering, table)
        for part in validation:
            writer.add_main(part)
        writer.add_main_and_blanked(scratch)
        writer.add_title_only()
        writer.add_out_of_context()
    return answering, np.concatenate(writer.unscaled)


def calibrate(validation: Iterable[pa.Table], answering: Answering) -> Answering:
    """``answering`` with the temperature fitted on validation.

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


@dataclass
class _PredictionWriter:
    """Adds one condition after the other to ``table``.

    A condition that removes nothing that the model reads has the answers of the main condition, which are copied.
    ``unscaled`` collects the confidences of the main condition.
    """

    predictor: Predictor
    dataset: ShardedDataset
    values: ValueSets
    answering: Answering
    table: PartWriter
    unscaled: list[np.ndarray] = field(default_factory=lambda: [np.empty(0)])
    _test: range = field(default=range(0), init=False)  # the parts of test in the main condition

    def add_main(self, part: pa.Table) -> None:
        """Adds a part of the main condition at temperature 1."""
        self.unscaled.append(part["confidence"].to_numpy())
        self._add(part)

    def add_main_and_blanked(self, scratch: str) -> None:
        """Adds test in the main condition, then with the image blanked, then with the text blanked.

        All three are asked together, so that each text is encoded once and each product's values are looked up once.
        """
        kinds = kinds_of(self.predictor.sources)
        asked = [name for kind, name in ((IMAGE, IMAGE_BLANKED), (TEXT, TEXT_BLANKED)) if kind in kinds]
        spills = {name: ListedParts(join(scratch, name), PREDICTIONS) for name in asked}
        first = len(self.table)
        with ExitStack() as stack:
            writers = [stack.enter_context(spill.writing()) for spill in spills.values()]
            for part, *blanked in self._predict(self.dataset.rows("test"), main_condition(self.dataset), *asked):
                self.add_main(part)
                for writer, other in zip(writers, blanked, strict=True):
                    writer.write(self._scaled(other))
        self._test = range(first, len(self.table))
        for name in (IMAGE_BLANKED, TEXT_BLANKED):
            copies = (_relabelled(self.table.part(index), name) for index in self._test)
            self.table.write_all(spills.get(name, copies))

    def add_title_only(self) -> None:
        """Adds test with the title as the only text."""
        longer = self._rows_with_more_than_a_title()
        for [part] in self._predict(longer, TITLE_ONLY):
            self._add(part)
        products = pa.array([self.dataset.product_id(row) for row in longer.tolist()], pa.string())
        for index in self._test:
            part = self.table.part(index)
            same = part.filter(pc.invert(pc.is_in(part["product_id"], products)))
            self.table.write(_relabelled(same, TITLE_ONLY))

    def add_out_of_context(self) -> None:
        """Adds questions that have no answer."""
        for name in (UNANSWERABLE, NOT_APPLICABLE):
            for part in predict_split(self.predictor, self.dataset, "test", name, self.values):
                self._add(part)

    def _predict(self, rows: np.ndarray, *conditions: str) -> Iterable[list[pa.Table]]:
        return predict_rows(self.predictor, self.dataset, rows, conditions, self.values)

    def _add(self, part: pa.Table) -> None:
        self.table.write(self._scaled(part))

    def _scaled(self, part: pa.Table) -> pa.Table:
        """A part at temperature 1 with scaled confidences; one of 0 stays 0."""
        return _with_column(part, "confidence", self.answering.confidence(part["confidence"].to_numpy()))

    def _rows_with_more_than_a_title(self) -> np.ndarray:
        """The test products from which ``title only`` removes a text; none for a model that reads no text."""
        names = [name for name in self.predictor.sources if kind_of(name) == TEXT]

        def is_longer(text: ProductText) -> bool:
            return any(text.of_source(name, title_alone=True) != text.of_source(name) for name in names)

        dataset = self.dataset
        return np.array([row for row in dataset.rows("test") if names and is_longer(dataset[row].text)], np.int64)


def _relabelled(part: pa.Table, condition: str) -> pa.Table:
    return _with_column(part, "condition", [condition] * len(part))


def _with_column(part: pa.Table, name: str, values: Sequence[str] | np.ndarray) -> pa.Table:
    column = part.schema.field(name)
    return part.set_column(part.schema.get_field_index(name), column, pa.array(values, column.type))
