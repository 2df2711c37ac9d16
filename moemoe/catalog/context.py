"""A product's texts as model input (appendix C): marketplace, product type, title, bullet points, description."""

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from moemoe.sources import TEXT, text_parts

_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,200}>")  # "sizes <5 and >3" is not a tag
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class ProductText:
    """A product's texts."""

    marketplace: str | None
    product_type: str | None
    title: str | None
    bullet_points: Sequence[str | None] | None
    description: str | None

    def of_source(self, name: str, title_alone: bool = False) -> str | None:
        """The text of a source (``moemoe.sources``); None if the product has none, which ``text`` always has.

        Marketplace and product type come before the title.

        Args:
            title_alone: as if the product had neither bullet points nor description.
        """
        parts = [part for part in text_parts(name) if part == "title" or not title_alone]
        head = (self.marketplace, self.product_type, self.title) if "title" in parts else (None, None, None)
        bullets = self.bullet_points if "bullets" in parts else None
        text = context_text(*head, bullets, self.description if "description" in parts else None)
        return text if text or name == TEXT else None


def context_text(
    marketplace: str | None,
    product_type: str | None,
    title: str | None,
    bullet_points: Sequence[str | None] | None,
    description: str | None,
) -> str:
    """The texts as one line, without HTML entities and tags; missing parts are left out."""
    parts = [marketplace, product_type, title, *(bullet_points or []), description]
    return " | ".join(plain_text(part) for part in parts if part)


def plain_text(text: str) -> str:
    """``text`` in Unicode NFKC, without HTML entities, tags and repeated whitespace."""
    text = html.unescape(html.unescape(text))  # "&amp;amp;": escaped twice, on the way from shop to feed
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", _TAG.sub(" ", text))).strip()
