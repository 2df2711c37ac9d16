"""Reads requests to the registered model strictly: what MLflow would silently ignore is an error.

MLflow drops unknown parameters, and any other key of a request's body, and only logs this on the server. It turns rows
into columns in ways that lose lists and integer ids, and writes the whole table into its error messages.
``read_strictly`` replaces the MLflow functions that do so with functions of this module.
"""

import io
import json
import re
from collections.abc import Mapping, Sequence
from functools import wraps
from importlib import import_module
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

from moemoe.errors import CatalogError
from moemoe.inference.catalog_rows import is_list, is_missing
from moemoe.names import did_you_mean
from moemoe.registry.signature import COLUMNS, PARAMETER

RECORDS, SPLIT, INPUTS, INSTANCES = "dataframe_records", "dataframe_split", "inputs", "instances"
FORMS = (RECORDS, SPLIT, INPUTS, INSTANCES)
PARAMS = "params"
#: A surrogate in JSON: half of a character that JSON writes as two.
_HALF = re.compile(r"\\ud[89a-f]", re.IGNORECASE)


class BadRequest(MlflowException):
    """A request that cannot be answered (HTTP 400), in one sentence.

    MLflow's server would put the whole input in front of the message; here the message stays unchanged.
    """

    def __init__(self, message: str):
        self._message = message
        super().__init__(message, INVALID_PARAMETER_VALUE)

    @property
    def message(self) -> str:
        """The sentence."""
        return self._message

    @message.setter
    def message(self, message: str) -> None:
        pass


def read_strictly() -> None:
    """Makes MLflow's pyfunc and its server in this process use this module to read requests."""
    pyfunc: Any = import_module("mlflow.pyfunc")  # mlflow.pyfunc itself is only a lazy stand-in
    scoring_server: Any = import_module("mlflow.pyfunc.scoring_server")
    if not hasattr(pyfunc._enforce_params_schema, "__wrapped__"):
        pyfunc._enforce_params_schema = _only_known(pyfunc._enforce_params_schema)
        pyfunc._enforce_schema = _with_all_rows(pyfunc._enforce_schema)
    scoring_server._parse_json_data = _parse_json
    scoring_server.parse_csv_input = _parse_csv


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a request's table; a single row of lists, which MLflow makes of columns, becomes several rows.

    Raises:
        CatalogError: columns of different lengths.
    """
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    return _rows_of_columns(rows[0]) if len(rows) == 1 and _in_columns(rows[0]) else rows


def _only_known(enforce: Any) -> Any:
    @wraps(enforce)
    def checked(params: Any, schema: Any) -> Any:
        known = [spec.name for spec in schema.params] if schema else []
        if known == [PARAMETER] and isinstance(params, Mapping):  # leave other models in this process alone
            _check_names("parameter", params, known)
            for name, value in params.items():
                if not isinstance(value, str | None):  # MLflow's own error would hold the whole table
                    raise BadRequest(f"parameter {name} is {str(value)[:50]!r}; allowed is text")
        return enforce(params, schema)

    return checked


def _with_all_rows(enforce: Any) -> Any:
    """Keeps a row where MLflow has dropped all of them, as they have no known column: it is refused, not ignored."""

    @wraps(enforce)
    def checked(data: Any, schema: Any, *more: Any) -> Any:
        table = enforce(data, schema, *more)
        is_ours = schema.input_names() == list(COLUMNS)  # leave other models in this process alone
        return pd.DataFrame(index=[0]) if is_ours and not len(table) and len(pd.DataFrame(data)) else table

    return checked


def _check_names(kind: str, given: Mapping[Any, Any], known: Sequence[str]) -> None:
    for name in map(str, given):
        if name not in known:
            raise BadRequest(f"unknown {kind} {name[:50]!r}{did_you_mean(name, known)}")


def _parse_json(data: Any, metadata: Any, input_schema: Any) -> Any:
    """Replaces the server's function: the body's table with its values as sent, and its parameters."""
    from mlflow.pyfunc.scoring_server import ParsedJsonInput

    try:
        body = data if isinstance(data, dict) else _loads(data)
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise BadRequest("the body is nested too deeply; allowed is an object with a table") from None
    if not isinstance(body, dict):
        raise BadRequest(
            f"the body is a JSON {type(body).__name__}; allowed is an object with one of {', '.join(FORMS)}"
        )
    _check_names("key", body, (*FORMS, PARAMS))
    forms = [form for form in FORMS if form in body]
    if len(forms) != 1:
        raise BadRequest(f"the body has {' and '.join(forms) or 'no table'}; allowed is one of {', '.join(FORMS)}")
    params = body.get(PARAMS)
    if params is not None and not isinstance(params, dict):
        raise BadRequest(
            f"params is a JSON {type(params).__name__}; allowed is an object such as {{{PARAMETER!r}: ...}}"
        )
    table = _table(forms[0], body[forms[0]])
    if len(table) and "product_type" not in table:  # MLflow drops rows without a known column
        raise BadRequest(f"{forms[0]} has no product_type; allowed are a catalog's columns, product_type and title too")
    return ParsedJsonInput(table, params, False)


def _loads(text: str | bytes) -> Any:
    """JSON of a request.

    Raises:
        ValueError: it is not JSON, or a text in it has half a character, e.g. of an emoji cut in two.
    """
    body = json.loads(text)
    if _HALF.search(text if isinstance(text, str) else text.decode()):
        try:
            json.dumps(body, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"half a character ({error.object[error.start]!a}), e.g. of an emoji cut in two") from None
    return body


def _parse_csv(csv_input: io.TextIOBase, schema: Any = None) -> pd.DataFrame:
    """Replaces the server's function: cells stay text, so that an id keeps its zeros."""
    try:
        return pd.read_csv(csv_input, dtype=str, keep_default_na=False)  # type: ignore[call-overload,no-any-return]
    except ValueError as error:
        raise BadRequest(f"the body is not CSV: {error}") from None


