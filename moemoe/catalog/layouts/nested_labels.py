"""Labels that are objects or lists of objects, as in shops' APIs: finds their plain label, if it is obvious."""

import re
from collections.abc import Mapping
from typing import Any

from moemoe.contract.cell_text import as_text

#: Keys of an object's label, by precedence (Akeneo: data); of its unit (MongoDB: u); of a number that needs a unit, as
#: it may be a price otherwise; and of the attribute's name.
_LABELS, _NAMES = ("value", "values", "label", "data"), ("name", "key")
UNITS = ("unit", "units", "unit_of_measure", "uom", "unittext", "funit", "u")
_AMOUNTS = ("amount", "magnitude", "number")
#: schema.org's key for a United Nations unit code, and the codes used for goods.
_UNIT_CODE = "unitcode"
_CODES = {
    **{"MMT": "mm", "CMT": "cm", "MTR": "m", "INH": "in", "FOT": "ft", "YRD": "yd", "MTK": "m2"},
    **{"GRM": "g", "KGM": "kg", "MGM": "mg", "LBR": "lb", "ONZ": "oz", "MLT": "ml", "CLT": "cl", "LTR": "l"},
    **{"WTT": "W", "KWT": "kW", "VLT": "V", "AMP": "A", "HTZ": "Hz", "CEL": "°C", "P1": "%"},
}
#: Further keys of an object whose name is the label, such as a category: references of the shop.
_NAME = "name"
_REFERENCES = frozenset(
    (
        *("id", "slug", "code", "hex", "handle", "position", "sort_order", "count"),
        *("url", "link", "href", "@type", "@id"),
    )
)
_NUMBER = re.compile(r"[-+]?\d[\d.,/ ]*")


def plain_label(value: Any) -> tuple[Any, Any]:
    """The label of ``{"value": "red"}``, ``{"value": 32, "unit": "cm"}``, ``{"label": "red"}``, ``{"name": "red"}``
    or of a list.

    Objects with different names are not labels of one attribute: their values mean nothing without the names.

    Returns:
        the label (several texts as "one, two"; None if absent), and the first omitted part, or None.
    """
    if isinstance(value, dict):
        return _of_object(value)
    if not isinstance(value, list):
        return value, None
    if value and all(isinstance(part, tuple) for part in value):  # a map of Parquet
        return _of_object(dict(value))
    parts = [part for part in value if isinstance(part, dict) and not _is_name(_plain(part))]
    names = {str(name) for part in parts for name in [_named(part, _NAMES)] if name}
    if len(names) > 1:
        return None, value
    texts, left_out = [], None
    for part in value:
        label, odd = (None, part) if isinstance(part, list) else plain_label(part)
        texts.append(_text(label))
        left_out = odd if left_out is None else left_out
    found = [text for text in texts if text is not None]
    return (", ".join(found) if found or left_out is None else None), left_out


def _of_object(value: Mapping[Any, Any]) -> tuple[Any, Any]:
    if not value:
        return None, None
    plain = _plain(value)
    names = (*_LABELS, *_AMOUNTS) if isinstance(unit_of(plain), str) else _LABELS
    name = _NAME if _is_name(plain) else next((name for name in names if name in plain), None)
    label = plain[name] if name else None
    if isinstance(label, dict):
        label, odd = _of_object(label)
        return (None, value) if odd is not None else (with_unit(label, unit_of(plain)), None)
    is_plain = not isinstance(label, list) or not any(isinstance(part, (dict, list)) for part in label)
    if name is None or not is_plain:
        return None, value
    return with_unit(plain_label(label)[0], unit_of(plain)), None


def unit_of(value: Mapping[Any, Any]) -> Any:
    """The unit of an object's label; None if it has none."""
    unit = _named(value, UNITS)
    return unit if unit is not None else _CODES.get(str(_named(value, (_UNIT_CODE,))).strip())


def with_unit(label: Any, unit: Any) -> Any:
    """``label`` with ``unit`` appended if it is only a number: "32 cm"; any other label unchanged."""
    text = None if isinstance(label, (list, dict)) else (_text(label) or "").strip()
    return f"{text} {unit.strip()}".strip() if isinstance(unit, str) and text and _NUMBER.fullmatch(text) else label


def _plain(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name).strip().casefold(): part for name, part in value.items()}


def _is_name(plain: Mapping[str, Any]) -> bool:
    """Whether an object has only a name and references; otherwise the name may be an attribute's."""
    return _NAME in plain and plain.keys() <= {_NAME, *_REFERENCES}


def _named(value: Mapping[Any, Any], names: tuple[str, ...]) -> Any:
    return next((part for name, part in value.items() if str(name).strip().casefold() in names), None)


def _text(label: Any) -> str | None:
    """A scalar as text; text that is not UTF-8 is kept, so that the reader of the attributes reports it."""
    try:
        return as_text(label)
    except UnicodeEncodeError:
        return str(label)
