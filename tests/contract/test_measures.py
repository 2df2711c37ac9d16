"""Measurements: the value of a label, the reason why it has none, and what a contract must have."""

import re
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moemoe.contract.load import load_contract
from moemoe.contract.measures import MeasureError, MeasureReader
from moemoe.contract.open_contract import to_yaml
from moemoe.errors import ContractError
from tests.support.small_contract import write_contract

MEASURES = """\
dataset: shoes
product_types:
  shoe: []
missing: [NA]
attributes:
  heel height:
    keys: [Heel]
    measurement:
      unit: cm
      units: {inch: [], mm: [], ft: [], cm: [centi]}
      decimals: 1
      at_least: 0
      at_most: 300
      tolerance: 0.3
      decimal_sign: "."
  temperature:
    measurement: {unit: degC, units: {degF: []}, decimals: 0, at_least: -50, at_most: 300, tolerance: 1}
  warranty:
    measurement: {unit: month, units: {year: [], day: []}, default_unit: year, decimals: 1, at_least: 0, at_most: 600,
      tolerance: 0}
  fabric weight:
    measurement: {unit: g/m**2, units: {g/m**2: [gsm]}, decimals: 0, at_least: 1, at_most: 2000, tolerance: 5}
  power: {measurement: {unit: mW, units: {MW: []}, decimals: 3, at_least: 0, at_most: 1.0e+12, tolerance: 0}}
  area: {measurement: {unit: m**2, units: {}, decimals: 1, at_least: 0, at_most: 500, tolerance: 0}}
  volume: {measurement: {unit: ml, units: {fluid_ounce: []}, decimals: 0, at_least: 0, at_most: 5000, tolerance: 5}}
  alcohol: {measurement: {unit: percent, units: {}, decimal_sign: ',', decimals: 1, at_least: 0, at_most: 100,
      tolerance: 0}}
"""


@pytest.fixture(scope="module")
def contract(tmp_path_factory):
    return load_contract(write_contract(tmp_path_factory.mktemp("contract"), MEASURES))


@pytest.fixture(scope="module")
def readers(contract):
    return {name: MeasureReader(attribute.measurement) for name, attribute in contract.attributes.items()}


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        *((raw, "32 cm") for raw in ("12.6 in", "32 cm", "32.0cm", '12.6"', "12.6″", "12.6''", "320 MM", "32 centi")),
        *((raw, "31.8 cm") for raw in ("12 1/2 in", "12½ inches", '12-1/2"', "12&frac12; in")),
        ("1/2 inch", "1.3 cm"),
        ("10,5 cm", "10.5 cm"),
        ("1,200 mm", "120 cm"),
        ("1.234,5 mm", "123.5 cm"),
        ("1,000.5 mm", "100.1 cm"),
        ("1\u202f200 mm", "120 cm"),
        ("0,125 cm", "0.1 cm"),
        ("approx. 5 cms", "5 cm"),
        ("~5 centimetres (approx)", "5 cm"),
        ("<b>Heel</b> - 5 cm", "5 cm"),
        ("५ cm", "5 cm"),
        ("Ø36mm", "3.6 cm"),
        ("5 ft 6 in", "167.6 cm"),
        ("5' 6\"", "167.6 cm"),
        ("2 in / 5 cm", "5.1 cm"),
        ("5 cm (2 inches) per shoe", "5 cm"),
        ("10 to 10.6 cm", "10.3 cm"),
        ("0 inch", "0 cm"),
        *((raw, "32 cm") for raw in ("32 (cm)", "32(CM)", "32（cm）", "约32cm", "約32cm程度", "ヒール32cm", "ยาว32cm")),
        ("٣٢٫٥ cm", "32.5 cm"),
        ("١٬٢٠٠ mm", "120 cm"),
        ("10 bis 10,6 cm", "10.3 cm"),
        *((raw, "12.7 cm") for raw in ('5\\"', '5""', "5 İN", "5 İNÇ", "5 Zoll", "5 pouces", "5 इंच", "5インチ", "5นิ้ว")),
        *((raw, "30 cm") for raw in ("30 सेमी", "३० सें.मी.", "30センチ", "30㌢", "30 센티미터", "30 см", "30厘米")),
        *((raw, "30 cm") for raw in ("30ซม.", "٣٠ سم", "30 Zentimeter", "30 centimètres", "30 cm / medium")),
        *((raw, "70 cm") for raw in ("①70cm", "⒈ 70cm", "①着丈70cm")),
        ("5¹⁄₂ in", "14 cm"),
        ("from 10 to 10.6 cm", "10.3 cm"),
        *((raw, "30 cm") for raw in ("ca.30cm", "Approx.30 cm", "Länge ca.30,0 cm")),
        *(
            (raw, "177.8 cm")
            for raw in ("5ft10in", "5'10", "5’10”", "5'-10\"", "5ft-10in", "5 foot 10", "5 ft. 10 in.")
        ),
        *((raw, "120 cm") for raw in ("1'200 mm", "1’200 mm", "1\u00a0200 mm")),
        *((raw, "32 cm") for raw in ("32cm+-2", "32 ± 2 cm", "32cm +/- 2cm", "32 cm (±0.5 cm)", "32cm ±5%", "±32 cm")),
        *((raw, "30 cm") for raw in ("L30cm", "H30 cm", "30[cm]", "30 c.m.", "30 cm (pack of 1)", "1 pc, 30 cm")),
        *(
            (raw, "220 cm") for raw in ("86 inch / 220 cm", "87 inch / 220 cm", "220 cm (86 inch)")
        ),  # cut off or rounded
        ("３２．５ｃｍ", "32.5 cm"),
        ("3 & 1/2 in", "8.9 cm"),
        ("29/32 in", "2.3 cm"),
        *((raw, "70 cm") for raw in ("肩から70cm", "70 cm · Cotton", "70 cm per shoe")),
    ],
)
def test_a_length_in_any_spelling(readers, raw, value):
    assert readers["heel height"].value(raw) == value


