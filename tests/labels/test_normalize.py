from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moemoe.catalog.context import plain_text
from moemoe.contract.contract import Attribute
from moemoe.contract.load import load_contract
from moemoe.contract.text import normalize_key, normalize_text
from moemoe.errors import CatalogError
from moemoe.labels import normalize as normalize_module
from moemoe.labels.normalize import MISSING, UNMAPPED, value_mapper
from moemoe.sample_catalog import vocabulary
from moemoe.schemas import LABEL_STATISTICS, LABELS, PRODUCTS
from tests.support.small_contract import SMALL, THIRTY_PT, products, small_contract, write_contract
from tests.support.whole_labels import normalize

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "catalog"


@pytest.fixture
def contract(tmp_path):
    return small_contract(tmp_path)


def labels_of(table):
    return [(row["product_id"], row["attribute"], row["values"]) for row in table.to_pylist()]


def statistics_of(normalized, attribute):
    return next(row for row in normalized.statistics.to_pylist() if row["attribute"] == attribute)


def test_raw_labels_become_values_in_product_and_contract_order(contract):
    normalized = normalize(
        products(
            {"attributes": [("Fabric", "50% Wool, 25% Nylon, 25% wool"), ("baseColour", "NAVY  blue")]},
            {"attributes": [("color", "sky-blue")], "product_type": "KURTAS"},
        ),
        contract,
    )
    assert labels_of(normalized.labels) == [
        ("p0", "color", ["Navy Blue"]),
        ("p0", "material", ["Wool", "Nylon"]),
        ("p1", "color", ["Blue"]),
    ]
    assert normalized.labels.schema == LABELS
    assert normalized.statistics.schema == LABEL_STATISTICS
    assert normalized.labels["product_type"].to_pylist() == ["shirt", "shirt", "kurta"]
    assert normalized.labels["split"].null_count == 3


def test_the_first_key_with_a_known_value_wins_and_conflicts_are_counted(contract):
    normalized = normalize(
        products(
            {"attributes": [("Cloth", "Wool"), ("Fabric", "Cotton")]},  # conflict; Fabric comes first in the contract
            {"attributes": [("Cloth", "Wool"), ("Fabric", "NA")]},
            {"attributes": [("Cloth", "Wool"), ("Fabric", "plasma")]},
            {"attributes": [("Cloth", "Pure Cotton"), ("Fabric", "Cotton")]},  # they agree
            {"attributes": [("Fabric", "Nylon"), ("Fabric", "Wool"), ("Fabric #2", "Cotton")]},  # repeated: the first
        ),
        contract,
    )
    assert [values for _, _, values in labels_of(normalized.labels)] == [
        ["Cotton"], ["Wool"], ["Wool"], ["Cotton"], ["Nylon"],
    ]  # fmt: skip
    assert statistics_of(normalized, "material") == {
        "attribute": "material",
        "raw_values": 5,
        "canonical_values": 3,
        "labels": 5,
        "dropped": 1,
        "unmapped": 1,
        "conflicts": 2,
        "most_frequent_unmapped": [{"value": "plasma", "count": 1, "reason": None}],
    }


def test_unknown_types_are_left_out_and_counted(contract):
    normalized = normalize(
        products(
            {"product_type": "Mugs", "attributes": [("color", "Red")]},
            {"product_type": None, "attributes": [("color", "Red")]},
            {"product_type": "t-shirts", "attributes": [("color", "Red")]},
            {"product_type": "Mugs", "attributes": None},
        ),
        contract,
    )
    assert labels_of(normalized.labels) == [("p2", "color", ["Red"])]
    assert normalized.product_types.to_pylist() == [
        {"raw": "Mugs", "product_type": None, "products": 2},
        {"raw": None, "product_type": None, "products": 1},
        {"raw": "t-shirts", "product_type": "shirt", "products": 1},
    ]


