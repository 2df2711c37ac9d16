"""validate: checks the raw catalog against its contract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

import data_contracts
from data_contracts import ContractReport
from moemoe.catalog.products import CollectedPart, Collection
from moemoe.catalog.reading import to_json
from moemoe.contract.decimal_signs import signs_found
from moemoe.contract.open_contract import resolve_contract
from moemoe.labels.parts import Parts
from stages.workspace import Workspace


@dataclass(frozen=True)
class Validated:
    """The collected catalog, its QUARANTINE, the results of its expectations, and the decimal signs found in it."""

    collection: Collection
    quarantine: pa.Table
    report: ContractReport
    signs: Mapping[str, str]


def validate_catalog(space: Workspace, tasks: Sequence[Sequence[CollectedPart]]) -> Validated:
    """Merges the parts that all tasks have collected, completes the contract and checks the catalog against it.

    Raises:
        CatalogError: the catalog has no rows, or more of them are bad than the contract allows.
    """
    folder, collection = space.folder, Collection([part for parts in tasks for part in parts])
    quarantine = collection.quarantine()
    folder.reading.write_text(to_json(collection.readings))
    folder.quarantine.write(quarantine)
    collection.check_quarantine_share(quarantine, space.given_contract)
    folder.write_part_counts([len(parts) for parts in tasks])
    raw_labels = Parts(folder.products(), ["product_type", "attributes"])
    contract = resolve_contract(space.given_contract, raw_labels, space.path("contract.yaml"))
    folder.contract.publish(space.path("contract.yaml"))
    products, docs = Parts(folder.products()), space.path("data_docs")
    report = data_contracts.check_raw(products, quarantine, collection.rows, contract, docs)
    folder.data_docs.publish(docs)
    return Validated(collection, quarantine, report, signs_found(space.given_contract, contract))