@pytest.mark.parametrize(
    ("attribute", "raw", "value"),
    [
        *(("temperature", raw, "-5 degC") for raw in ("-5 °C", "−5°C", "23 F", "-5 degrees celsius")),
        ("temperature", "-18 to -20 ℃", "-19 degC"),
        ("temperature", "30ºC", "30 degC"),
        *(("warranty", raw, "24 month") for raw in ("2", "2 years", "24 mths", "2 Year Manufacturer Warranty")),
        ("warranty", "1 year 6 months", "18 month"),
        *(("fabric weight", raw, "180 g/m**2") for raw in ("180 g/m²", "180 GSM", "180 g/m2")),
        ("power", "5 mW", "5 mW"),
        ("power", "5 MW", "5000000000 mW"),
        *(("area", raw, "10 m**2") for raw in ("10 m²", "10 m^2", "10 m**2", "10 sqm", "10 sq. m", "10 square meters")),
        *(("volume", raw, "500 ml") for raw in ("16.9 fl oz", "16.9 FL. OZ.", "500ml / 16.9 fluid ounces", "500毫升")),
    ],
)
def test_other_quantities(readers, attribute, raw, value):
    assert readers[attribute].value(raw) == value


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("5", "no unit; it may be one of cm, inch, mm, ft"),
        ("5 kg", "unit 'kg' is not accepted; accepted are cm, inch, mm, ft"),
        ("5 cm2", "unit 'cm2' is not accepted"),
        ("500 cm", "500 cm is outside 0 to 300 cm"),
        ("-5 cm", "-5 cm is outside 0 to 300 cm"),
        ("20 x 30 cm", "several dimensions"),
        ("20cm x30cm", "several dimensions"),
        ("20 × 30 cm", "several dimensions"),
        ("10-12 cm", "a range"),
        ("10 -12 cm", "a range"),
        ("between 10 and 12 cm", "a range"),
        ("15 inch / 45 cm", "several numbers"),
        ("85 inch / 220 cm", "several numbers"),
        ("88 inch / 220 cm", "several numbers"),
        ("5 ft 70 in", "several numbers"),
        ("31 cm / 32 cm", "several numbers"),
        *((f"{raw} cm", f"{raw!r} may be a fraction or two numbers") for raw in ("30/32", "4/5", "7/8")),
        ("30/32 in", "'30/32' may be a fraction or two numbers"),
        ("1 200 mm", "'1 200' may be one number or two"),
        ("W30xD20xH40 cm", "several dimensions"),
        ("30W x 20D", "several dimensions"),
        ("30 x 20 x 40 cm (W x D x H)", "several dimensions"),
        ("2 x 30 cm", "a number of pieces"),
        *((f"30 cm, {words}", f"{words!r} means several") for words in ("pack of 2", "3 pcs", "2 pairs", "5-pack")),
        ("20 cm + 10 cm", "'+' makes it a sum"),
        ("Up-to 30 cm", "'Up-to' makes it a bound"),
        ("5'13", "no unit"),
        ("L30", "no number"),
        ("16 fl oz", "unit 'fl oz' is not accepted"),
        ("set of 2, 5 cm", "'set of 2' means several pieces"),
        ("up to 5 cm", "'up to' makes it a bound"),
        ("5 cm and more", "'and more' makes it a bound"),
        ("5+ cm", "a bound"),
        ("no 5 cm heel", "'no' makes it a bound"),
        *(
            (f"{word} 5 cm", f"{word!r} makes it a bound")
            for word in (
                *("bis", "maximal", "mindestens", "höchstens", "ab", "au moins", "au plus", "jusqu'à", "à partir de"),
                *("hasta", "al menos", "máximo", "más de", "fino a", "almeno", "massimo"),
            )
        ),
        *((f"5 cm {words}", f"{words!r} makes it a bound") for words in ("oder mehr", "ou plus", "o más", "o più")),
        *((raw, "a bound") for raw in ("5cm以上", "最大5cm", "5cmまで")),
        *((raw, "a range") for raw in ("10 bis 12 cm", "60〜70cm")),
        ("型A5cm", "no number"),
        ("5 (cm", "no unit"),
        ("縦5cm横7cm", "several numbers"),
        ("5.5.5 cm", "cannot be read"),
        ("5 mW", "unit 'mW' is not accepted"),
        ("9" * 50 + " cm", "cannot be read"),
        ("high", "no number"),
        ("a heel of 5 cm " * 20, "a text"),
        *(
            (f"5 {unit}", f"unit {unit!r} is not accepted")
            for unit in ("cm/h", "cm·kg", "ft squared", "किलोमीटर", "सेमीX")
        ),
        ("5 ft per square meter", "unit 'ft per square' is not accepted"),
        ("5 ft^2", "unit 'ft^' is not accepted"),
        ("10² cm", "no unit"),
        ("30¹ cm", "no unit"),
        ("30 ✕ 30 cm", "several dimensions"),
        ("5 €", "'€' makes it a price"),
        ("Rs.500", "'Rs' makes it a price"),
        ("v1.5 cm", "no number"),
        ("..5 cm", "no number"),
        ("1 inch and a half", "'and a half' is a fraction in words"),
        *(
            (raw, "a bound")
            for raw in (
                *("from 5 cm", "starting at 5 cm", "5 cm & up", "5 cm upwards", "tot 5 cm", "até 5 cm", "do 5 cm"),
                *("до 5 см", "en az 5 cm", "5 सेमी तक", "حتى 5 cm", "5cm 이상", "최대 5cm", "ไม่เกิน 5 cm", "5cmから"),
            )
        ),
    ],
)
def test_what_states_no_single_measure_is_told(readers, raw, reason):
    with pytest.raises(MeasureError, match=re.escape(reason)):
        readers["heel height"].value(raw)


