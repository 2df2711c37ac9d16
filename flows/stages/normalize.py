"""normalize: turns raw labels into the contract's values."""

from dataclasses import dataclass

from moemoe.contract.contract import Contract
from moemoe.labels.label_parts import NormalizedParts, normalize_parts
from moemoe.labels.parts import Parts
from stages.workspace import Workspace


@dataclass(frozen=True)
class Normalized:
    """The normalized labels, and the contract that they follow."""

    labels: NormalizedParts
    contract: Contract


def normalize_labels(space: Workspace) -> Normalized:
    """Writes all labels in the contract's values; those of a product that contradict each other are dropped."""
    folder, contract = space.folder, space.contract
    raw = Parts(folder.products(), ["product_id", "product_type", "attributes"])
    labels = normalize_parts(raw, contract, folder.all_labels.uri, folder.contradictions.uri)
    folder.label_statistics.write(labels.statistics)
    folder.unread_keys.write(labels.unread_keys)
    return Normalized(labels, contract)
