"""One dimension of a label that states several: which labels say which number is which, and which do not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moemoe.contract.dimensions import dimension_of, dimensions_in
from moemoe.contract.load import load_contract
from moemoe.contract.measures import MeasureError, MeasureReader, reader_of
from moemoe.contract.text import normalize_key
from tests.support.small_contract import write_contract

MEASURED = "{measurement: {unit: cm, units: {inch: [], mm: [], m: []}, decimals: 1, at_least: 0, at_most: 900, \
tolerance: 0.3}}"
NAMES = ("width", "depth", "height", "length", "seat height", "wide (in)")


@pytest.fixture(scope="module")
def readers(tmp_path_factory) -> dict[str, MeasureReader]:
    lines = [f"  {name}: {MEASURED}" for name in NAMES]
    text = "\n".join(["dataset: desks", "product_types: {desk: []}", "attributes:", *lines, ""])
    attributes = load_contract(write_contract(tmp_path_factory.mktemp("contract"), text)).attributes
    return {name: reader_of(attribute) for name, attribute in attributes.items()}


def read(readers, raw: str) -> dict[str, str]:
    """Attribute -> value, of those that ``raw`` states."""
    found = {}
    for name in NAMES[:4]:
        try:
            found[name] = readers[name].value(raw)
        except MeasureError:
            continue
    return found


WDH = {"width": "30 cm", "depth": "20 cm", "height": "40 cm"}


@pytest.mark.parametrize(
    "raw",
    [
        *("30 x 20 x 40 cm (W x D x H)", "30x20x40cm (WxDxH)", "30 cm x 20 cm x 40 cm (W/D/H)", "(WxDxH) 30x20x40 cm"),
        *("W x D x H: 30 x 20 x 40 cm", "300 × 200 × 400 mm [W × D × H]", "30 x 20 x 40 (W x D x H in cm)"),
        *("30 x 20 x 40 (cm) (W x D x H)", "Product dimensions: 30 x 20 x 40 cm, W x D x H", "40x30x20 cm (HxWxD)"),
        *("30,0 x 20,0 x 40,0 cm (B x T x H)", "B/H/T: 30/40/20 cm", "Breite x Tiefe x Höhe: 30 x 20 x 40 cm"),
        *("W30xD20xH40 cm", "W30 x D20 x H40 cm", "W 30cm D 20cm H 40cm", "W: 30 cm, D: 20 cm, H: 40 cm"),
        *("W30D20H40cm", "W30 × D20 × H40 (cm)", "W: 0.3 m; D: 20 cm; H: 40 cm", "h40 x w30 x d20 cm"),
        *("30W x 20D x 40H cm", "30cm(W) x 20cm(D) x 40cm(H)", "30 cm W x 20 cm D x 40 cm H"),
        *("30 cm (W), 20 cm (D), 40 cm (H)", "30 cm W / 20 cm D / 40 cm H"),
        *('11.81"W x 7.87"D x 15.75"H', "11 13/16 in W x 7 7/8 in D x 15 3/4 in H", "W 30 ±1 x D 20 ±1 x H 40 ±1 cm"),
        *("Width 30 cm, Depth 20 cm, Height 40 cm", "30cm wide x 20cm deep x 40cm high"),
        *("<li>Width: 30 cm</li><li>Depth: 20 cm</li><li>Height: 40 cm</li>", "W30 x D20 x H40 cm."),
        *("幅30×奥行20×高さ40cm", "宽30深20高40cm", "Largeur : 30 cm, Profondeur : 20 cm, Hauteur : 40 cm"),
        "Approx. W30 x D20 x H40 cm",
    ],
)  # fmt: skip
def test_each_dimension_is_found_by_its_letter_or_word(readers, raw):
    assert read(readers, raw) == WDH


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ("L: 30 cm, W: 20 cm", {"length": "30 cm", "width": "20 cm"}),
        ("30 x 20 x 10 cm (LxWxH)", {"length": "30 cm", "width": "20 cm", "height": "10 cm"}),
        ("L 30 x B 20 x H 10 cm", {"length": "30 cm", "width": "20 cm", "height": "10 cm"}),
        ("30 x 30 cm (W x H)", {"width": "30 cm", "height": "30 cm"}),
        ("Height: 40 cm", {"height": "40 cm"}),
        ("W 30 cm", {"width": "30 cm"}),
        ("40 cm", dict.fromkeys(NAMES[:4], "40 cm")),  # the key says which
    ],
)
def test_a_dimension_that_a_label_does_not_state_has_none_of_its_numbers(readers, raw, found):
    assert read(readers, raw) == found


@pytest.mark.parametrize(
    "raw",
    [
        *("30 x 20 x 40 cm", "D10 x H30 cm", "L 80 x P 40 x H 200 cm", "L x l x H : 30 x 20 x 10 cm", "W32 L30"),
        *("30 x 20 cm (W x D x H)", "30 x 20 x 40 cm (W x D)", "W30 x 20 x H40 cm", "S: 30 cm, M: 31 cm, L: 32 cm"),
        *("2 x 30 x 20 cm (W x H)", "W30 x W20 x H40 cm", "W30cm x D20 x H40", "largo 30 x ancho 20 cm", "W x D x H"),
        *("W30 x D20 x H40 cm (pack of 2)", "W30-32 x D20 x H40 cm", "W30 x D20 x H40 cm, seat H45 cm", "W30 x B20 cm"),
        *("W30 x D20 x H40 kg", "20 inch x 10 lb", "30 ft x 20 inch", "W 30 x D 20 cm"),
    ],
)
def test_a_label_that_may_be_misread_is_not_read(readers, raw):
    assert read(readers, raw) == {}


def test_the_reason_says_what_a_label_states(readers):
    with pytest.raises(MeasureError, match=re.escape("it states width and depth and height, not length")):
        readers["length"].value("W30 x D20 x H40 cm")
    with pytest.raises(MeasureError, match=r"'1\.200' may be 1.2 or 1200"):
        readers["width"].value("W1.200 x H600 mm")
    with pytest.raises(MeasureError, match="several dimensions"):
        readers["seat height"].value("W30 x D20 x H40 cm")


@pytest.mark.parametrize(
    ("names", "dimension"),
    [
        (["width"], "width"),
        (["size", "Item Width (cm)"], "width"),
        (["Breite"], "width"),
        (["product_height"], "height"),
        (["length", "Gesamtlänge", "Länge"], "length"),
        *((names, None) for names in (["seat height"], ["width", "height"], ["weight"], ["package depth"], ["L"])),
    ],
)
def test_an_attribute_is_of_a_dimension_by_its_names(names, dimension):
    assert dimension_of(names) == dimension


def read_under(readers, key: str, raw: str) -> dict[str, str]:
    """As ``read``, of a label under its raw key."""
    return read({name: _Under(reader, key) for name, reader in readers.items()}, raw)


class _Under:
    def __init__(self, reader: MeasureReader, key: str):
        self._reader, self._key = reader, key

    def value(self, raw: str) -> str:
        return self._reader.value(self._reader.under_key(raw, normalize_key(self._key)))


@pytest.mark.parametrize(
    ("key", "raw"),
    [
        *((key, "30 x 20 x 40 cm") for key in ("Maße (B x T x H)", "Dimensions W x D x H", "寸法(幅×奥行×高さ)")),
        *((key, "30*20*40") for key in ("Size (WxDxH) in cm", "Size_WxDxH_cm", "Size [W x D x H, cm]")),
        *((key, "30 × 20 × 40") for key in ("Abmaße (cm): BxTxH", "Breite x Tiefe x Höhe (cm)", "Size (W/D/H in cm.)")),
        ("Size in cm (WxDxH)", "30 x 20 x 40"),
        ("Size (WxDxH) in cm", "300 x 200 x 400 mm"),  # beside the number counts first
        ("Size (WxDxH, mm)", "30 x 20 x 40 cm<br>"),
        ("Size (W x D x H)", "30 x 40 x 20 cm (W x H x D)"),
        ("Size (H x D x W)", "W30 x D20 x H40 cm"),
    ],
)  # fmt: skip
def test_the_legend_may_stand_in_the_raw_key(readers, key, raw):
    assert read_under(readers, key, raw) == WDH


@pytest.mark.parametrize(
    ("key", "raw"),
    [
        *(("Size (W x D x H)", raw) for raw in ("40 cm", "30 x 20 cm", "30 x 20 x 40", "30x20x40 kg", "1x2x3x4 cm")),
        *((key, "30 x 20 x 40 cm") for key in ("Size", "Size (W x D x H) without legs", "Ø x W x D x H", "P x W x D")),
        *((key, "30 x 20 x 40 cm") for key in ("Taille (L x l x H)", "Size (W x D)", "Seat W x D x height of back")),
        *((key, "30 x 20 x 40") for key in ("Größe in BxTxH", "Size (WxDxH) in kg")),
        ("Size (W x L)", "32 x 34"),
        ("Size (W x D)", "40 cm (W x D x H)"),
    ],
)  # fmt: skip
def test_a_key_whose_legend_is_not_understood_wholly_gives_nothing(readers, key, raw):
    assert read_under(readers, key, raw) == {}


def test_a_key_of_several_dimensions_says_so():
    assert dimensions_in("Maße (B x T x H)") == ["width", "depth", "height"]
    assert [dimensions_in(key) for key in ("Heel height (cm)", "Taille (L x l)", "b/w")] == [[], [], []]


@given(st.text("WDHLx×:,;/()[] .0123456789cminfty'\"-", max_size=60))
def test_any_text_is_read_or_refused(readers, text):
    for name in ("width", "length"):
        try:
            assert readers[name]._measurement.allows(readers[name].value(text))
        except MeasureError:
            continue
