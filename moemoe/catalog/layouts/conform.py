"""Converts record batches of a seller's columns to the CATALOG schema, column by column."""

from collections import Counter
from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from moemoe.catalog.formats.columnar import python_values
from moemoe.catalog.formats.image_objects import PATHS
from moemoe.catalog.formats.printed import BEFORE_ROUND
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.layouts import records
from moemoe.catalog.layouts.languages import TAGS
from moemoe.contract.cell_text import as_id, as_text_array, without_nothing
from moemoe.errors import CatalogError
from moemoe.language_tags import is_tag
from moemoe.schemas import CATALOG, IMAGE
from moemoe.sources import MOST_IMAGES


class UnfitValueError(CatalogError):
    """A value, perhaps of only some rows, cannot be converted."""


def conform(
    partition: str,
    batch: pa.RecordBatch,
    sources: Mapping[str, str],
    constants: Mapping[str, str | None],
    left_out: Counter[str],
) -> pa.RecordBatch:
    """Converts a batch of a seller's columns to the CATALOG schema.

    Args:
        sources: catalog column -> the batch's column, or one of ``constants``; the others come as null.
        constants: columns with the same value in every row.
        left_out: counts omitted labels, see ``records.attributes``.

    Raises:
        UnfitValueError: a value cannot be converted.
        CatalogError: a column's type cannot be converted.
    """
    arrays = []
    sources = _with_listed_images(batch, sources)
    for field in CATALOG:
        if field.name not in sources:
            arrays.append(pa.nulls(batch.num_rows, field.type))
            continue
        if sources[field.name] in constants:
            array = pa.repeat(pa.scalar(constants[sources[field.name]], pa.string()), batch.num_rows)
        else:
            array = batch.column(sources[field.name])
        try:
            arrays.append(_cast(field.name, field.type, array, left_out))
        except (pa.ArrowException, TypeError, ValueError, RowError) as error:
            raise _unfit(f"{partition}: column {sources[field.name]!r}", field.name, array.type, error) from error
    return pa.record_batch(arrays, schema=CATALOG)


def _unfit(which: str, name: str, kind: pa.DataType, error: Exception) -> CatalogError:
    """The error for a column that cannot be converted to the catalog's ``name``, because of its type or a value."""
    if name == "product_id" and isinstance(error, ValueError) and not isinstance(error, pa.ArrowException):
        return UnfitValueError(f"{which}: {error}")
    why = f" ({error})" if isinstance(error, RowError) else ""
    of_type = isinstance(error, (TypeError, pa.ArrowNotImplementedError))
    shown = str(kind) if len(str(kind)) <= 60 else f"{str(kind)[:60]}..."
    return (CatalogError if of_type else UnfitValueError)(
        f"{which} has type {shown}, which cannot become "
        f"the catalog's {name}{why}; allowed is {_ALLOWED.get(name, _ALLOWED_TEXT)}"
    )


def _with_listed_images(batch: pa.RecordBatch, sources: Mapping[str, str]) -> Mapping[str, str]:
    """``sources``, with a column ``image`` of lists as ``images``."""
    listed = sources.get("image")
    if listed is None or listed not in batch.schema.names or "images" in sources:
        return sources
    others = {name: source for name, source in sources.items() if name != "image"}
    return {**others, "images": listed} if _is_list(batch.column(listed).type) else sources


_ALLOWED_TEXT = "text or numbers, or lists of one"
_ALLOWED = {
    "product_type": "text or numbers, or lists of them",
    "bullet_points": "a list of texts, or a text",
    "description": "a text, or a list of texts",
    "image": "struct<bytes, path>, a path, or bytes",
    "images": "a list of struct<bytes, path>, of paths or of bytes, or such a list as text",
    "attributes": "map<text, text>, a struct of texts, a list of {key, value}, or a JSON object as text",
}


