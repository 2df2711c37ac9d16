"""URLs in cells with a formula or HTML: ``=IMAGE("https://...")``, ``<img src="...">``.

Also URLs in parentheses after a name, as in Airtable (``front.jpg (https://...)``) and Markdown.
"""

import html
import re

_FORMULA = re.compile(r'\s*=\s*[\w.]+\(\s*"((?:https?:)?//[^"\s]+)"', re.IGNORECASE)
_TAG = re.compile(r"""<(img|a)\b[^<>]*?\s(?:src|href)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+))""", re.IGNORECASE)
#: The beginning of such a cell, as a regular expression.
OPENING = r"\s*(?:=\s*[\w.]+\(|<(?:img|a)\s|[^/]+\((?:https?:)?//)"
#: Not a parenthesis within a URL.
_NAMED = re.compile(r"[^/]*?\(((?:https?:)?//[^\s()]+)\)\s*(?:[,;|]\s*|$)", re.IGNORECASE)
_SHOWN = re.compile(r'\s*=\s*HYPERLINK\(\s*"[^"]*"\s*[,;]\s*"((?:[^"]|"")*)"\s*\)\s*', re.IGNORECASE)


def shown(cell: str) -> str:
    """The text that a link formula shows, "red" for ``=HYPERLINK("https://...", "red")``; else the cell."""
    found = _SHOWN.fullmatch(cell)
    return found[1].replace('""', '"') if found else cell


def linked(cell: str) -> list[str]:
    """The URLs of the images, or else of the links, in such a cell; empty for any other text."""
    opening = cell.lstrip()[:1]
    if opening == "=":
        return [found[1]] if (found := _FORMULA.match(cell)) else []
    if opening != "<" and cell.rstrip()[-1:] == ")":
        named = list(_NAMED.finditer(cell))
        return [one[1] for one in named] if "".join(one[0] for one in named) == cell else []
    tags = _TAG.findall(cell) if opening == "<" else []
    images = [tag for tag in tags if tag[0].casefold() == "img"]
    return [html.unescape("".join(url)).strip() for _, *url in images or tags]
