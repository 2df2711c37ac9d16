"""The report of a run: written when it is evaluated, and completed when it is registered."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from moemoe.catalog.pictures import ImageError, shrink_image
from moemoe.contract.contract import Contract
from moemoe.contract.spellings import spellings, words_pattern
from moemoe.evaluation.measure import Measurement
from moemoe.inference.catalog_rows import usable_picture
from moemoe.reporting import html, registration, report
from moemoe.reporting.document import Document
from moemoe.reporting.examples import ProductShown, choose, example_blocks
from moemoe.reporting.expectations import Report, expectation_blocks
from moemoe.reporting.identity import Identity
from moemoe.shards.dataset import ShardedDataset
from moemoe.storage import join, read_bytes, write_bytes

REPORT = "report.html"
IMAGE_SIDE = 240


def write_report(
    run_uri: str,
    found: Measurement,
    identity: Identity,
    dataset: ShardedDataset,
    contract: Contract,
    checked: Report,
    plots: Mapping[str, Any],
) -> Document:
    """Writes ``report.html`` into the run's folder; returns its document, for the card."""
    chosen = choose(found.cells, found.evaluation)
    products = products_shown(dataset, {one.row["product_id"] for one in chosen})

    @cache
    def pattern(attribute: str, value: str) -> Any:
        known = contract.attributes.get(attribute)
        return words_pattern(spellings(known, value) if known else [value.casefold()])

    document = report.run_report(
        found, identity, example_blocks(chosen, products, pattern), expectation_blocks(checked), plots
    )
    write_bytes(join(run_uri, REPORT), html.page(document).encode())
    return document


def add_registration(run_uri: str, identity: Identity, decision: registration.Decision) -> str:
    """Puts version and decision into the report of a run; returns the page."""
    page = read_bytes(join(run_uri, REPORT)).decode()
    page = html.fill(page, report.IDENTITY, identity.blocks())
    page = html.fill(page, report.CHAMPION, [registration.champion_section(decision)])
    write_bytes(join(run_uri, REPORT), page.encode())
    return page


def products_shown(dataset: ShardedDataset, product_ids: Iterable[str]) -> dict[str, ProductShown]:
    """What a person is shown of test products, by id; an image that does not decode is left out."""
    wanted = set(product_ids)
    rows = [row for row in dataset.rows("test").tolist() if dataset.product_id(row) in wanted]
    products = [dataset[row] for row in rows]
    return {
        product.product_id: ProductShown(product.title or "", product.context, _small(product.image))
        for product in products
    }


def _small(image: bytes | None) -> bytes | None:
    try:
        return None if image is None else shrink_image(usable_picture(image), IMAGE_SIDE)
    except ImageError:  # the quarantine of evaluate names it
        return None
