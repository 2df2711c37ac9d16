"""split: gives every product its split; checks the labels against the contract, and their drift since the last run."""

from dataclasses import dataclass

import pyarrow as pa

import data_contracts
from data_contracts import ContractReport
from moemoe.labels.drift import label_drift, read_labels
from moemoe.labels.label_parts import SplitParts, split_parts
from moemoe.labels.parts import Batches, Parts
from moemoe.shards.write import earlier_run
from moemoe.storage import fetch
from stages.workspace import Workspace


@dataclass(frozen=True)
class Split:
    """The labels with group and split, and the results of their expectations.

    Args:
        labels: of the labels themselves.
        drift: of their drift since the last run; None without an earlier run.
    """

    assigned: SplitParts
    labels: ContractReport
    drift: ContractReport | None

    @property
    def reports(self) -> list[ContractReport]:
        """Both results, or the only one."""
        return [self.labels, *([self.drift] if self.drift else [])]

    @property
    def drifts(self) -> str:
        """The drift beyond what the contract allows, as a message; empty if there is none."""
        return self.drift.message() if self.drift and self.drift.failures else ""


def split_labels(space: Workspace, dataset: str, is_sample: bool) -> Split:
    """Splits by groups, as earlier runs of the dataset did, and checks the labels."""
    folder, docs = space.folder, space.path("label_docs")
    earlier = earlier_run(folder.root, dataset, is_sample)
    frequent = folder.part_uris(folder.frequent_labels)
    splits = Batches(fetch(earlier.splits, space.scratch)) if earlier.splits else ()
    where = (folder.labels.uri, folder.splits.uri)
    assigned = split_parts(folder.products(), frequent, space.contract, splits, *where)
    folder.split_quarantine.write(assigned.quarantine)
    report = data_contracts.check_labels(Parts(assigned.labels), space.contract, docs, assigned.common)
    drift = None
    if earlier.labels is not None:
        folder.drift.write(_drift(space, earlier.labels))
        drift = data_contracts.check_drift(folder.drift.read(), space.contract, space.path("label_docs/drift"))
    folder.label_docs.publish(docs)
    return Split(assigned, report, drift)


def _drift(space: Workspace, earlier_labels: str) -> pa.Table:
    """DRIFT between the labels of the last run and those of this one."""
    now = (batch for part in Parts(space.folder.part_uris(space.folder.labels)) for batch in part.to_batches())
    return label_drift(read_labels(fetch(earlier_labels, space.scratch)), now)
