"""URLs in a cell that is a spreadsheet's formula or HTML: ``=IMAGE("https://...")``, ``<img src="...">``."""

import html
import re

_FORMULA = re.compile(r'\s*=\s*[\w.]+\(\s*"((?:https?:)?//[^"\s]+)"', re.IGNORECASE)
_TAG = re.compile(r"""<(img|a)\b[^<>]*?\s(?:src|href)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+))""", re.IGNORECASE)
#: How such a cell begins, as a regular expression.
OPENING = r"\s*(?:=\s*[\w.]+\(|<(?:img|a)\s)"


def linked(cell: str) -> list[str]:
    """The URLs of the images, or else of the links, in such a cell; none of any other text."""
    opening = cell.lstrip()[:1]
    if opening == "=":
        return [found[1]] if (found := _FORMULA.match(cell)) else []
    tags = _TAG.findall(cell) if opening == "<" else []
    images = [tag for tag in tags if tag[0].casefold() == "img"]
    return [html.unescape("".join(url)).strip() for _, *url in images or tags]
