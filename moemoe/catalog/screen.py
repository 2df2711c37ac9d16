"""Whether a catalog's row can be used: one rule for the pipeline, backfill and serving."""

from moemoe.catalog.layouts.records import OF_IMAGES

Problem = tuple[str, str, str]
"""Field, reason and detail, as the quarantine has them."""


def screen(
    product_id: str | None,
    product_type: str | None,
    title: str | None,
    description: str | None,
    unreadable: Problem | None = None,
) -> Problem | None:
    """What is wrong with a row; None if nothing is.

    Args:
        unreadable: what was found while the row was read. Of a row without usable image the texts are looked at too.
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
    """Whether a row with this problem is a product all the same: one without an image, or without some of them."""
    return problem is None or problem[0] in OF_IMAGES
