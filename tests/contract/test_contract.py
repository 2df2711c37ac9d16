import pickle
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moemoe.contract.load import load_contract
from moemoe.contract.text import normalize_text
from moemoe.errors import ContractError
from tests.support.small_contract import SMALL, THIRTY_PT, write_contract

# fmt: off
PRODUCT_TYPES = [
    "apparel belt", "apparel gloves", "blazer", "bra", "choli", "coat", "dress", "hat", "kurta", "necktie",
    "nightgown nightshirt", "overalls", "pajamas", "pants", "saree", "scarf", "shirt", "shorts", "skirt", "sleepwear",
    "socks", "suit", "sweater", "sweatshirt", "swimwear", "tights", "track suit", "tunic", "undergarment slip",
    "underpants",
]
# fmt: on
# fmt: off
ATTRIBUTES = [
    "age range description", "belt style", "bottom style", "care instructions", "closure type", "collar style",
    "collection", "color", "cup size", "department", "design name", "fabric type", "fabric wash", "finish type",
    "fit type", "front style", "item length description", "item styling", "lining description", "material",
    "neck style", "occasion type", "outer material", "pattern type", "pocket description", "rise style", "seasons",
    "sleeve type", "sport type", "strap type", "style", "subject character", "theme", "toe style", "top style",
    "underwire type", "waist style", "weave type",
]
# fmt: on


def test_30pt_has_the_product_types_and_attributes_of_appendix_b():
    contract = load_contract(THIRTY_PT)
    assert list(contract.product_types) == PRODUCT_TYPES
    assert list(contract.attributes) == ATTRIBUTES
    assert (contract.split.train, contract.split.validation, contract.split.test) == (0.7, 0.1, 0.2)
    assert contract.rare_share == 0.01
    assert contract.report_product_types == ("shirt", "kurta")


def test_a_contract_is_plain_data(tmp_path):
    contract = load_contract(write_contract(tmp_path))
    assert pickle.loads(pickle.dumps(contract)) == contract
    assert contract.product_type_aliases() == {
        "shirt": "shirt", "tshirts": "shirt", "t shirts": "shirt", "kurta": "kurta", "kurtas": "kurta",
    }  # fmt: skip
    assert contract.attributes["color"].keys == ("color", "baseColour")
    assert set(contract.attributes["material"].values) == {"Cotton", "Nylon", "Wool"}


def test_a_content_is_checked_once(tmp_path, monkeypatch):
    (tmp_path / "copy").mkdir()
    path, copy = write_contract(tmp_path, SMALL), write_contract(tmp_path / "copy", SMALL)
    first = load_contract(path)
    with monkeypatch.context() as patched:
        patched.setattr("moemoe.contract.load.parse_yaml", None)
        assert load_contract(copy) == replace(first, path=str(copy))
    copy.write_text(SMALL.replace("dataset: small", "dataset: other"))
    assert (load_contract(copy).dataset, load_contract(path).dataset) == ("other", "small")


def test_the_hash_is_of_the_content_not_the_layout(tmp_path):
    before = load_contract(write_contract(tmp_path)).hash
    assert (
        load_contract(write_contract(tmp_path, "# a comment\n" + SMALL.replace("[navy]", "[ 'navy' ]"))).hash == before
    )
    assert load_contract(write_contract(tmp_path, SMALL.replace("[navy]", "[navi]"))).hash != before