def test_a_symbol_whose_case_decides_is_not_guessed(readers):
    with pytest.raises(MeasureError, match="unit 'mw' is not accepted"):
        readers["power"].value("5 mw")


@pytest.mark.parametrize("raw", ["- 5 °C", "– 5 °C", "Store at: - 5 °C"])
def test_a_dash_that_may_be_a_minus_is_not_guessed(readers, raw):
    with pytest.raises(MeasureError, match="the dash before the number may be a minus"):
        readers["temperature"].value(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        *(("1.200 mm", "120 cm"), ("1,200 cm", "1.2 cm"), ("1.200,5 mm", "120.1 cm"), ("1,200.5 mm", "120.1 cm")),
        *(("12,5 cm", "12.5 cm"), ("12.5 cm", "12.5 cm"), ("0.125 cm", "0.1 cm"), ("0,125 cm", "0.1 cm")),
    ],
)
def test_a_decimal_comma_that_the_contract_names(contract, raw, value):
    own = replace(contract.attributes["heel height"].measurement, decimal_sign=",")
    assert MeasureReader(own).value(raw) == value


@pytest.mark.parametrize("digits", ["1.200", "1,200", "30.000"])
def test_a_sign_that_nothing_tells_is_not_guessed(contract, digits):
    own = replace(contract.attributes["heel height"].measurement, decimal_sign=None)
    with pytest.raises(MeasureError, match=re.escape(f"{digits!r} may be {float(digits.replace(',', '.')):g} or ")):
        MeasureReader(own).value(f"{digits} mm")
    with pytest.raises(MeasureError, match=r"write decimal_sign: '\.' \(1\.2\) or ',' \(1200\) under measurement"):
        MeasureReader(own).value("1.200 mm")
    with pytest.raises(MeasureError, match=r"write decimal_sign: ',' \(1\.2\) or '\.' \(1200\) under measurement"):
        MeasureReader(own).value("1,200 mm")
    told = {"1.200,5 mm": "120.1 cm", "12,5 cm": "12.5 cm", "0.125 cm": "0.1 cm", "١٬٢٠٠ mm": "120 cm"}
    told["١٫٢٥٠ cm"] = "1.3 cm"  # Arabic has a sign for each
    assert {raw: MeasureReader(own).value(raw) for raw in told} == told


