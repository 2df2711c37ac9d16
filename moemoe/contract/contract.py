"""A loaded contract: product types, attributes, canonical values and the rules that map raw labels to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from moemoe.contract.measurement import Measurement
from moemoe.contract.text import normalize_text

CRITICAL, WARNING = "critical", "warning"

#: The pattern between the parts of a multi-value, unless the contract gives another.
SEPARATORS = "[,;|]"


@dataclass(frozen=True)
class Rule:
    """A label whose normalized text contains a match of the RE2 pattern ``match`` means ``value``."""

    match: str
    value: str


@dataclass(frozen=True)
class Attribute:
    """One attribute: the raw ``keys`` that feed it and how raw text becomes a value.

    ``keys`` come in order of precedence, the attribute's own name first. ``values`` maps each canonical value
    to its aliases; ``separators`` is an RE2 pattern between the parts of a multi-value. An attribute with a
    ``measurement`` has numbers with a unit as values, and no named values. ``id`` and ``value_ids`` (of some or all
    values) are the ids in another system, e.g. a taxonomy.
    """

    name: str
    keys: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]
    rules: tuple[Rule, ...] = ()
    separators: str = SEPARATORS
    measurement: Measurement | None = None
    id: str | None = None
    value_ids: Mapping[str, str] = field(default_factory=dict)

    def lookup(self) -> dict[str, str]:
        """Normalized value or alias -> canonical value."""
        return normalized_aliases(self.values)

    def allows(self, value: str) -> bool:
        """Whether ``value`` is a canonical value."""
        return self.measurement.allows(value) if self.measurement else value in self.values

    @property
    def tolerance(self) -> float | None:
        """How far a right answer may lie from the label; None for named values."""
        return float(self.measurement.tolerance) if self.measurement else None


@dataclass(frozen=True)
class Contradiction:
    """Labels of one product that cannot both be right.

    If a product's label of attribute ``when`` has only values among ``when_values``, its label of attribute ``never``
    must not have only values among ``never_values``. ``reason`` explains the rule to people.
    """

    when: str
    when_values: tuple[str, ...]
    never: str
    never_values: tuple[str, ...]
    reason: str

    @property
    def words(self) -> str:
        """The rule in one line."""
        return f"{self.when} {' / '.join(self.when_values)}, never {self.never} {' / '.join(self.never_values)}"


@dataclass(frozen=True)
class Split:
    """Shares of the products in each split; they sum to 1."""

    train: float
    validation: float
    test: float


@dataclass(frozen=True)
class Expectation:
    """An expectation that the data are checked against; ``severity`` critical stops the run, warning is shown.

    ``at_least`` and ``at_most`` are shares in [0, 1], except for label_drift: a population stability index.
    ``attributes`` holds a minimum share per attribute.
    """

    severity: str
    at_least: float | None = None
    at_most: float | None = None
    attributes: Mapping[str, float] | None = None


@dataclass(frozen=True)
class SupportLimits:
    """The minimum support in the catalog for an entry to become part of an open contract (see ``open_contract``).

    Args:
        product_type_products: minimum number of products of a product type.
        attribute_labels: minimum number of labels of an attribute.
        value_labels: minimum number of labels of a value.
        attribute_values: maximum number of values of an attribute; one with more is a name, a size or an id.
        ignore_keys: raw keys that are not attributes.
    """

    product_type_products: int
    attribute_labels: int
    value_labels: int
    attribute_values: int
    ignore_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contract:
    """A loaded contract; ``hash`` is the SHA-256 of its content without comments and layout.

    ``columns`` maps catalog columns to the seller's names; its key ``attributes`` may list several columns, or be "*"
    (``catalog.layouts.flat``). ``open`` is None if the contract is closed: its product types and attributes are all
    there are. ``product_type_ids`` are another system's ids of some or all product types.
    """

    path: str
    hash: str
    dataset: str
    version: int
    columns: Mapping[str, str | tuple[str, ...]]
    product_types: Mapping[str, tuple[str, ...]]
    attributes: Mapping[str, Attribute]
    missing: tuple[str, ...]
    separators: str
    rare_share: float
    split: Split
    max_quarantine_share: float
    report_product_types: tuple[str, ...]
    expectations: Mapping[str, Expectation]
    open: SupportLimits | None = None
    contradictions: tuple[Contradiction, ...] = ()
    product_type_ids: Mapping[str, str] = field(default_factory=dict)

    def product_type_aliases(self) -> dict[str, str]:
        """Normalized raw product type -> canonical product type."""
        return normalized_aliases(self.product_types)

    def allows(self, attribute: str, value: str) -> bool:
        """Whether ``value`` is a canonical value of ``attribute``."""
        known = self.attributes.get(attribute)
        return known is not None and known.allows(value)

    def canonical_values(self) -> dict[str, tuple[str, ...]]:
        """Attribute -> its canonical values; empty for a measurement."""
        return {name: tuple(attribute.values) for name, attribute in self.attributes.items()}

    def measurements(self) -> set[str]:
        """The attributes whose values are measures."""
        return {name for name, attribute in self.attributes.items() if attribute.measurement}

    def ids(self, attribute: str, value: str) -> tuple[str | None, str | None]:
        """The ids of an attribute and of one of its values, each None if absent."""
        known = self.attributes.get(attribute)
        return (known.id, known.value_ids.get(value)) if known else (None, None)

    def normalized_missing(self) -> frozenset[str]:
        """The missing markers: normalized raw labels that mean no value, the blank one always among them."""
        return frozenset({"", *map(normalize_text, self.missing)})


def normalized_aliases(names: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Normalized spelling -> canonical name, for each name itself and its aliases."""
    return {normalize_text(spelling): name for name, aliases in names.items() for spelling in (name, *aliases)}
