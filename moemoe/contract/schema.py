"""The JSON Schema of a contract, for editors that support YAML schemas, built from the loader's ``keys``.

``python -m moemoe.contract.schema`` prints it; ``make schema`` writes data_contracts/contract.schema.json.
"""

import json
from collections.abc import Mapping
from typing import Any

from moemoe.contract.keys import CONTRACT, Choice, Kind, Listing, Named, Number, Record, Text, TextOrTexts

#: The types that YAML may give to a text without quotes.
_TEXT = ["string", "number", "boolean"]


def contract_schema() -> dict[str, Any]:
    """The schema of a whole contract."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Contract of a dataset",
        **schema_of(CONTRACT),
        "description": "For editors. Loading a contract checks more (RE2 patterns, names that refer to each other).",
        "anyOf": [{"required": ["open"]}, {"required": ["product_types", "attributes"]}],
    }


def schema_of(kind: Kind) -> dict[str, Any]:
    """The JSON Schema of one kind of entry."""
    about = {"description": kind.about} if kind.about else {}
    match kind:
        case Text():
            return {"type": "string" if kind.pattern else _TEXT, **about}
        case TextOrTexts():
            return {"type": [*_TEXT, "array"], "items": {"type": _TEXT}, **about}
        case Number():
            default = {"default": kind.default} if kind.default is not None else {}
            numeric = "integer" if kind.whole else "number"
            return {"type": numeric, "minimum": kind.low, "maximum": kind.high, **default, **about}
        case Choice():
            return {"enum": list(kind.allowed), **about}
        case Listing():
            return {"type": ["array", "null"], "items": schema_of(kind.of), **about}
        case Named():
            return {**_mapping(kind.least), **_bounds(kind), "additionalProperties": schema_of(kind.of), **about}
        case Record():
            properties = {name: schema_of(own) for name, own in kind.keys.items()}
            required = {"required": list(kind.required)} if kind.required else {}
            return {
                **_mapping(len(kind.required)),
                "properties": properties,
                **required,
                "additionalProperties": False,
                **about,
            }


def _mapping(least: int) -> dict[str, Any]:
    """The schema of a mapping; a key without a value is an empty mapping, if that is allowed."""
    return {"type": "object" if least else ["object", "null"]}


def _bounds(named: Named) -> Mapping[str, int]:
    least = {"minProperties": named.least} if named.least else {}
    return least | ({"maxProperties": named.most} if named.most is not None else {})


if __name__ == "__main__":
    print(json.dumps(contract_schema(), indent=2))