def test_ounces_of_mass_are_none_of_volume(readers):
    with pytest.raises(MeasureError, match=r"unit 'oz' is not accepted.*if it is fluid_ounce, list it as a spelling"):
        readers["volume"].value("16.9 oz")
    assert readers["volume"].value("16.9 Fluid Ounces (Pack of 1)") == "500 ml"


def test_what_may_be_a_range_of_temperatures_is_refused(readers):
    with pytest.raises(MeasureError, match="'±' makes it a bound"):
        readers["temperature"].value("±5 °C")


def test_what_is_too_small_is_no_zero(readers):
    with pytest.raises(MeasureError, match=r"0\.033 month is too small for 1 decimals"):
        readers["warranty"].value("1 day")
    assert readers["warranty"].value("0 days") == "0 month"
    assert readers["heel height"].value("0.1 mm") == "0 cm"  # within the tolerance


def test_a_thousandth_is_no_percent(readers):
    with pytest.raises(MeasureError, match="unit '‰' is not accepted"):
        readers["alcohol"].value("5 ‰")


@given(st.integers(0, 3000), st.sampled_from(["cm", "inch", "mm", "ft"]))
def test_value_to_text_to_value_is_stable_over_units(readers, tenths, name):
    reader, measurement = readers["heel height"], readers["heel height"]._measurement
    value = measurement.text(Fraction(tenths, 10))
    assert measurement.allows(value)
    assert reader.value(value) == value
    unit = next(unit for unit in measurement.units if unit.name == name)
    written = f"{float(Fraction(measurement.number(value)) / unit.factor):.9f} {name}"
    assert reader.value(written) == value


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_reason(readers, text):
    for reader in readers.values():
        with suppress(MeasureError):
            assert reader._measurement.allows(reader.value(text))
        list(reader.numbers_in(text))


def test_only_canonical_text_is_allowed(contract):
    allowed = ("5 cm", "5.5 cm", "0 cm", "300 cm")
    refused = ("5.0 cm", "5cm", "05 cm", "5.55 cm", "5 inch", "-1 cm", "301 cm", "", "cm", "5 cm ", "-0 cm")
    assert all(contract.allows("heel height", value) for value in allowed)
    assert not any(contract.allows("heel height", value) for value in refused)


def test_measures_in_running_text(readers):
    found = readers["heel height"].numbers_in("Pumps, 3 inch heel (7,62 cm), size 38, made in 2012 with 2 kg")
    assert [float(number) for number in found] == [7.62, 7.62]


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("unit: cm", "unit: cmm", 9, "unit 'cmm' does not exist"),
        ("inch: [], mm", "inhc: [], mm", 10, "unit 'inhc' does not exist"),
        ("inch: [], mm", "kg: [], mm", 10, "unit 'kg' is of mass, 'cm' of length"),
        ("unit: cm", "unit: 9**9**9", 9, "unit '9**9**9' does not exist"),
        ("unit: cm", "unit: __import__('os')", 9, "does not exist"),
        ("mm: []", "mm: [ins]", 10, "'ins' means both unit 'inch' and 'mm'"),
        ("[centi]", "[5c]", 10, "'5c' cannot be the spelling of a unit"),
        ("at_least: 0\n", "at_least: 300\n", 13, "at_most is 300 and at_least 300"),
        ("tolerance: 0.3", "tolerance: 300", 14, "tolerance is 300; allowed is less than"),
        ("decimals: 1\n", "decimals: 1.5\n", 11, "must be a whole number from 0 to 6"),
        ('decimal_sign: "."', "decimal_sign: ;", 15, "'decimal_sign' ';' is unknown"),
        ("default_unit: year", "default_unit: week", 19, "'default_unit' 'week' is unknown"),
        (
            "keys: [Heel]",
            "values: {High: []}",
            7,
            "'heel height' is a measurement, so it cannot have 'values'",
        ),
        ("tolerance: 0.3\n", "\n", 9, "key 'tolerance' is missing"),
    ],
)
def test_a_fault_of_a_contract_is_named_with_its_line(tmp_path, old, new, line, problem):
    assert MEASURES.count(old) == 1
    path = write_contract(tmp_path, MEASURES.replace(old, new))
    with pytest.raises(ContractError) as caught:
        load_contract(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert problem in str(caught.value)


def test_contradictions_are_between_named_values(tmp_path):
    rule = "contradictions:\n  - {when: {warranty: [1 month]}, never: {power: [1 mW]}, reason: none}\n"
    with pytest.raises(ContractError, match="'warranty' is a measurement; contradictions are between named values"):
        load_contract(write_contract(tmp_path, MEASURES + rule))


def test_a_written_contract_has_the_same_measurements(contract, tmp_path):
    again = load_contract(write_contract(tmp_path, to_yaml(contract)))
    assert again.attributes == contract.attributes
