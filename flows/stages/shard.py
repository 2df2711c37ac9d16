"""shard, manifest: writes products and labels as shards, the manifest last."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

import data_contracts
from data_contracts import ContractReport
from moemoe.catalog.products import read_products_with_images
from moemoe.catalog.url_images import UrlImages
from moemoe.labels.folds import split_of_fold
from moemoe.labels.label_parts import labelled_parts
from moemoe.labels.parts import Batches
from moemoe.shards import write
from moemoe.shards.manifest import File, Manifest
from moemoe.storage import fetch, join
from stages.workspace import Workspace


@dataclass(frozen=True)
class Written:
    """The shards' manifest, its URI, and the results of the shards' expectations."""

    manifest: Manifest
    uri: str
    report: ContractReport


def write_payload(space: Workspace, partitions: Sequence[str], task: int, layout: str, images: int = 1) -> list[File]:
    """Writes the payload shards of one task of collect, with at most ``images`` a product; existing ones are kept."""
    products = (part for part, _ in labelled_parts(space.folder.labelled_parts(task)))
    read_url = UrlImages.under(space.folder.root).read
    with_images = read_products_with_images(partitions, products, space.contract, layout, read_url, images)
    return write.write_payload(with_images, space.folder.root)


def write_manifest(space: Workspace, tasks: Iterable[Sequence[File]], dataset: str, is_sample: bool) -> Written:
    """Joins labels and splits to the shards' rows, writes the manifest and checks the shards."""
    payload = [shard for shards in tasks for shard in shards]
    root, contract, docs = space.folder.root, space.contract, space.path("shard_docs")
    splits = Batches(space.local(space.folder.splits))
    manifest, uri = write.write_manifest(payload, _labels(space), splits, root, dataset, contract.hash, is_sample)
    sidecar = fetch(join(root, manifest.sidecar.path), space.scratch)
    report = data_contracts.check_shards(manifest, root, sidecar, contract, docs)
    space.folder.shard_docs.publish(docs)
    return Written(manifest, uri, report)


def write_folds(space: Workspace, manifest_uri: str, folds: int) -> list[str]:
    """Writes a manifest for each fold of a cross-validation, of the same payload shards; returns their URIs."""
    whole, splits = Manifest.read(manifest_uri), Batches(space.local(space.folder.splits))
    return [
        write.write_manifest(
            whole.shards,
            ((ids, split_of_fold(labels, fold, folds)) for ids, labels in _labels(space)),
            splits,
            space.folder.root,
            whole.dataset,
            whole.contract_hash,
            whole.sample_catalog,
            latest=False,
        )[1]
        for fold in range(folds)
    ]


def _labels(space: Workspace) -> Iterator[tuple[pa.ChunkedArray, pa.Table]]:
    """The ids of each part's labelled products, and their labels."""
    for products, labels in labelled_parts(space.folder.labelled_parts(), ["product_id"]):
        yield products["product_id"], labels
