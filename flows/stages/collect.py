"""start, collect: finds the catalog's files, and reads some of them into the run folder."""

from collections.abc import Sequence
from dataclasses import dataclass

from moemoe.atomic_files import remove_leftovers
from moemoe.catalog.fetch_images import ImageFetcher
from moemoe.catalog.products import CollectedPart, collect_products, partition_groups, write_parts
from moemoe.catalog.read import find_partitions
from moemoe.catalog.url_images import UrlImages
from moemoe.contract.contract import Contract
from moemoe.sample_catalog.write import write_sample_catalog
from moemoe.storage import join, publish
from stages.options import Options
from stages.workspace import Workspace


@dataclass(frozen=True)
class FoundCatalog:
    """A catalog's files, and their numbers in groups: each group is one task's."""

    partitions: list[str]
    groups: list[list[int]]


def find_catalog(space: Workspace, options: Options, contract: Contract) -> FoundCatalog:
    """Finds the catalog's files, or draws the sample catalog, and keeps the contract in the run folder.

    A run keeps one contract to its end, whatever becomes of the file meanwhile.
    """
    space.folder.given_contract.publish(contract.path)
    if options.is_sample:
        folder = join(space.folder.root, "catalog")
        remove_leftovers(folder)
        sample = write_sample_catalog(space.path("sample.parquet"), seed=options.seed)
        partitions = [publish(sample, join(folder, f"sample-{options.seed}.parquet"))]
    else:
        partitions = find_partitions(options.catalog)
    return FoundCatalog(partitions, partition_groups(partitions, options.max_products or None))


def collect_group(
    space: Workspace, partitions: Sequence[str], group: Sequence[int], task: int, options: Options
) -> list[CollectedPart]:
    """Reads one group of the catalog's files; bad rows and images go into its quarantine.

    Images behind URLs are fetched and kept under the root.
    """
    images = UrlImages.under(space.folder.root)
    remove_leftovers(images.folder)
    with ImageFetcher(images, options.allow_private_hosts, say=say) as fetcher:
        given = (partitions, space.given_contract, group, options.max_products or None)
        return write_parts(collect_products(*given, fetcher=fetcher), space.folder.collected(task))


def say(line: str) -> None:
    """Prints a line of progress at once."""
    print(line, flush=True)
