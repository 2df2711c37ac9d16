"""start, collect: finds the catalog's files, and reads some of them into the run folder."""

from collections.abc import Sequence
from dataclasses import dataclass

from moemoe.atomic_files import remove_leftovers
from moemoe.catalog.fetch_images import ImageFetcher
from moemoe.catalog.find import find_partitions
from moemoe.catalog.products import CollectedPart, collect_products, plan_tasks, write_parts
from moemoe.catalog.read import check_layouts
from moemoe.catalog.url_images import UrlImages
from moemoe.contract.contract import Contract
from moemoe.sample_catalog.write import PRODUCTS, write_sample_catalog
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

    The run keeps this contract to its end, even if the file changes.

    Raises:
        CatalogError: there is no such catalog, or the layout of a local file is unknown.
    """
    partitions = [_draw_sample(space, options)] if options.is_sample else find_partitions(options.catalog, say)
    for note in check_layouts(partitions, contract.columns, options.layout):
        say(note)
    space.folder.given_contract.publish(contract.path)
    return FoundCatalog(partitions, plan_tasks(partitions, options.max_products or None))


def _draw_sample(space: Workspace, options: Options) -> str:
    """Draws the sample catalog, or as much of it as the run uses; returns its URI."""
    folder = join(space.folder.root, "catalog")
    remove_leftovers(folder)
    products = min(options.max_products or PRODUCTS, PRODUCTS)
    name = f"sample-{options.seed}" + (f"-{products}" if products < PRODUCTS else "")
    sample = write_sample_catalog(space.path("sample.parquet"), products, options.seed)
    return publish(sample, join(folder, f"{name}.parquet"))


def collect_group(
    space: Workspace, partitions: Sequence[str], group: Sequence[int], task: int, options: Options, images: int = 1
) -> list[CollectedPart]:
    """Reads one group of the catalog's files; bad rows and images go into its quarantine.

    Images behind URLs are fetched and kept under the root.

    Args:
        images: how many of a product.
    """
    fetched = UrlImages.under(space.folder.root)
    remove_leftovers(fetched.folder)
    with ImageFetcher(fetched, options.allow_private_hosts, say=say) as fetcher:
        given = (partitions, space.given_contract, group, options.max_products or None)
        parts = collect_products(*given, layout=options.layout, fetcher=fetcher, images=images)
        return write_parts(parts, space.folder.collected(task))


def say(line: str) -> None:
    """Prints a line of progress at once."""
    print(line, flush=True)
