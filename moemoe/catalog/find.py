"""Finds a catalog's files from a path, folder, glob or ``s3://`` URI."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from moemoe.catalog.formats.opened import KINDS, SUFFIXES, UNSURE
from moemoe.catalog.formats.packed import PACKED_SUFFIXES
from moemoe.errors import CatalogError
from moemoe.storage import absolute, files_below, matching_files

#: Names of files and folders that are not part of a catalog.
_LEFT_OUT = re.compile(r"/(?:[_.]|~\$|cache-[0-9a-f]{16}[^/]*\.arrow$)")
_PACKED = frozenset((".zip", ".7z", ".rar", ".tar", ".tgz", ".bz2", ".xz", ".zst"))
_OTHER_WORKBOOKS = frozenset((".xlsb", ".numbers"))
_OTHER_TABLES = frozenset((".orc", ".avro"))
#: What Hugging Face writes beside a data set's tables.
_OF_DATA_SETS = frozenset(("dataset_dict.json", "dataset_info.json", "dataset_infos.json", "state.json"))
_NAMED = 5


def find_partitions(catalog: str, told: Callable[[str], None] = lambda _: None) -> list[str]:
    """The files of a catalog given as path, folder, glob or ``s3://`` URI, prefix or glob; absolute and sorted.

    A glob may have alternatives in braces.

    A glob may match folders, as Spark writes them. In a folder, prefix or glob, these files are left out: other kinds
    (READMEs, images), files and subfolders whose name begins with ``_`` or ``.``, Excel's lock files (``~$``), the
    caches of Hugging Face's ``map``, and a compressed file beside the uncompressed one. As notes and settings end in
    .txt and .json too, such files are left out if there are others.

    Args:
        told: called with a sentence on left-out files that may be part of the catalog.

    Raises:
        CatalogError: no file matches, or none of an allowed kind.
    """
    allowed = f"allowed is a file, folder, glob or s3:// URI of files named {KINDS}"
    if not catalog.strip():
        raise CatalogError(f"the catalog is an empty path; {allowed}")
    found = sorted({file for one in _alternatives(catalog) for file in _files(one)})
    if not found:
        raise CatalogError(f"no catalog file matches {catalog!r}; {allowed}")
    partitions = [f for f in found if f.lower().endswith(SUFFIXES)]
    partitions = [f for f in partitions if not f.lower().endswith(UNSURE)] or partitions
    partitions = [f for f in partitions if not (f.lower().endswith(PACKED_SUFFIXES) and f.rpartition(".")[0] in found)]
    if not partitions:
        names = ", ".join(Path(f).name for f in found[:3]) + (", ..." if len(found) > 3 else "")
        kinds = {Path(f).suffix.lower() for f in found}
        hint = "save it as .xlsx; " if kinds & _OTHER_WORKBOOKS else ""
        hint = "unpack it first; " if kinds & {*_PACKED, ".gz"} else hint
        raise CatalogError(f"{catalog!r} has no catalog file (found: {names}); {hint}{allowed}")
    for sentence in _left_out(catalog, set(found) - set(partitions)):
        told(sentence)
    return partitions


def _left_out(catalog: str, files: Iterable[str]) -> Iterator[str]:
    """Sentences on left-out files that may have products."""
    unsure = [f for f in files if f.lower().endswith(UNSURE) and Path(f).name.lower() not in _OF_DATA_SETS]
    others = [f for f in files if not f.lower().endswith(SUFFIXES)]
    endings = ", ".join(UNSURE)
    for left, why in (
        (unsure, f"in a folder {endings} count only if no other file does; name them if they are products"),
        (_named(others, _PACKED | {".gz"}), "if they hold products, unpack them"),
        (_named(others, _OTHER_WORKBOOKS), "if they hold products, save them as .xlsx"),
        (_named(others, _OTHER_TABLES), "if they hold products, save them as .parquet"),
    ):
        if left:
            names = ", ".join(sorted(Path(f).name for f in left)[:_NAMED]) + (", ..." if len(left) > _NAMED else "")
            yield f"{catalog}: left out {names}; {why}"


def _named(files: Iterable[str], endings: Collection[str]) -> list[str]:
    return [file for file in files if Path(file).suffix.lower() in endings]


def _files(catalog: str) -> list[str]:
    """The file or folder of that exact name, else the pattern's matches, with brackets taken literally or not."""
    catalog = absolute(catalog).rstrip("/")
    found, given = files_below(catalog), catalog
    for pattern, special in ((catalog.replace("[", "[[]"), "[*?]"), (catalog, r"[*?\[]")):
        if not found:
            found, given = matching_files(pattern), re.split(special, catalog)[0].rpartition("/")[0]
    return [file for file in found if not _LEFT_OUT.search(file[len(given) :])]


def _alternatives(catalog: str) -> list[str]:
    """``catalog`` with braces expanded as in a shell: ``{shoes,hats}-*.parquet`` gives two globs."""
    braces = re.search(r"\{([^{}]*,[^{}]*)\}", catalog)
    if braces is None or files_below(absolute(catalog)):
        return [catalog]
    before, after = catalog[: braces.start()], catalog[braces.end() :]
    return [one for choice in braces[1].split(",") for one in _alternatives(before + choice + after)]
