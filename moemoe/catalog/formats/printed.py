"""Lists and objects printed into one cell: as JSON, or by Python, NumPy, pandas, databases, R or Scala.

pandas saves lists in CSV as NumPy prints them, without commas: ``['S' 'M']``. Databases write no quotes: ``[S, M]``.
Python's tuples, R and Scala use parentheses: ``('S', 'M')``, ``c("S", "M")``, ``WrappedArray(S, M)``,
``Map(fit -> Slim)``.
"""

import ast
import contextlib
import json
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from moemoe.catalog.formats.repeated_keys import is_too_deep, object_of

_TEXT = r"""'[^'\\]*+(?:\\.[^'\\]*+)*+'|"[^"\\]*+(?:\\.[^"\\]*+)*+\""""
_NUMBER = r"[-+]?(?:\d++\.?\d*+|\.\d++)(?:e[-+]?\d++)?"
_ITEM = re.compile(rf"{_TEXT}|{_NUMBER}|None|nan|True|False", re.DOTALL)
_ITEMS_OF_ARRAY = re.compile(rf"\s*\[\s*(?:{_ITEM.pattern})(?:\s+(?:{_ITEM.pattern}))+\s*\]\s*", re.DOTALL)
#: A text, which is kept, or the gap that NumPy prints between two objects. An unclosed text extends to the end;
#: otherwise each of its quotes would be tried as a beginning.
_BETWEEN_OBJECTS = re.compile(
    r"""('[^'\\]*+(?:\\.[^'\\]*+)*+(?:'|\\?$)|"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?$))|\}\s+(?=\{)""", re.DOTALL
)
#: Lists of DuckDB and Java, arrays of Postgres; objects have other characters.
_BARE_LIST = re.compile(r"\[([^][{}\"':=>,]*+,[^][{}\"':=>]*+)\]|\{([^][{}\"':=>,]*+,[^][{}\"':=>]*+)\}")
_OF_SCALA = re.compile(r"(?:WrappedArray|ArraySeq|ArrayBuffer|List|(Map))\(([^()]*)\)")
#: The beginning of a list or map in parentheses, as a regular expression.
BEFORE_ROUND = r"(?:\(\s*[uU]?[\"'(\[]|(?:c|list|WrappedArray|ArraySeq|ArrayBuffer|List|Map)\()"
_BEFORE_ROUND = re.compile(rf"\s*{BEFORE_ROUND}")
#: Values printed as a bare name.
_NAMES = {"NA": None, "nan": None, "NaT": None, "inf": None, "null": None, "true": True, "false": False}
#: Types printed with their name -> the value, from the contents of the parentheses.
_TYPES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("array", "str_", "bool_", "bool", "set", "frozenset"), lambda value=(), *_: value),
    **dict.fromkeys(("float64", "float32", "float16", "int64", "int32", "int16", "int8"), lambda value, *_: value),
    **dict.fromkeys(("UUID", "ObjectId"), str),
    **{"Decimal": Decimal, "OrderedDict": dict, "Timestamp": datetime.fromisoformat},
    **{"datetime": datetime, "date": date},
}


def nested(value: Any) -> Any:
    """Parses a text that is a list or an object, in JSON or printed; any other value is returned unchanged."""
    opening = value.lstrip()[:1] if isinstance(value, str) else ""
    if opening == '"':  # was encoded twice, as JSON or CSV
        within = value.strip()[1:-1].replace('""', '"')
        with contextlib.suppress(ValueError):
            within = json.loads(value)
        found = nested(within) if isinstance(within, str) and within.lstrip()[:1] in ("{", "[") else None
        return found if isinstance(found, (list, dict)) else value
    found = _parsed(value) if opening in ("{", "[") else None
    if isinstance(value, str) and value.endswith(")") and _BEFORE_ROUND.match(value):
        found = _in_round_brackets(value.strip())
    return value if found is None else found


def as_python_prints(given: str) -> Any:
    """Parses a text printed by Python, also with NumPy and pandas values in it.

    Raises:
        ValueError: it is not such a text.
    """
    try:
        if _ITEMS_OF_ARRAY.fullmatch(given):  # Python would join adjacent texts
            return [_value(_expression(item)) for item in _ITEM.findall(given)]
        try:
            return _value(_expression(given))
        except SyntaxError:
            return _value(_expression(_BETWEEN_OBJECTS.sub(lambda found: found[1] or "}, ", given)))
    except (SyntaxError, RecursionError, MemoryError, TypeError, ArithmeticError) as error:
        raise ValueError(str(error)) from error


def _parsed(given: str) -> Any:
    """A list or an object; None if the text is neither, or too deep."""
    if is_too_deep(given):
        return None
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(
            given, parse_float=str, parse_int=str, parse_constant=lambda _: None, object_pairs_hook=object_of
        )
    with contextlib.suppress(ValueError):
        return as_python_prints(given)
    bare = _BARE_LIST.fullmatch(given.strip())
    return [item.strip() for item in (bare[1] or bare[2]).split(",")] if bare else None


def _in_round_brackets(given: str) -> Any:
    """A list or an object; None if the text is neither."""
    if printed := _OF_SCALA.fullmatch(given):
        pairs = [part.partition(" -> ") for part in re.split(r", (?=[^,]* -> )", printed[2])] if printed[1] else []
        if all(between for _, between, _ in pairs) and '"' not in given:
            return {key: value for key, _, value in pairs} or [item.strip() for item in printed[2].split(",")]
    with contextlib.suppress(ValueError):
        found = as_python_prints(given)
        return found if isinstance(found, (list, dict)) else None
    return None


def _expression(given: str) -> ast.expr:
    return ast.parse(given.strip(), mode="eval").body


def _value(printed: ast.expr) -> Any:
    match printed:
        case ast.Constant(value=value) if value is not ...:
            return value
        case ast.List(elts=items) | ast.Set(elts=items) | ast.Tuple(elts=items):
            return [_value(item) for item in items]
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return object_of([(_value(k), _value(v)) for k, v in zip(keys, values, strict=True) if k is not None])
        case ast.Call(func=ast.Name(id="c" | "list"), args=items, keywords=[]):
            return [_value(item) for item in items]
        case ast.Call(func=ast.Name(id="c" | "list"), args=[], keywords=named):
            return object_of([(one.arg, _value(one.value)) for one in named])
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.UnaryOp(op=ast.UAdd(), operand=ast.Constant(value=int() | float() as number)):
            return number
        case ast.Name(id=name) if name in _NAMES:
            return _NAMES[name]
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=given) if name in _TYPES:
            return _TYPES[name](*map(_value, given))
    raise ValueError(f"{ast.unparse(printed)[:60]} is not a value that Python prints")
