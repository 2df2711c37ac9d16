"""Describes every key of a contract and its allowed values, for the loader and for the JSON Schema that editors use.

Conditions on several keys (names that refer to each other, shares that sum to 1) and RE2 patterns are checked only by
``load``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from moemoe.contract.contract import CRITICAL, WARNING
from moemoe.schemas import CATALOG


@dataclass(frozen=True)
class Text:
    """One text; ``No``, ``Null`` and ``2`` need no quotes. An RE2 pattern where ``pattern`` is set."""

    about: str = ""
    pattern: bool = False


@dataclass(frozen=True)
class Number:
    """A number within [low, high], an integer if ``whole``; ``default`` applies if the key is left out."""

    low: float
    high: float
    about: str = ""
    whole: bool = False
    default: float | None = None


@dataclass(frozen=True)
class Choice:
    """One of a few texts."""

    allowed: tuple[str, ...]
    about: str = ""


@dataclass(frozen=True)
class Listing:
    """A list; a key without a value is an empty list."""

    of: "Kind"
    about: str = ""


@dataclass(frozen=True)
class Named:
    """A mapping from names that the contract's author chooses, at least ``least`` and at most ``most`` of them."""

    of: "Kind"
    about: str = ""
    least: int = 0
    most: int | None = None


@dataclass(frozen=True)
class Record:
    """A mapping with these keys and no others."""

    keys: Mapping[str, "Kind"]
    about: str = ""
    required: tuple[str, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class TextOrTexts:
    """One text, or a list of them."""

    about: str = ""


Kind = Text | TextOrTexts | Number | Choice | Listing | Named | Record

TEXTS = Listing(Text())


def _texts(about: str) -> Listing:
    return Listing(Text(), about)


def _count(about: str) -> Number:
    return Number(1, 10**9, about, whole=True)


def _share(about: str = "", default: float | None = None, high: float = 1) -> Number:
    return Number(0, high, about, default=default)


def _expectation(about: str, **bound: Kind) -> Record:
    severity = Choice((CRITICAL, WARNING), "critical stops the run, warning is shown and the run goes on")
    return Record({"severity": severity, **bound}, about, required=("severity", *bound))


def _at_least(about: str) -> Record:
    return _expectation(about, at_least=_share())


def _at_most(about: str) -> Record:
    return _expectation(about, at_most=_share())


def _at_least_of_each(about: str) -> Record:
    return _expectation(about, at_least=Named(_share(), "attribute: share"))


EXPECTATIONS: Mapping[str, Record] = {
    # on the raw catalog
    "unique_product_ids": _expectation("No product id twice."),
    "title_present": _at_least("Rows with a title."),
    "known_product_types": _at_least("Rows whose raw product type is listed in this contract."),
    "image_present": _at_least("Products of known types with an image."),
    "undecodable_images": _at_most("Share of all images that cannot be fetched, read or decoded."),
    "attribute_fill": _at_least_of_each("Products of known types with a raw label for the attribute."),
    # on the labels
    "canonical_values": _expectation("Labels are values of this contract."),
    "group_in_one_split": _expectation("No group is in two splits."),
    "split_deviation": _at_most("Largest difference of a split's share of the products from its share under split."),
    "label_share": _at_least_of_each("Products of known types that keep a label for the attribute."),
    # on the labels of two runs
    "label_drift": _expectation(
        "Population stability index of any product type and attribute; below 0.1 nothing has changed, above 0.25 "
        "something has.",
        at_most=Number(0, 100),
    ),
    # on the predictions
    "canonical_predictions": _at_least("Predictions that are values of this contract."),
}

OPEN = Record(
    {
        "product_type_products": _count("Minimum number of products of a product type."),
        "attribute_labels": _count("Minimum number of labels of an attribute."),
        "value_labels": _count("Minimum number of labels of a value."),
        "attribute_values": _count(
            "Maximum number of an attribute's values; one with more is a name, a size or an id."
        ),
        "ignore_keys": _texts("Raw keys that are not attributes."),
    },
    "Complete product types, attributes and values from the catalog, where it has enough of each.",
    required=("product_type_products", "attribute_labels", "value_labels", "attribute_values"),
)

RULE = Record(
    {"match": Text("RE2 pattern on normalized text.", pattern=True), "value": Text("Canonical value that it means.")},
    required=("match", "value"),
)

MEASUREMENT = Record(
    {
        "unit": Text("The canonical unit, in which values are written; a unit that pint knows."),
        "units": Named(TEXTS, "Further accepted unit: [spellings besides the built-in ones]."),
        "default_unit": Text(
            "The unit of a number without one; by default the only accepted unit, or none if several are accepted."
        ),
        "decimal_sign": Choice(
            (".", ","),
            "What 1.200 and 1,200 mean: with '.' 1.2 and 1200, with ',' 1200 and 1.2. Without this key, the catalog's "
            "other labels decide; if they do not, ambiguous labels are unmapped.",
        ),
        "decimals": Number(0, 6, "Maximum number of digits after the point of a value.", whole=True),
        "at_least": Number(-1e12, 1e12, "Smallest value, in the canonical unit; labels out of range are unmapped."),
        "at_most": Number(-1e12, 1e12, "Largest value, in the canonical unit."),
        "tolerance": Number(0, 1e12, "How far a right answer may lie from the label, in the canonical unit."),
    },
    "Makes the values numbers with a unit; replaces values and rules.",
    required=("unit", "decimals", "at_least", "at_most", "tolerance"),
)

ATTRIBUTE = Record(
    {
        "keys": _texts("Raw keys in order of precedence, besides the attribute's own name."),
        "values": Named(TEXTS, "Canonical value: [aliases].", least=1),
        "rules": Listing(RULE, "Tried from the top; the first that matches wins."),
        "separators": Text("RE2 pattern between the parts of a multi-value.", pattern=True),
        "measurement": MEASUREMENT,
        "id": Text("The attribute's id in another system; backfill writes it beside the name."),
        "value_ids": Named(Text(), "Canonical value: its id in another system; backfill writes it beside the value."),
    }
)

_SIDE = Named(TEXTS, "One attribute: [values].", least=1, most=1)
CONTRADICTION = Record(
    {"when": _SIDE, "never": _SIDE, "reason": Text("For people.")}, required=("when", "never", "reason")
)

SPLIT = Record(
    {name: _share() for name in ("train", "validation", "test")},
    "Shares of the products, by hash of their group; they sum to 1.",
    required=("train", "validation", "test"),
)

COLUMNS = Record(
    {
        **{name: Text() for name in CATALOG.names},
        "attributes": TextOrTexts(
            "The column of raw labels; or a list of columns with one attribute each; or '*': all columns without "
            "another meaning."
        ),
    },
    "Catalog column: the seller's name for it.",
)

CONTRACT = Record(
    {
        "dataset": Text("The dataset's name; --dataset takes it."),
        "version": Number(1, 10**6, "Increase it by hand when the contract changes.", whole=True, default=1),
        "open": OPEN,
        "columns": COLUMNS,
        "product_types": Named(TEXTS, "Product type: [raw types that mean it].", least=1),
        "product_type_ids": Named(Text(), "Product type: its id in another system."),
        "missing": _texts("Missing markers: raw labels that mean no value, besides blank ones."),
        "separators": Text("RE2 pattern between the parts of a multi-value; an attribute may have its own.", True),
        "attributes": Named(ATTRIBUTE, "The questions asked of the model, in the order of the reports."),
        "contradictions": Listing(CONTRADICTION, "Labels of one product that cannot both be right."),
        "rare_share": _share("An attribute's rarest values, at most this share of its labels, are removed.", 0.01, 0.5),
        "split": SPLIT,
        "report_product_types": _texts("Product types that the headline metrics average over."),
        "max_quarantine_share": _share("Share of the catalog's rows that may be quarantined before a run stops.", 0.05),
        "expectations": Record(EXPECTATIONS, "What Great Expectations checks."),
    },
    required=("dataset",),
)
