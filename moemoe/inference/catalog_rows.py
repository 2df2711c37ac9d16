"""Catalog rows as a client sends them -> questions for the predictor."""

import base64
import binascii
import contextlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

from moemoe.catalog.context import ProductText
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.images import ImageError, check_image, load_image, shown, shrink_image
from moemoe.catalog.layouts import records
from moemoe.catalog.screen import screen
from moemoe.contract.contract import Contract
from moemoe.contract.text import normalize_text
from moemoe.errors import CatalogError
from moemoe.inference.product_query import ProductQuery
from moemoe.sources import TEXT
from moemoe.storage import is_s3, join

#: The folder (or s3:// prefix) under which a client may name images by path; unset, no path is followed.
IMAGE_FOLDER = "MOEMOE_IMAGE_FOLDER"

#: A row's columns of text, as ``screen`` wants the first four.
TEXTS = ("product_id", "product_type", "title", "description", "marketplace")

RawLabel = tuple[str, str | None]


@dataclass
class CatalogQuery(ProductQuery):
    """A question that remembers its canonical product type and the catalog's raw labels of the product."""

    product_type: str = ""
    labels: Sequence[RawLabel] = ()


def questions_of(
    rows: Sequence[Mapping[str, Any]],
    contract: Contract,
    attributes: Mapping[str, Sequence[str]],
    image_folder: str | None = None,
    images: int = 1,
) -> list[CatalogQuery]:
    """Makes one question per row.

    A row has the columns of a catalog. Its cells are read as in a catalog file: NaN, None and empty text are missing,
    invisible characters are removed, numbers become the text that they were.

    - ``image``: bytes, base64 text (also as a data: URI), a path relative to ``image_folder``, or a catalog's
      {bytes, path}. ``images``: a list of such; its first one is ``image`` if that is missing.
    - ``attributes``: a list of those to ask. All of the product type are asked if it is missing, or if it is a
      catalog's map of raw labels (a mapping, or a list of pairs).

    Args:
        attributes: those that the model answers, by product type.
        image_folder: the folder of images named by path; None: no path is followed.
        images: how many images of a product the model reads; further ones are ignored.

    Raises:
        CatalogError: names the row and what is wrong: a row that training would quarantine (no product type, neither
            title nor description), a product type or attribute that the contract or the model does not know, an image
            that does not decode, a path that is not allowed, a cell of a wrong type.
    """
    questions = []
    types = contract.product_type_aliases()
    for index, row in enumerate(rows):
        try:
            questions.append(_question_of(row, types, attributes, image_folder, images))
        except CatalogError as error:
            raise CatalogError(f"row {index}: {error}") from error
    return questions


def _question_of(
    row: Mapping[str, Any],
    types: Mapping[str, str],
    attributes: Mapping[str, Sequence[str]],
    folder: str | None,
    images: int,
) -> CatalogQuery:
    plain: dict[str, Any] = {name: text_of(row.get(name), name) for name in TEXTS if name != "description"}
    plain["description"] = _description(row.get("description"))
    # a request needs no id, which only a table of many products does
    if problem := screen(plain["product_id"] or "none", *(plain[name] for name in TEXTS[1:4])):
        field, reason, _ = problem
        raise CatalogError(f"{reason} ({field}): such a product can be used neither for answers nor for training")
    product_type = types.get(normalize_text(plain["product_type"]))
    if product_type is None or product_type not in attributes:
        known = ", ".join(sorted(attributes))
        raise CatalogError(f"product type {plain['product_type'][:100]!r} is unknown; known are {known}")
    asked, labels = _asked(row.get("attributes"), product_type, attributes[product_type])
    plain["bullet_points"] = _bullet_points(row.get("bullet_points"))
    plain["attributes"] = labels
    return question_of(plain, product_type, _images(row, folder, max(1, images)), asked)


def question_of(
    row: Mapping[str, Any], product_type: str, images: Sequence[bytes | None], attributes: list[str]
) -> CatalogQuery:
    """The question about a row of CATALOG, with the texts and images that the model reads in training.

    Args:
        row: texts as text or None.
        product_type: canonical.
        images: usable ones in order, None for a missing one.
        attributes: those to ask, all known to apply to the product type.
    """
    text = ProductText(
        row.get("marketplace"), product_type, row.get("title"), row.get("bullet_points"), row.get("description")
    )
    return CatalogQuery(
        text.of_source(TEXT) or "",
        images[0] if images else None,
        attributes,
        row.get("product_id") or "",
        further_images=images[1:],
        text=text,
        applies=attributes,
        product_type=product_type,
        labels=row.get("attributes") or (),
    )


def usable_image(data: bytes) -> bytes:
    """``data`` as training saw images: wholly decodable and small. Raises ImageError."""
    small = shrink_image(data)
    if small is data:
        check_image(data)
    return small


