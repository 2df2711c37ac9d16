"""Attributes written in a text, such as "Fit: Slim; Neck: Round"."""

import re
from urllib.parse import parse_qsl

#: "Heel height: 5 cm", "color=red", "fit => slim", Spark's "fit -> slim": a name of at most four words, unlike
#: "see https://..." and "10:30". Postgres and DuckDB quote the name.
_PAIR = re.compile(r"\s*([\"']?)([^\W\d][^\s:=]*?(?: [^\s:=]+?){0,3})\1 ?(?:[=-]>|[:=](?!//))(.*)", re.DOTALL)
#: "color=Red&fit=Slim", without blanks.
_QUERY = re.compile(r"\??([^\W\d][^\s=&;|]*=[^\s=&;|]*(?:&[^\W\d][^\s=&;|]*=[^\s=&;|]*)+)")


def written_pairs(given: str) -> list[tuple[str, str]] | None:
    """Names and labels of "Fit: Slim; Neck: Round", also one per line, or with bars or commas; None for other texts.

    A URL's query is such a text too. A comma that no name follows belongs to the label.
    """
    given = given.strip()
    if query := _QUERY.fullmatch(given):
        return parse_qsl(query[1], keep_blank_values=True)
    if given[:1] == "{" and given[-1] == "}":  # maps of databases and Java
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
