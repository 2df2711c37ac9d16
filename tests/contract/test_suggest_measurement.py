"""For which raw labels a measurement is suggested, and which one."""

from decimal import Decimal

import pytest

from moemoe.contract.suggest_measurement import suggest_measurement


def suggested(*labels: str, others: int = 0):
    return suggest_measurement(dict.fromkeys(labels, 3), 3 * len(labels) + others)


@pytest.mark.parametrize(
    ("labels", "units", "decimals", "at_most"),
    [
        (("30 cm", "30.5cm", "12.6 in", "31 cms"), ["cm", "inch"], 1, 33),
        (("500 g", "1 kg", "1,200 gms", "800 grams"), ["g", "kg"], 0, 1200),
        (("6 months", "1 Year", "2 years"), ["year", "month"], 1, 2),
        (("Approx. 873 ml", "250ml"), ["ml"], 0, 880),
        (("5' 6\"", '14"', '20"'), ["inch", "foot"], 0, 66),
        (("5'6\"", "6'0\"", "5'11\""), ["foot", "inch"], 1, 6),
        (("2 in (5.1 cm)", "5 in (12.7 cm)", "3 in / 7.6cm"), ["inch", "cm"], 1, 5),
        (("500 ml / 16.9 fl oz", "250 ml (8.5 FL. OZ.)"), ["ml", "fluid_ounce"], 1, 500),
        (("30 सेमी", "40 से.मी.", "約35cm"), ["cm"], 0, 40),
        (("0.001 mm", "0.002 mm", "0.009 mm"), ["mm"], 3, Decimal("0.009")),
    ],
)
def test_numbers_with_units(labels, units, decimals, at_most):
    found = suggested(*labels).measurement
    assert [unit.name for unit in found.units] == units
    assert (found.decimals, found.at_least, found.at_most) == (decimals, 0, at_most)
    assert 0 < found.tolerance < (found.at_most - found.at_least) / 2


@pytest.mark.parametrize(
    "labels",
    [
        ("100% Cotton", "60% Cotton, 40% Wool"),  # says more than a number
        ("5 M", "6 M", "7 W"),  # widths of shoes
        ("32 B", "34 D"),
        ("38", "40"),
        ("10 x 20 cm", "30 x 40 cm"),
        ("up to 5 cm", "7-12 cm"),
        ("Slim", "Loose"),
        (),
    ],
)
def test_other_labels(labels):
    assert suggested(*labels) is None


def test_a_decimal_comma():
    found = suggested("1.200 mm", "1.350 mm", "950,5 mm", "1.100,25 mm").measurement
    assert (found.decimal_sign, found.at_most) == (",", 1400)
    assert suggested("1.200 kg", "1.35 kg", "0.95 kg", "2.1 kg").measurement.decimal_sign == "."


@pytest.mark.parametrize("labels", [("500 g", "1 kg", "1,200 gms"), ("1.200 kg", "1.35 kg", "0,95 kg", "2.1 kg")])
def test_a_decimal_sign_that_nothing_shows_is_not_suggested(labels):
    assert suggested(*labels).measurement.decimal_sign is None


def test_most_labels_must_be_measures():
    assert suggested("5 cm", "7 cm", "9 cm", "11 cm", others=3)
    assert suggested("5 cm", "7 cm", "9 cm", "11 cm", others=4) is None
    assert suggested("5 cm", "7 cm", "9 cm", "2 kg") is None


def test_a_slip_of_the_pen_does_not_set_the_range():
    labels = {f"{20 + i / 10} cm": 10 for i in range(100)} | {"2500 cm": 1}
    found = suggest_measurement(labels | {"-900 cm": 1}, 1002)
    assert (found.measurement.at_least, found.measurement.at_most) == (0, 30)
    assert found.measurement.tolerance == Decimal("0.2")  # 1 % of what is usual
    assert (found.labels, found.least, found.most) == (1002, "-900 cm", "2500 cm")
