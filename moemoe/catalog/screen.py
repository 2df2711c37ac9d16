"""Decides whether a catalog's row can be used, for the pipeline, backfill and serving alike."""

from moemoe.catalog.layouts.records import OF_IMAGES

Problem = tuple[str, str, str]
"""Field, reason and detail, as in the quarantine."""


def screen(
    product_id: str | None,
    product_type: str | None,
    title: str | None,
    description: str | None,
    unreadable: Problem | None = None,
) -> Problem | None:
    """The problem with a row; None if it has none.

    Args:
        unreadable: a problem found while reading. If only images are affected, the texts are checked too.
    """
    if not is_usable(unreadable):
        return unreadable
    if not (product_id or "").strip():
        return "product_id", "no product id", f"title {(title or '')[:100]!r}"
    if not (product_type or "").strip():
        return "product_type", "no product type", f"title {(title or '')[:100]!r}"
    if not (title or "").strip() and not (description or "").strip():
        return "title", "neither title nor description", ""
    return unreadable


def is_usable(problem: Problem | None) -> bool:
    """Whether a row with this problem is still a product, without some or all of its images."""
    return problem is None or problem[0] in OF_IMAGES
