"""The context of a product (appendix C): marketplace and product type, then title, bullet points, description."""

import html
import re
import unicodedata
from collections.abc import Sequence

_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,200}>")  # "sizes <5 and >3" is no tag
_SPACE = re.compile(r"\s+")


def context_text(
    marketplace: str | None,
    product_type: str | None,
    title: str | None,
    bullet_points: Sequence[str | None] | None,
    description: str | None,
) -> str:
    """One line of text; HTML entities and tags are taken out, missing parts left out."""
    parts = [marketplace, product_type, title, *(bullet_points or []), description]
    return " | ".join(plain_text(part) for part in parts if part)


def plain_text(text: str) -> str:
    """``text`` in Unicode NFKC, without HTML entities, tags and repeated white space."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", _TAG.sub(" ", html.unescape(text)))).strip()
