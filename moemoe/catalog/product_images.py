"""A product's images in order: the ``image`` of its row, then the others of the list ``images``."""

import hashlib
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.catalog.formats.linked import OPENING
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.layouts.records import images as as_images
from moemoe.schemas import CATALOG, IMAGE

_SEVERAL_URLS = r"^\s*(?:https?:)?//\S+?[,;|\s]+(?:https?:)?//"
_SEVERAL_FILES = r"^(?:[^/]|/[^/])*\.(?:jpe?g|png|gif|bmp|tiff?|webp|avif)\s*[,;|]\s*\S"
_LIST = r"^\s*\[\s*(?:[\"'\]]|None\b|nan\b|null\b)"
_ENDS_LIST = r"[,;|]\s*$"
_SEVERAL = f"(?i){_SEVERAL_URLS}|{_SEVERAL_FILES}|{_LIST}|{_ENDS_LIST}|^{OPENING}"


def first_and_further(batch: pa.RecordBatch, most: int) -> pa.RecordBatch:
    """``batch`` (CATALOG) with each product's first image in ``image`` and the others in ``images``.

    Without ``image``, the first of ``images`` is used. Duplicates (equal paths, or without a path equal bytes) count
    once.

    Args:
        most: most images of a product; further ones are left out.
    """
    batch = _with_lists_apart(batch)
    listed = batch["images"]
    if listed.null_count == len(listed):
        return batch
    known = pa.concat_arrays([batch["image"], listed.flatten()])
    data, path = (pc.struct_field(known, name) for name in ("bytes", "path"))
    paths, has_bytes = path.to_pylist(), pc.is_valid(data).to_pylist()
    ends = batch.num_rows + np.cumsum(pc.fill_null(pc.list_value_length(listed), 0).to_numpy())
    first: list[int | None] = []
    further: list[int] = []
    starts = [0]
    start = batch.num_rows
    for row, end in enumerate(ends.tolist()):
        found: dict[str | bytes, int] = {}
        for index in (row, *range(start, end)):
            if len(found) == most:
                break
            if paths[index] or has_bytes[index]:
                key = paths[index] or hashlib.sha256(data[index].as_buffer()).digest()
                found.setdefault(key, index)
        order = list(found.values())
        first.append(order[0] if order else None)
        further += order[1:]
        starts.append(len(further))
        start = end
    lists = pa.ListArray.from_arrays(pa.array(starts, pa.int32()), known.take(pa.array(further, pa.int64())))
    columns = {"image": known.take(pa.array(first, pa.int64())), "images": lists if further else None}
    arrays = [columns.get(name, batch[name]) for name in CATALOG.names]
    nothing = pa.nulls(batch.num_rows, pa.list_(IMAGE))
    return pa.record_batch([nothing if array is None else array for array in arrays], schema=CATALOG)


def _with_lists_apart(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Splits several URLs or files in a cell ``image``, or in an item of ``images``, into single images."""
    listed = batch["images"]
    rows = np.repeat(np.arange(batch.num_rows), pc.fill_null(pc.list_value_length(listed), 0).to_numpy())
    several = {*_several(batch["image"]).tolist(), *rows[_several(listed.flatten())].tolist()}
    if not several:
        return batch
    first, further = batch["image"].to_pylist(), listed.to_pylist()
    for row in several:
        found = [image for one in (first[row], *(further[row] or [])) for image in _apart(one)]
        first[row], further[row] = found[0], found[1:]
    columns = {"image": pa.array(first, IMAGE), "images": pa.array(further, pa.list_(IMAGE))}
    return pa.record_batch([columns.get(name, batch[name]) for name in CATALOG.names], schema=CATALOG)


def _several(images: pa.Array) -> np.ndarray:
    """The images whose path may contain several, or is a formula or HTML."""
    paths = pc.struct_field(images, "path")
    return np.flatnonzero(pc.fill_null(pc.match_substring_regex(paths, _SEVERAL), False).to_numpy(False))


def _apart(image: dict[str, Any] | None) -> list[dict[str, Any] | None]:
    """The images named in an image's path; a list of anything else is unchanged, an empty list is no image."""
    if image is not None and image["bytes"] is None and image["path"]:
        with suppress(RowError):
            is_list = image["path"].lstrip().startswith("[")
            return [*as_images(image["path"])] or [None if is_list else image]
    return [image]


def images_in(batch: pa.RecordBatch, row: int) -> list[dict[str, Any] | None]:
    """The images of a row of such a batch; the first item is None if there is no image."""
    return [batch["image"][row].as_py(), *(batch["images"][row].as_py() or [])]