def is_missing(value: Any) -> bool:
    """Whether ``value`` is a missing one of pandas, NumPy or JSON: None, NaN, NA, NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, Real) and not isinstance(value, Integral) and math.isnan(value)


def text_of(value: Any, column: str) -> str | None:
    """A cell as text without blanks around it; None if it is missing or empty. Read as a catalog's (``records``).

    Raises:
        CatalogError: an id that has lost digits, or neither text nor a number.
    """
    if is_missing(value):
        return None
    if not isinstance(value, str | Real | Decimal):
        raise CatalogError(f"{column} is {str(value)[:50]!r}, a {type(value).__name__}; allowed is text")
    try:
        text = records.product_id(value) if column == "product_id" else records.text(column, value)
    except RowError as error:
        raise CatalogError(f"{column}: {error.reason}: {error.detail}") from None
    return (text or "").strip() or None


def _description(value: Any) -> str | None:
    texts = _listed(value)
    if texts is None:
        return text_of(value, "description")
    return "\n".join(text for each in texts if (text := text_of(each, "description"))) or None


def _bullet_points(value: Any) -> list[str]:
    if is_missing(value):
        return []
    texts = records.bullet_points(value) if isinstance(value, str) else _listed(value)
    if texts is None:
        raise CatalogError(f"bullet_points is {str(value)[:50]!r}; allowed is a list of texts")
    return [text for each in texts if (text := text_of(each, "bullet_points"))]


def is_list(value: Any) -> bool:
    """Whether ``value`` is a list, a tuple or a NumPy array of at least one dimension."""
    has_items = isinstance(value, Iterable) and getattr(value, "ndim", 1) > 0
    return has_items and not isinstance(value, str | bytes | Mapping)


def _listed(value: Any) -> list[Any] | None:
    """The items of a list; None for anything else."""
    return list(value) if is_list(value) else None


def _asked(value: Any, product_type: str, known: Sequence[str]) -> tuple[list[str], list[RawLabel]]:
    """The attributes to ask, and the raw labels that a catalog's map holds."""
    if is_missing(value) or (isinstance(value, str) and not value.strip()):
        return list(known), []
    items: list[Any] | None = _listed(value)
    if isinstance(value, Mapping) or (isinstance(value, str) and value.lstrip().startswith("{")):
        return list(known), _raw_labels(value)
    if items is None:
        shown = f"the text {value[:50]!r}" if isinstance(value, str) else repr(value)[:50]
        raise CatalogError(f"attributes is {shown}; allowed is a list of names; leave it out to ask all")
    pairs = [(item.get("key"), item.get("value")) if isinstance(item, Mapping) else _listed(item) for item in items]
    if all(pair is not None and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs):  # also of none
        return list(known), _raw_labels([tuple(pair) for pair in pairs if pair])
    by_name = {normalize_text(name): name for name in known}
    for name in items:
        if not isinstance(name, str) or normalize_text(name) not in by_name:
            raise CatalogError(
                f"attribute {str(name)[:100]!r} is unknown for {product_type}; known are {', '.join(known)}"
            )
    return list(dict.fromkeys(by_name[normalize_text(name)] for name in items)), []


def _raw_labels(value: Any) -> list[RawLabel]:
    """A catalog's raw labels, read as ``records`` reads them."""
    if isinstance(value, Mapping):
        value = list(value.items())
    if isinstance(value, list):
        value = [(key, None if is_missing(label) else _listed(label) or label) for key, label in value]
    try:
        return records.attributes(value)
    except RowError as error:
        raise CatalogError(f"{error.reason}: {error.detail}") from None


def _images(row: Mapping[str, Any], folder: str | None, most: int) -> list[bytes]:
    """The usable images of ``image`` and ``images``, the first ``most``; one that is listed twice counts once."""
    value = row.get("images")
    if isinstance(value, str) and (value := text_of(value, "images")) is not None:
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(value)
    listed = [] if is_missing(value) else _listed(value)
    if listed is None:
        raise CatalogError(f"images is {str(value)[:50]!r}; allowed is a list of images")
    found: dict[bytes, None] = {}
    for one in (row.get("image"), *listed):
        if len(found) >= most:
            break
        if (image := _image(one, folder)) is not None:
            found[image] = None
    return list(found)


def _image(value: Any, folder: str | None) -> bytes | None:
    """The usable image that a client's ``image`` holds or names; None if it is missing."""
    data, path = value, None
    if isinstance(value, Mapping):
        data, path = (None if is_missing(value.get(name)) else value.get(name) for name in ("bytes", "path"))
        if not isinstance(data, str | bytes | bytearray | memoryview | None) or not isinstance(path, str | None):
            raise CatalogError(f"image is {str(value)[:50]!r}; allowed are bytes or base64 as bytes, text as path")
    elif not is_missing(value) and not isinstance(value, str | bytes | bytearray | memoryview):
        raise CatalogError(f"image is a {type(value).__name__}; allowed are bytes, base64, a path or {{bytes, path}}")
    if isinstance(data, str) and (data := text_of(data, "image")):
        decoded = _base64(data)
        data, path = (decoded, path) if decoded is not None else (None, data)
    if isinstance(data, bytearray | memoryview):
        data = bytes(data)
    try:
        if isinstance(data, bytes) and data:
            return usable_image(load_image({"bytes": data}, "") or b"")
        return usable_image(_followed(path, folder)) if isinstance(path, str) and path else None
    except ImageError as error:
        raise CatalogError(f"the image cannot be used ({error})") from error


def _base64(text: str) -> bytes | None:
    """``text`` decoded; None if it is not base64, and so a path (an image's path has a dot)."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _followed(path: str, folder: str | None) -> bytes:
    allowed = "send the image itself, in base64"
    if folder is None:
        raise CatalogError(f"image {shown(path)} is a path or not base64, and {IMAGE_FOLDER} is not set: {allowed}")
    if is_s3(path):
        prefix = join(folder, "")
        if not path.startswith(prefix):
            raise CatalogError(f"image {shown(path)} lies outside {IMAGE_FOLDER}; name one inside, or {allowed}")
        path = path[len(prefix) :]
    data = load_image({"path": path}, join(folder, "rows"))
    assert data is not None
    return data