def test_null_maps_null_values_and_slices_do_no_harm(contract):
    table = products(
        {"attributes": [("color", "Blue")]},
        {"attributes": None},
        {"attributes": [("color", None), ("Cloth", "Wool")]},
        {"attributes": []},
        {"attributes": [("Color #2", "Red"), ("", "x"), ("_nokey", "1 Top")]},
    )
    expected = [("p2", "material", ["Wool"]), ("p4", "color", ["Red"])]
    assert labels_of(normalize(table.slice(1), contract).labels) == expected
    in_chunks = pa.concat_tables([table.slice(1, 2), table.slice(3)])
    assert labels_of(normalize(in_chunks, contract).labels) == expected


def test_unmapped_values_are_listed_most_frequent_first(contract):
    rows = [{"attributes": [("color", raw)]} for raw in ["Red", *["zz"] * 3, *["aa"] * 2, *["bb"] * 2, "qq, NA"]]
    statistics = statistics_of(normalize(products(*rows), contract), "color")
    assert [(e["value"], e["count"]) for e in statistics["most_frequent_unmapped"]] == [
        ("zz", 3), ("aa", 2), ("bb", 2), ("qq, NA", 1),
    ]  # fmt: skip
    assert statistics["unmapped"] == 8


VALUES = st.sampled_from(["Red", "navy", "Blue, Red", "50% Wool", "NA", None, "", "zz", "zz top", "Cotton/Nylon"])
ENTRIES = st.lists(
    st.tuples(st.sampled_from(["color", "baseColour", "Fabric", "Cloth", "Cloth #2", "x"]), VALUES), max_size=4
)
CATALOGS = st.lists(st.tuples(st.sampled_from(["Tshirts", "Mugs", None]), st.none() | ENTRIES), min_size=1, max_size=20)


@given(CATALOGS, st.integers(2, 5))
def test_parts_make_the_same_labels_and_statistics(tmp_path_factory, rows, parts):
    contract = small_contract(tmp_path_factory.mktemp("contract"))
    rows.append(("Tshirts", [("color", "Red")]))
    table = products(*({"product_type": kind, "attributes": entries} for kind, entries in rows))
    whole, cut = normalize(table, contract), normalize(table, contract, parts)
    assert (cut.labels, cut.statistics, cut.product_types) == (whole.labels, whole.statistics, whole.product_types)


def test_rare_raw_values_are_forgotten_and_frequent_ones_counted(contract, monkeypatch):
    monkeypatch.setattr(normalize_module, "REMEMBERED", 10)
    rows = [{"attributes": [("color", f"only {i}" if i % 2 else ["zz", "yy", "Red"][i % 3])]} for i in range(300)]
    cut, whole = (statistics_of(normalize(products(*rows), contract, parts), "color") for parts in (30, 1))
    for name in ("labels", "unmapped", "dropped", "canonical_values"):
        assert cut[name] == whole[name], name
    assert cut["most_frequent_unmapped"][:2] == whole["most_frequent_unmapped"][:2]
    assert [entry["value"] for entry in cut["most_frequent_unmapped"][:2]] == ["yy", "zz"]


def test_a_catalog_without_labels_says_which_keys_it_has(contract):
    rows = [{"attributes": [("Farbe", "rot")]}, {"attributes": [("Farbe", "blau"), ("Stoff", "Wolle")]}]
    with pytest.raises(CatalogError, match=r"'Farbe' \(2\), 'Stoff' \(1\)"):
        normalize(products(*rows), contract)
    with pytest.raises(CatalogError, match=r"none of its product types is known \(most frequent: 'Mugs'\)"):
        normalize(products({"product_type": "Mugs"}), contract)
    with pytest.raises(CatalogError, match="no label"):
        normalize(PRODUCTS.empty_table(), contract)


