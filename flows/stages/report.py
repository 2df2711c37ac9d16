"""The report of a run: written by evaluate, completed by register."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from moemoe.catalog.images import ImageError, shrink_image
from moemoe.catalog.reading import from_json
from moemoe.contract.decimal_signs import signs_found
from moemoe.contract.spellings import spellings, words_pattern
from moemoe.evaluation.measure import Measurement
from moemoe.inference.catalog_rows import usable_image
from moemoe.registry.code_version import git_commit
from moemoe.registry.register import Registration
from moemoe.registry.tracked_run import TrackedRun
from moemoe.reporting import html, registration, report
from moemoe.reporting.catalog_documents import decimal_signs, readings
from moemoe.reporting.document import Document, Plot
from moemoe.reporting.examples import ProductShown, choose, example_blocks
from moemoe.reporting.expectations import Report, expectation_blocks
from moemoe.reporting.identity import Identity
from moemoe.shards.dataset import ShardedDataset
from stages.options import Options
from stages.workspace import Workspace

IMAGE_SIDE = 240


def write_report(
    space: Workspace,
    found: Measurement,
    identity: Identity,
    dataset: ShardedDataset,
    checked: Report,
    plots: Sequence[Plot],
) -> Document:
    """Writes ``report.html`` into the run's folder; returns its document, for the card."""
    chosen = choose(found.cells, found.evaluation)
    products = products_shown(dataset, {one.row["product_id"] for one in chosen})

    @cache
    def pattern(attribute: str, value: str) -> Any:
        known = space.contract.attributes.get(attribute)
        return words_pattern(spellings(known, value) if known else [value.casefold()])

    read = from_json(space.folder.reading.read_text()) if space.folder.reading.exists() else []
    how_read = [*readings(read), *decimal_signs(signs_found(space.given_contract, space.contract))]
    document = report.run_report(
        found, identity, example_blocks(chosen, products, pattern), expectation_blocks(checked), plots, how_read
    )
    space.folder.report.write_text(html.page(document))
    return document


def identity_of(
    recipe: Mapping[str, Any], settings: str, options: Options, products: int, tracked: TrackedRun
) -> Identity:
    """The identity of a run's report, as far as it is known before the model is registered."""
    return Identity(
        recipe["name"], recipe["size"], options.dataset, options.catalog, options.is_sample, settings, products,
        datetime.now(UTC).date().isoformat(), git_commit(), tracked.run_id,
    )  # fmt: skip


def add_registration(space: Workspace, identity: Identity, made: Registration) -> Document:
    """Puts version and decision into the report of the run; returns the registration's own document."""
    known = replace(identity, version=made.model_uri, promoted=made.decision.promoted)
    page = html.fill(space.folder.report.read_text(), report.IDENTITY, known.blocks())
    page = html.fill(page, report.CHAMPION, [registration.champion_section(made.decision)])
    space.folder.report.write_text(page)
    return registration.registration_document(made.model_uri, made.aliases, made.decision, identity.is_sample)


def products_shown(dataset: ShardedDataset, product_ids: Iterable[str]) -> dict[str, ProductShown]:
    """Test products as the report shows them, by id; an image that does not decode is left out."""
    wanted = set(product_ids)
    rows = [row for row in dataset.rows("test").tolist() if dataset.product_id(row) in wanted]
    products = [dataset[row] for row in rows]
    return {
        product.product_id: ProductShown(product.title or "", product.context, _small(product.image))
        for product in products
    }


def _small(image: bytes | None) -> bytes | None:
    try:
        return None if image is None else shrink_image(usable_image(image), IMAGE_SIDE)
    except ImageError:  # the quarantine of evaluate names it
        return None
