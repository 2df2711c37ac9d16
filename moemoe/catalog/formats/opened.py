"""Opens a catalog file as a table, by the ending of its name."""

import re
from pathlib import Path
from urllib.parse import unquote

from moemoe.catalog.formats.columnar import ColumnarTable
from moemoe.catalog.formats.csv_records import open_csv
from moemoe.catalog.formats.excel import is_text, open_excel
from moemoe.catalog.formats.json_rows import open_json
from moemoe.catalog.formats.packed import PACKED_SUFFIXES
from moemoe.catalog.formats.table import Table
from moemoe.catalog.formats.xml_rows import open_xml
from moemoe.errors import CatalogError

_PARQUET, _ARROW, _EXCEL = (
    (".parquet", ".pq", ".parquet.gzip"),
    (".arrow", ".feather"),
    (".xlsx", ".xlsm", ".xls", ".ods"),
)
_JSON, _DELIMITED = (".jsonl", ".ndjson", ".json"), (".csv", ".tsv", ".tab", ".txt")
_XML = (".xml",)
_TEXTS = (*_JSON, *_DELIMITED, *_XML)
#: Names of catalog files.
SUFFIXES = (*_PARQUET, *_ARROW, *_EXCEL, *_TEXTS, *(suffix + packed for suffix in _TEXTS for packed in PACKED_SUFFIXES))
#: The same, as errors list them.
KINDS = (
    f"{', '.join((*_PARQUET, *_ARROW, *_EXCEL, *_TEXTS))}, of {_TEXTS[0]} and those behind it also with "
    f"{', '.join(PACKED_SUFFIXES)} behind"
)
#: Endings shared with notes and settings: in a folder they count only if no file has another ending.
UNSURE = (".json", ".txt", ".xml")

_HIVE = re.compile(r"([^/=]+)=([^/]*)")
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


def open_table(partition: str, path: Path) -> Table:
    """Opens a catalog file as a table.

    Args:
        partition: its URI, for error messages.
        path: a local copy with the same ending.

    Raises:
        CatalogError: it cannot be read.
    """
    name, constants = partition.lower(), hive_columns(partition)
    if name.endswith((*_PARQUET, *_ARROW)):
        return ColumnarTable(partition, path, constants)
    if name.endswith(_EXCEL) and not (name.endswith(".xls") and is_text(path)):
        return open_excel(partition, path, constants)
    plain = next((name.removesuffix(packed) for packed in PACKED_SUFFIXES if name.endswith(packed)), name)
    if plain.endswith(_JSON):
        return open_json(partition, path, constants)
    if plain.endswith((*_DELIMITED, ".xls")):  # some shops give text for Excel this ending
        return open_csv(partition, path, constants)
    if plain.endswith(_XML):
        return open_xml(partition, path, constants)
    raise CatalogError(f"{partition} is not a file of a known kind; allowed are {KINDS}")


def hive_columns(partition: str) -> dict[str, str | None]:
    """The columns in the names of the folders directly above a file: ``.../country=IN/color=Red/part-0.parquet``."""
    columns: dict[str, str | None] = {}
    for folder in reversed(partition.split("/")[:-1]):
        found = _HIVE.fullmatch(folder)
        if found is None:
            break
        value = unquote(found[2])
        columns[unquote(found[1])] = None if value == _HIVE_NULL else value
    return dict(reversed(columns.items()))
