"""Cross-validation by group: every product is tested once, by a model that has seen nothing of its group."""

import hashlib

import pyarrow as pa

from moemoe.errors import ConfigError
from moemoe.schemas import LABELS

MOST_FOLDS = 20


def check_folds(folds: int) -> None:
    """Raises ConfigError if ``folds`` is neither 0 (no cross-validation) nor 2 to 20."""
    if folds and not 2 <= folds <= MOST_FOLDS:
        raise ConfigError(f"folds is {folds}; allowed is 0 (the catalog's own split) or 2 to {MOST_FOLDS}")


def split_of_fold(labels: pa.Table, fold: int, folds: int) -> pa.Table:
    """LABELS with the split that one of ``folds`` folds assigns, by hash of the group.

    The fold's own groups are the test split. Half of the next fold's groups are validation, so that no product is in
    validation twice. All other groups are for training.
    """
    groups = labels["group"].combine_chunks().dictionary_encode()
    names = pa.array([_split(group, fold, folds) for group in groups.dictionary.to_pylist()], pa.string())
    return labels.set_column(labels.schema.get_field_index("split"), LABELS.field("split"), names.take(groups.indices))


def _split(group: str, fold: int, folds: int) -> str:
    half = int.from_bytes(hashlib.sha256(f"fold|{group}".encode()).digest()[:8], "big") % (2 * folds)
    if half // 2 == fold:
        return "test"
    return "validation" if half == 2 * ((fold + 1) % folds) else "train"