def _cast(name: str, to: pa.DataType, array: pa.Array, left_out: Counter[str]) -> pa.Array:
    """Converts ``array`` to type ``to``. Raises ArrowException, TypeError, ValueError or RowError if it cannot."""
    if isinstance(array.type, pa.UuidType):
        array = pa.array([None if value is None else str(value) for value in array.to_pylist()], pa.string())
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), to)
    if name not in records.OF_IMAGES and _has_languages(array.type):  # one is chosen in each row
        raise RowError(name, "texts in several languages", "their languages are mixed, or not given")
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if name not in records.OF_IMAGES and _is_binary(array.type):
        array = array.cast(pa.string())
    if name == "image":
        return _cast_image(array)
    if name == "images":
        if _is_list(array.type):  # readers take no more of them
            array = pc.list_slice(array, 0, MOST_IMAGES + 1)
        return pa.array([None if value is None else records.images(value) for value in array.to_pylist()], to)
    if name == "attributes":
        return _cast_attributes(to, array, left_out)
    if name == "bullet_points" or (name == "description" and _is_list(array.type)):
        are_texts = _is_list(array.type) and not pa.types.is_nested(array.type.value_type)
        if name == "bullet_points" and are_texts and _is_clean(texts := array.cast(to), without_nothing):
            return texts
        convert = records.bullet_points if name == "bullet_points" else records.description
        return pa.array([None if value is None else convert(value) for value in array.to_pylist()], to)
    if pa.types.is_map(array.type):
        raise TypeError(str(array.type))
    if pa.types.is_nested(array.type):
        return pa.array([records.record({name: value}, [name]).get(name) for value in array.to_pylist()], to)
    if name == "product_id":
        ids = array.to_numpy(zero_copy_only=False) if pa.types.is_floating(array.type) else array.cast(pa.string())
        return pa.array([as_id(value) for value in (ids.to_pylist() if isinstance(ids, pa.Array) else ids)], to)
    texts = without_nothing(as_text_array(array))
    if name in ("product_type", "description") and _has_lists(texts):
        return pa.array([records.record({name: value}, [name]).get(name) for value in texts.to_pylist()], to)
    return texts


def _cast_attributes(to: pa.DataType, array: pa.Array, left_out: Counter[str]) -> pa.Array:
    if pa.types.is_map(array.type) and _casts_as_text(array.type.item_type):
        maps = array.cast(to)
        is_named = not pc.any(pc.equal(pc.binary_length(maps.keys), 0)).as_py()
        if is_named and _is_clean(maps) and not _has_lists(maps.items):
            return maps
        array = maps
    pairs = [None if row is None else records.attributes(row, left_out) for row in python_values(array)]
    return pa.array(pairs, to)


def _has_languages(kind: pa.DataType) -> bool:
    """Whether a column has texts or labels in several languages: lists of tagged texts, or structs by language."""
    if pa.types.is_map(kind):
        return _has_languages(kind.item_type)
    if pa.types.is_struct(kind):
        return any(_has_languages(field.type) for field in kind) or all(is_tag(field.name) for field in kind)
    return _is_list(kind) and pa.types.is_struct(kind.value_type) and any(f.name in TAGS for f in kind.value_type)


def _has_lists(labels: pa.Array) -> bool:
    """Whether any label may be a list or an object as text."""
    if any(pc.any(pc.starts_with(labels, opening)).as_py() for opening in ("[", "{")):
        return True
    in_round = labels.filter(pc.ends_with(labels, ")"))  # a regular expression for all of them is slow
    return bool(pc.any(pc.match_substring_regex(in_round, f"^{BEFORE_ROUND}")).as_py())


def _casts_as_text(kind: pa.DataType) -> bool:
    """Whether Arrow's cast to text equals ``as_text``, apart from invisible characters."""
    others = (pa.types.is_floating, pa.types.is_decimal, pa.types.is_nested, pa.types.is_timestamp)
    return not any(is_one(kind) for is_one in others)


def _is_binary(kind: pa.DataType) -> bool:
    binary = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)
    return any(is_one(kind) for is_one in binary)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_list_view(kind)


def _is_clean(nested: pa.Array, further: Callable[[pa.Array], pa.Array] = lambda texts: texts) -> bool:
    """Whether ``as_text_array`` and ``further`` leave all texts in a list or map unchanged."""
    children = [nested.keys, nested.items] if isinstance(nested, pa.MapArray) else [nested.values]
    return all(further(as_text_array(texts)).equals(texts) for texts in children)


def _cast_image(array: pa.Array) -> pa.Array:
    if pa.types.is_floating(array.type) and not pc.any(pc.is_finite(array)).as_py():
        return pa.nulls(len(array), IMAGE)  # pandas' form of a column without values
    if pa.types.is_struct(array.type):
        names = [field.name for field in array.type]
        path = next((name for name in ("path", *PATHS) if name in names), None)
        given = {"bytes": pc.struct_field(array, "bytes")} if "bytes" in names else {}
        given |= {"path": pc.struct_field(array, path)} if path else {}
    else:
        given = {"bytes" if _is_binary(array.type) else "path": array}
    if not given:
        raise TypeError(str(array.type))
    parts = [given[f.name].cast(f.type) if f.name in given else pa.nulls(len(array), f.type) for f in IMAGE]
    parts[1] = without_nothing(as_text_array(parts[1]))
    return pa.StructArray.from_arrays(parts, fields=list(IMAGE), mask=array.is_null())
