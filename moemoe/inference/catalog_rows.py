"""Catalog rows as a client sends them -> questions for the predictor."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moemoe.catalog.context import context_text
from moemoe.catalog.contract import Contract, fold
from moemoe.catalog.pictures import ImageError, check_image, load_image, shrink_image
from moemoe.errors import CatalogError
from moemoe.inference.predictor import Question
from moemoe.storage import is_s3, join

#: The folder (or s3:// prefix) under which a client may name pictures by path; unset, no path is followed.
IMAGE_FOLDER = "MOEMOE_IMAGE_FOLDER"


@dataclass
class RowQuestion(Question):
    """A question that remembers its canonical product type."""

    product_type: str = ""


def questions_of(
    rows: Sequence[Mapping[str, Any]],
    contract: Contract,
    attributes: Mapping[str, Sequence[str]],
    image_folder: str | None = None,
) -> list[RowQuestion]:
    """One question per row.

    A row has the columns of a catalog. ``image``: bytes, base64 text (also as a data: URI), a path relative to
    ``image_folder``, or a catalog's {bytes, path}. ``attributes``: a list of those to ask; without, or where it is a
    catalog's map of raw labels, all of the product type are asked.

    Args:
        attributes: what the model can be asked, by product type.
        image_folder: where pictures named by path lie; None: no path is followed.

    Raises:
        CatalogError: names the row and what is wrong: a product type or attribute that the contract or the model does
            not know, a picture that does not decode, a path that is not allowed.
    """
    questions = []
    types = contract.product_type_aliases()
    for index, row in enumerate(rows):
        try:
            product_type = types.get(fold(_text(row.get("product_type")) or ""))
            if product_type is None or product_type not in attributes:
                known = ", ".join(sorted(attributes))
                raise CatalogError(f"product type {row.get('product_type')!r} is unknown; known are {known}")
            asked = _asked(row.get("attributes"), product_type, attributes[product_type])
            image = _picture(row.get("image"), image_folder)
        except CatalogError as error:
            raise CatalogError(f"row {index}: {error}") from error
        questions.append(question_of(row, product_type, image, asked))
    return questions


def question_of(row: Mapping[str, Any], product_type: str, image: bytes | None, attributes: list[str]) -> RowQuestion:
    """A catalog row with its canonical product type and its usable picture -> what the model reads, as in training."""
    bullet_points = row.get("bullet_points")
    bullet_points = [] if bullet_points is None or isinstance(bullet_points, str | float) else list(bullet_points)
    texts = [_text(row.get(name)) for name in ("marketplace", "title", "description")]
    context = context_text(texts[0], product_type, texts[1], bullet_points, texts[2])
    return RowQuestion(context, image, attributes, product_type=product_type)


def usable_picture(data: bytes) -> bytes:
    """``data`` as training saw pictures: wholly decodable and small. Raises ImageError."""
    small = shrink_image(data)
    if small is data:
        check_image(data)
    return small


def _asked(value: Any, product_type: str, known: Sequence[str]) -> list[str]:
    if value is None or isinstance(value, float | Mapping):
        return list(known)
    if isinstance(value, str):
        raise CatalogError(f"attributes is the text {value[:50]!r}; allowed is a list of names, or nothing to ask all")
    names = list(value)
    if not names or any(not isinstance(name, str) for name in names):  # a catalog's map, as pandas gives it: pairs
        return list(known)
    by_fold = {fold(name): name for name in known}
    for name in names:
        if fold(name) not in by_fold:
            raise CatalogError(f"attribute {name!r} is unknown for {product_type}; known are {', '.join(known)}")
    return list(dict.fromkeys(by_fold[fold(name)] for name in names))


def _picture(value: Any, folder: str | None) -> bytes | None:
    """The usable picture that a client's ``image`` means, None where it means none."""
    data, path = value, None
    if isinstance(value, Mapping):
        data, path = value.get("bytes"), value.get("path")
    if isinstance(data, str) and data:
        decoded = _base64(data)
        data, path = (decoded, path) if decoded is not None else (None, data)
    if isinstance(data, bytearray | memoryview):
        data = bytes(data)
    try:
        if isinstance(data, bytes) and data:
            return usable_picture(load_image({"bytes": data}, "") or b"")
        return usable_picture(_followed(path, folder)) if path else None
    except ImageError as error:
        raise CatalogError(f"the picture cannot be used ({error})") from error


def _base64(text: str) -> bytes | None:
    """The bytes that ``text`` carries, None where it is no base64 and so a path (a picture's path has a dot)."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _followed(path: str, folder: str | None) -> bytes:
    allowed = "send the picture itself, in base64"
    if folder is None:
        raise CatalogError(f"image {path[:200]!r} is a path or no base64; {IMAGE_FOLDER} is not set here: {allowed}")
    if is_s3(path):
        prefix = join(folder, "")
        if not path.startswith(prefix):
            raise CatalogError(f"image {path[:200]!r} lies outside {IMAGE_FOLDER}; name one inside, or {allowed}")
        path = path[len(prefix) :]
    data = load_image({"path": path}, join(folder, "rows"))
    assert data is not None
    return data


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
