"""URLs in a cell that is a spreadsheet's formula or HTML: ``=IMAGE("https://...")``, ``<img src="...">``.

Also those in round brackets behind a name, as Airtable (``front.jpg (https://...)``) and Markdown have them.
"""

import html
import re

_FORMULA = re.compile(r'\s*=\s*[\w.]+\(\s*"((?:https?:)?//[^"\s]+)"', re.IGNORECASE)
_TAG = re.compile(r"""<(img|a)\b[^<>]*?\s(?:src|href)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+))""", re.IGNORECASE)
#: How such a cell begins, as a regular expression.
OPENING = r"\s*(?:=\s*[\w.]+\(|<(?:img|a)\s|[^/]+\((?:https?:)?//)"
#: Not one within a URL, which may have brackets too.
_NAMED = re.compile(r"[^/]*?\(((?:https?:)?//[^\s()]+)\)\s*(?:[,;|]\s*|$)", re.IGNORECASE)
_SHOWN = re.compile(r'\s*=\s*HYPERLINK\(\s*"[^"]*"\s*[,;]\s*"((?:[^"]|"")*)"\s*\)\s*', re.IGNORECASE)


def shown(cell: str) -> str:
    """The text that a formula of a link shows, "red" of ``=HYPERLINK("https://...", "red")``; else the cell."""
    found = _SHOWN.fullmatch(cell)
    return found[1].replace('""', '"') if found else cell


def linked(cell: str) -> list[str]:
    """The URLs of the images, or else of the links, in such a cell; none of any other text."""
    opening = cell.lstrip()[:1]
    if opening == "=":
        return [found[1]] if (found := _FORMULA.match(cell)) else []
    if opening != "<" and cell.rstrip()[-1:] == ")":
        named = list(_NAMED.finditer(cell))
        return [one[1] for one in named] if "".join(one[0] for one in named) == cell else []
    tags = _TAG.findall(cell) if opening == "<" else []
    images = [tag for tag in tags if tag[0].casefold() == "img"]
    return [html.unescape("".join(url)).strip() for _, *url in images or tags]