@pytest.mark.parametrize(
    ("attribute", "raw", "values"),
    [
        ("material", "Pure Cotton", ["Cotton"]),
        ("material", "100 % COTTON", ["Cotton"]),
        ("material", "Cotton Blend", ["Cotton Blend"]),
        ("material", "50% Acrylic, 25% Nylon, 25% Wool", ["Acrylic", "Nylon", "Wool"]),
        ("material", "60% cotton 40% polyester", ["Cotton", "Polyester"]),
        ("material", "Polyster/Viscose", ["Polyester", "Viscose Rayon"]),
        ("sleeve type", "No Sleeves", ["Sleeveless"]),
        ("sleeve type", "Shoulder Straps", ["Sleeveless"]),
        ("sleeve type", "3/4 Sleeve", ["Three-Quarter Sleeves"]),
        ("sleeve type", "Full Sleeve", ["Long Sleeves"]),
        ("fit type", "Loose", ["Loose Fit"]),
        ("fit type", "SLIM", ["Slim Fit"]),
        ("neck style", "ROUND NECK", ["Round Neck"]),
        ("neck style", "Round", ["Round Neck"]),
        ("neck style", "V Neck", ["V-Neck"]),
        ("color", "Black and White", ["Black", "White"]),
        ("color", "Multi-Coloured", ["Multi"]),
        ("color", "Dark navy\u00a0blue", ["Navy Blue"]),
        ("color", "Redish rose", ["Rose"]),
        ("occasion type", "Party, Casual", ["Party", "Casual"]),
        ("department", "Men's", ["Men"]),
        ("department", "Women", ["Women"]),
        ("department", "Women, Girls", ["Women", "Girls"]),
        ("department", "Men, Women", ["Unisex"]),
        ("age range description", "adults-women", ["Adults-Women"]),
        (
            "care instructions",
            "Gentle Machine Wash in Lukewarm Water, Do Not Bleach",
            ["Machine Wash", "Do Not Bleach"],
        ),
        ("care instructions", "Dry clean only", ["Dry Clean"]),
        ("care instructions", "Hand wash. Do not dry clean", ["Hand Wash", "Do Not Dry Clean"]),
        ("item length description", "Midi/Knee Length", ["Knee Length"]),
        ("pocket description", "2", ["2 Pockets"]),
        ("underwire type", "Non-Wired", ["Non-Wired"]),
        ("underwire type", "With wires", ["Underwired"]),
        ("color", "N/A", MISSING),
        ("color", " - ", MISSING),
        ("color", None, MISSING),
        ("color", "NA, none", MISSING),
        ("color", "Qwerty", UNMAPPED),
        ("neck style", "34 inch", UNMAPPED),
    ],
)
def test_30pt_rules(attribute, raw, values):
    contract = load_contract(THIRTY_PT)
    found = value_mapper(contract.attributes[attribute], contract.normalized_missing())(raw)
    assert (list(found) if isinstance(found, tuple) else found) == values


def test_30pt_values_mean_themselves():
    contract = load_contract(THIRTY_PT)
    for attribute in contract.attributes.values():
        values_of = value_mapper(attribute, contract.normalized_missing())
        for value, aliases in attribute.values.items():
            for spelling in (value, *aliases, value.upper(), f" {value}  "):
                assert values_of(spelling) == (value,), (attribute.name, spelling)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the real catalogs are not at {REAL}")
def test_30pt_covers_the_real_catalogs():
    contract = load_contract(THIRTY_PT)
    columns = ["product_id", "product_type", "attributes"]
    tables = [pq.read_table(path, columns=columns) for path in sorted(REAL.glob("*.parquet"))]
    table = pa.concat_tables(tables)
    for field in PRODUCTS:
        if field.name not in columns:
            table = table.append_column(field, pa.nulls(len(table), field.type))
    normalized = normalize(table.select(PRODUCTS.names).cast(PRODUCTS), contract)
    counts = pc.value_counts(
        normalized.labels.group_by(["product_id", "product_type"]).aggregate([])["product_type"]
    ).to_pylist()
    assert {c["values"]: c["counts"] for c in counts}["shirt"] > 9_600
    assert len(counts) >= 24
    for row in normalized.statistics.to_pylist():
        if row["labels"] >= 1000:
            assert row["unmapped"] <= 0.03 * (row["labels"] + row["unmapped"]), row