def test_ids_of_another_system(tmp_path):
    text = SMALL.replace("    rules:", "    id: 0012\n    value_ids: {Red: gid://shop/Value/13, Blue: 7}\n    rules:")
    contract = load_contract(write_contract(tmp_path, text + "product_type_ids: {kurta: aa-1}\n"))
    assert contract.product_type_ids == {"kurta": "aa-1"}
    assert contract.ids("color", "Red") == ("0012", "gid://shop/Value/13")  # as written, not as a number
    assert contract.ids("color", "Navy Blue") == ("0012", None)
    assert contract.ids("material", "Wool") == (None, None)
    assert contract.ids("no attribute", "Red") == (None, None)
    assert contract.hash != load_contract(write_contract(tmp_path)).hash


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("missing:", "mising:", 5, "unknown key 'mising'.* did you mean 'missing'"),
        ("    keys: [baseColour]", "    key: [baseColour]", 8, "unknown key 'key' .* did you mean 'keys'"),
        ("      Blue: []", "      Blue: []\n      Blue: [b]", 12, "already on line 11"),
        ("dataset: small", "dataset: small\ndataset: other", 2, "'dataset' .* already on line 1"),
        ("'navy', value", "'(?=navy)', value", 14, "RE2 refuses the regex .*look-around"),
        ("'navy', value", "'navy*?(', value", 14, "RE2 refuses the regex"),
        ("'navy', value", "'(navy)?', value", 14, "matches the empty text"),
        ("value: Navy Blue}", "value: Navy}", 14, "'Navy' is unknown; did you mean 'Navy Blue'"),
        ("      Red: []", "      Red: [navy]", 12, "'navy' means both value 'Navy Blue' .line 10. and 'Red'"),
        ("      Red: []", "      Red: [NA]", 12, "'NA' is listed under missing"),
        ("  kurta: [Kurtas]", "  kurta: [Kurtas, T-SHIRTS]", 4, "both product type 'shirt' .line 3. and 'kurta'"),
        ("[shirt]\n", "[shirts]\n", 24, "'shirts' is unknown; did you mean 'shirt'"),
        ("train: 0.7", "train: 0.8", 23, "sum to 1.1; they must sum to 1"),
        (
            "train: 0.7, validation: 0.1",
            "train: 0.8, validation: 0",
            23,
            "split.validation is 0; thresholds are chosen",
        ),
        ("train: 0.7", "train: much", 23, "must be a number from 0 to 1"),
        ("train: 0.7", "train: .nan", 23, "must be a number from 0 to 1"),
        ("train: 0.7", "train: [0.7]", 23, "must be a number from 0 to 1"),
        ("train: 0.7", "train: ~", 23, "must be a number from 0 to 1"),
        ("match: 'navy'", "match: ''", 14, "'match' must be a text; it is empty"),
        ("product_types: [shirt]", "product_types: [shirt, shirt]", 24, "lists 'shirt' twice"),
        (", test: 0.2", "", 23, "key 'test' is missing"),
        ("missing: [NA, None]", "missing: NA", 5, "'missing' must be a list"),
        ("missing: [NA, None]", "missing: [[NA]]", 5, "must be a text"),
        ("missing: [NA, None]", "columns: {titel: name}", 5, "unknown key 'titel' .* did you mean 'title'"),
        ("missing: [NA, None]", "expectations: {title_present: {severity: bad, at_least: 1}}", 5, "critical, warning"),
        (
            "missing: [NA, None]",
            "expectations: {attribute_fill: {severity: warning, at_least: {colour: 1}}}",
            5,
            "unknown key 'colour' .* did you mean 'color'",
        ),
        ("missing: [NA, None]", "product_type_ids: {shirts: 1}", 5, "'shirts' is unknown; did you mean 'shirt'"),
        ("missing: [NA, None]", "product_type_ids: {shirt: [1]}", 5, "'shirt' must be a text"),
        ("    rules:", "    value_ids: {Rd: 1}\n    rules:", 13, "'Rd' is unknown; did you mean 'Red'"),
        ("    rules:", "    id: [1]\n    rules:", 13, "'id' must be a text"),
        ("dataset: small\n", "", 1, "key 'dataset' is missing"),
        ("dataset: small", "dataset: [", 3, "not valid YAML"),
        ("dataset: small", "dataset: !!python/object/apply:os.system [ls]", 1, "YAML tag .* is not allowed"),
        ("dataset: small", "dataset: &a small", 1, "anchors and aliases"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path, old, new, line, message):
    assert old in SMALL
    path = write_contract(tmp_path, SMALL.replace(old, new, 1))
    with pytest.raises(ContractError, match=message) as error:
        load_contract(path)
    assert str(error.value).startswith(f"{path}:{line}: "), error.value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"# nothing\n", "is empty"),
        (b"- a\n", "must be a mapping"),
        (b"a: 1\n---\nb: 2\n", "expected a single document in the stream, but found another document"),
        (b"dataset: \xff\n", "UTF-8"),
        (b"[" * 1_000_000, "nested more than 20 levels"),
        (b"# " + b"x" * (5 << 20), "larger than 4 MiB"),
    ],
)
def test_a_file_that_is_no_contract_is_refused(tmp_path, content, message):
    path = tmp_path / "contract.yaml"
    path.write_bytes(content)
    with pytest.raises(ContractError, match=message):
        load_contract(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ContractError, match=re.escape(f"{tmp_path / 'none.yaml'}:1: the contract cannot be read")):
        load_contract(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("raw", "normalized"),
    [
        ("V-Neck", "v neck"),
        (" ＮＡＶＹ\u00a0 Blue. ", "navy blue"),
        ("Black &amp; White", "black & white"),
        ("3/4 Sleeve", "3/4 sleeve"),
        ("-", ""),
        (" 2.0 ", "2"),  # as a column of doubles writes it
        ("2.50", "2.50"),
        ("2.0 l", "2.0 l"),
        ("Men\u00e2\u20ac\u2122s", "men's"),
        ("कुर्ता", "कुर्ता"),
    ],
)
def test_fold(raw, normalized):
    assert normalize_text(raw) == normalized


@given(st.text(max_size=40))
def test_folding_ignores_case_and_outer_blanks(text):
    assert normalize_text(f" {text}\u00a0") == normalize_text(text)
    assert normalize_text(normalize_text(text).upper()) == normalize_text(normalize_text(normalize_text(text).upper()))


@pytest.mark.parametrize("given", ["", "report_product_types:\n", "report_product_types: []\n"])
def test_no_report_product_types_means_all(tmp_path, given):
    text = SMALL.replace("report_product_types: [shirt]\n", given)
    assert load_contract(write_contract(tmp_path, text)).report_product_types == ("shirt", "kurta")


def test_folding_makes_apostrophes_one_and_invisible_characters_nothing():
    assert {normalize_text(f"Men{mark}s Wear") for mark in "'\u2019\u2018\u02bc\u00b4`\uff07"} == {"men's wear"}
    assert normalize_text("T\u200b-Shi\u00adrt\u200e") == "t shirt"