def _table(form: str, value: Any) -> pd.DataFrame:
    """The table of a body in any of its forms; dtype object keeps integers beside missing values."""
    if form == SPLIT:
        if not isinstance(value, dict) or not {"columns", "data"} <= set(value) <= {"columns", "data", "index"}:
            raise BadRequest(
                f"{form} is not a table; allowed are columns, data and index, as DataFrame.to_dict('split')"
            )
        names = value["columns"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise BadRequest(f"{form} has columns {str(names)[:50]!r}; allowed is a list of names")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise BadRequest(f"{form} has the column {twice[:50]!r} twice; name each once")
        try:
            return pd.DataFrame(value["data"], columns=names, dtype=object)
        except (ValueError, TypeError) as error:
            raise BadRequest(f"{form} is not a table: {error}") from None
    if isinstance(value, dict):
        try:
            value = _rows_of_columns(value) if _in_columns(value) else [value]
        except CatalogError as error:
            raise BadRequest(str(error)) from None
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise BadRequest(
            f"{form} is not a list of rows; allowed are objects with a catalog's columns, one for each row"
        )
    return pd.DataFrame(value, dtype=object)


def _in_columns(row: Mapping[str, Any]) -> bool:
    """Whether a row's cells are whole columns; bullet points, description and attributes may be lists in a cell too."""
    return any(_is_column(row.get(name)) for name in ("product_type", "title"))


def _is_column(value: Any) -> bool:
    return hasattr(value, "__len__") and is_list(value)


def _rows_of_columns(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    columns = {name: values for name, values in columns.items() if not is_missing(values)}
    lengths = {name: len(values) if _is_column(values) else None for name, values in columns.items()}
    if None in lengths.values() or len(set(lengths.values())) != 1:
        shown = ", ".join(f"{name} {'one value' if n is None else n}" for name, n in lengths.items())
        raise CatalogError(f"the columns are of different lengths: {shown}")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