def test_30pt_understands_the_words_of_the_sample_catalog():
    contract = load_contract(THIRTY_PT)
    missing = contract.normalized_missing()
    for name, sample in vocabulary.ATTRIBUTES.items():
        attribute = contract.attributes[name]
        values_of = value_mapper(attribute, missing)
        assert {normalize_key(key) for key in sample.keys} <= {normalize_key(key) for key in attribute.keys}
        for value in sample.values:
            for spelling in (value, *sample.dirty.get(value, ())):
                assert values_of(spelling) == (value,), (name, spelling)
        assert {junk: values_of(junk) for junk in vocabulary.JUNK} == dict.fromkeys(vocabulary.JUNK, UNMAPPED)
        assert {values_of(marker) for marker in vocabulary.MISSING} == {MISSING}
    types = contract.product_type_aliases()
    for kind, (_, spellings, _) in vocabulary.PRODUCT_TYPES.items():
        assert {types.get(normalize_text(spelling)) for spelling in spellings} == {kind}


@pytest.mark.parametrize(
    ("attribute", "raw", "values"),
    [
        ("material", "50% Wool, 25% Nylon, 25% Cotton", ("Wool", "Nylon", "Cotton")),  # as written, not by name
        ("plain", "50% Wool, 25% Nylon", ("Wool", "Nylon")),  # separators know no percentages here
        ("plain", "Nylon (25.5 %), wool 74,5%", ("Nylon", "Wool")),
        ("plain", "100%Wool", ("Wool",)),
        ("plain", "2 Buttons; 3 x Zip", ("Buttons", "Zip")),
        ("plain", "Zip 2", ("Zip",)),
        ("plain", "2 cm", UNMAPPED),
        ("plain", "3-4 Zip", UNMAPPED),  # a range is no number of something
        ("plain", "2 Pockets", ("2 Pockets",)),
        ("plain", "<b>Pure</b>&nbsp;Wool", ("Pure Wool",)),
        ("plain", "Wool<br/>Nylon", ("Wool", "Nylon")),
        ("plain", "<ul><li>Zip</li><li>Nylon</li></ul>", ("Zip", "Nylon")),
        ("plain", "Black &amp;amp; White", ("Black & White",)),
        ("plain", "Pure\u00a0Wool", ("Pure Wool",)),
        ("plain", "Wool\r\n\r\nNylon", ("Wool", "Nylon")),
        ("plain", "Zip\nNA\n2 Buttons", ("Zip", "Buttons")),
        ("plain", "Pure\nWool", ("Pure Wool",)),
        ("plain", "50%\nWool, no\nzip", ("Wool",)),
        ("plain", "&nbsp;<br>", MISSING),
        ("plain", "<p>NA</p>", MISSING),
        ("plain", "zips <5", UNMAPPED),
    ],
)
def test_shares_numbers_and_markup_do_not_hinder_the_lookup(contract, attribute, raw, values):
    names = ("Wool", "Nylon", "Pure Wool", "Buttons", "Zip", "2 Pockets", "Black & White")
    plain = Attribute("plain", ("plain",), {name: () for name in names})
    values_of = value_mapper({**contract.attributes, "plain": plain}[attribute], contract.normalized_missing())
    assert values_of(raw) == values


