"""Loads an attribute's key ``measurement``; pint checks its units."""

from collections.abc import Sequence
from decimal import Decimal

from moemoe.contract.keys import MEASUREMENT, Number
from moemoe.contract.measurement import Measurement, Unit
from moemoe.contract.text import plain_measure
from moemoe.contract.units import UnitError, unit_of
from moemoe.contract.yaml_lines import YamlNode


def load_measurement(entry: YamlNode) -> Measurement:
    """The measurement described at ``entry``.

    Raises:
        ContractError: a unit does not exist or measures another quantity, two units share a spelling, or the range is
            empty.
    """
    fields = entry.fields(MEASUREMENT.keys, MEASUREMENT.required)
    canonical = fields["unit"].text()
    further = list(fields["units"].pairs()) if "units" in fields else []
    own = next((spellings for key, spellings in further if key.text() == canonical), None)
    units = [_unit(fields["unit"], own.items() if own else (), canonical)]
    claimed = {spelling: canonical for spelling in units[0].spellings}
    for key, spellings in further:
        if key.text() == canonical:
            continue
        unit = _unit(key, spellings.items(), canonical)
        for spelling in unit.spellings:
            if (owner := claimed.setdefault(spelling, unit.name)) != unit.name:
                key.fail(f"{spelling!r} means both unit {owner!r} and {unit.name!r}; a spelling may belong to one only")
        units.append(unit)
    names = [unit.name for unit in units]
    default = fields["default_unit"].choice(names) if "default_unit" in fields else None
    sign = fields["decimal_sign"].choice((".", ",")) if "decimal_sign" in fields else None
    least, most, tolerance = (_decimal(fields[name], name) for name in ("at_least", "at_most", "tolerance"))
    if least >= most:
        fields["at_most"].fail(f"at_most is {most:f} and at_least {least:f}; at_most must be larger")
    if tolerance >= most - least:
        fields["tolerance"].fail(
            f"tolerance is {tolerance:f}; allowed is less than the range's width, {most - least:f}"
        )
    return Measurement(
        tuple(units), int(_decimal(fields["decimals"], "decimals")), least, most, tolerance, default, sign
    )


def _unit(entry: YamlNode, aliases: Sequence[YamlNode], canonical: str) -> Unit:
    for alias in aliases:
        if (text := plain_measure(alias.text()))[:1].isdigit() or not text:
            alias.fail(f"{alias.text()!r} cannot be the spelling of a unit; it must not begin with a digit")
    try:
        return unit_of(entry.text(), [alias.text() for alias in aliases], canonical)
    except UnitError as error:
        entry.fail(str(error))


def _decimal(entry: YamlNode, name: str) -> Decimal:
    """The number exactly as written: 0.3, not the nearest double."""
    kind = MEASUREMENT.keys[name]
    assert isinstance(kind, Number)
    entry.number(kind.low, kind.high, kind.whole)
    return Decimal(entry.text().replace("_", "").strip())
