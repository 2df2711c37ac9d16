"""Attributes that a text names, such as "Fit: Slim; Neck: Round"."""

import re
from urllib.parse import parse_qsl

#: "Heel height: 5 cm", "color=red", "fit => slim", Spark's "fit -> slim": a name of four words at most, which
#: "see https://..." and "10:30" have not. Postgres and DuckDB have quotes around it.
_PAIR = re.compile(r"\s*([\"']?)([^\W\d][^\s:=]*?(?: [^\s:=]+?){0,3})\1 ?(?:[=-]>|[:=](?!//))(.*)", re.DOTALL)
#: "color=Red&fit=Slim", in which no blank stands.
_QUERY = re.compile(r"\??([^\W\d][^\s=&;|]*=[^\s=&;|]*(?:&[^\W\d][^\s=&;|]*=[^\s=&;|]*)+)")


def written_pairs(given: str) -> list[tuple[str, str]] | None:
    """Names and labels of "Fit: Slim; Neck: Round", one a line, or with bars or commas between; None if it is no such.

    A URL's query is such a text too. A comma without a name behind it is one of the label.
    """
    given = given.strip()
    if query := _QUERY.fullmatch(given):
        return parse_qsl(query[1], keep_blank_values=True)
    if given[:1] == "{" and given[-1] == "}":  # as databases and Java write maps
        given = given[1:-1]
    between = next((sign for sign in "\n;|," if sign in given), ",")
    pairs: list[tuple[str, str]] = []
    for part in given.split(between):
        if found := _PAIR.fullmatch(part):
            pairs.append((found[2], found[3].strip()))
        elif between == "," and pairs:
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]},{part.rstrip()}")
        elif part.strip():
            return None
    return [(name, _unquoted(label)) for name, label in pairs] or None


def _unquoted(label: str) -> str:
    return label[1:-1] if len(label) > 1 and label[0] == label[-1] and label[0] in "\"'" else label