def test_a_contract_may_read_entries_without_key(tmp_path):
    contract = load_contract(write_contract(tmp_path, SMALL.replace("[Fabric, Cloth]", "[Fabric, _nokey]")))
    normalized = normalize(
        products(
            {"attributes": [("_nokey", "1 Top"), ("_nokey #2", "Pure Cotton")]},
            {"attributes": [("_nokey", "Wool"), ("Fabric", "Nylon")]},  # a key says more
        ),
        contract,
    )
    assert labels_of(normalized.labels) == [("p0", "material", ["Cotton"]), ("p1", "material", ["Nylon"])]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Soft&nbsp;<b>cotton</b>\u00a0 shirt<br/>5&quot; hem", 'Soft cotton shirt 5" hem'),
        ("sizes <5 and >3", "sizes <5 and >3"),
        ("ＣＯＴＴＯＮ ﬁt", "COTTON fit"),
        ("सूती कुर्ता பருத்தி", "सूती कुर्ता பருத்தி"),
    ],
)
def test_text_of_a_product_is_plain(text, plain):
    assert plain_text(text) == plain


@pytest.fixture(scope="module")
def thirty_pt():
    contract = load_contract(THIRTY_PT)
    return contract, {
        attribute.name: value_mapper(attribute, contract.normalized_missing())
        for attribute in contract.attributes.values()
    }


TEXT = st.text(max_size=40) | st.lists(
    st.sampled_from(
        ["Navy Blue", "50%", "Cotton", "NA", "<br>", "&amp;", "3/4", "सूती", "பருத்தி", "\u00a0", ",", "/", "-"]
    ),
    max_size=6,
).map(" ".join)


@given(TEXT)
def test_any_raw_value_means_canonical_values_or_none(thirty_pt, raw):
    contract, values_of = thirty_pt
    for attribute in contract.attributes.values():
        found = values_of[attribute.name](raw)
        if isinstance(found, int):
            assert found in (MISSING, UNMAPPED)
        else:
            assert set(found) <= set(attribute.values)
            assert len(set(found)) == len(found) > 0
        assert values_of[attribute.name](f" {raw}\u00a0") == found  # blanks around it mean nothing


@given(
    st.data(),
    st.sampled_from([str.upper, str.title, str.swapcase]),
    st.sampled_from(["{}", "  {} ", "{}\u00a0", "<b>{}</b>"]),
)
def test_spelling_does_not_change_what_a_value_means(thirty_pt, data, case, frame):
    contract, values_of = thirty_pt
    attribute = data.draw(st.sampled_from(list(contract.attributes.values())))
    value = data.draw(st.sampled_from(list(attribute.values)))
    assert values_of[attribute.name](frame.format(case(value))) == (value,)


def test_labels_and_rules_in_turkish(tmp_path):
    text = SMALL.replace("Red: []", "Kırmızı: []\n      Ipek: [İpekli]").replace("'navy'", "'ışıltılı navy'")
    understood = value_mapper(load_contract(write_contract(tmp_path, text)).attributes["color"], frozenset())
    for raw in ("kırmızı", "KIRMIZI", "Kirmizi", "KİRMİZİ"):
        assert understood(raw) == ("Kırmızı",)
    for raw in ("ipekli", "İPEKLİ", "IPEKLI", "i\u0307pekli"):
        assert understood(raw) == ("Ipek",)
    assert understood("IŞILTILI navy") == understood("çok ışıltılı NAVY") == ("Navy Blue",)


def test_a_lengthened_label_in_arabic():
    assert normalize_text("أحمـــر") == normalize_text("أحمر")


def test_labels_in_hindi_and_tamil(tmp_path):
    contract = load_contract(write_contract(tmp_path, SMALL.replace("[Pure Cotton]", "[सूती, பருத்தி]")))
    rows = [{"attributes": [("Fabric", raw)]} for raw in ("सूती", "பருத்தி, Wool", "रेशम")]
    normalized = normalize(products(*rows), contract)
    assert labels_of(normalized.labels) == [("p0", "material", ["Cotton"]), ("p1", "material", ["Cotton", "Wool"])]
    [unmapped] = statistics_of(normalized, "material")["most_frequent_unmapped"]
    assert unmapped == {"value": "रेशम", "count": 1, "reason": None}
