"""Expectations on raw rows and labels: each one passing and each one failing."""

import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import data_contracts
from data_contracts import check_predictions, check_shards
from moemoe.catalog.products import Collected
from moemoe.contract.load import load_contract
from moemoe.errors import CatalogError, ConfigError
from moemoe.inference.predictions import CONDITIONS
from moemoe.schemas import AS_IS, IMAGE_BLANKED, LABELS, PREDICTIONS, PRODUCTS, QUARANTINE
from moemoe.shards.manifest import Manifest
from tests.support.small_catalog import CONTRACT, broken
from tests.support.small_shards import small_shards
from tests.support.whole_labels import in_parts


def catalog(change: dict[int, dict] | None = None, bad_images: int = 0) -> Collected:
    """Twenty good products, some of them changed; the last ones' images quarantined."""
    rows = [
        {
            "product_id": f"p{i}",
            "product_type": "KURTAS" if i % 2 else "Tshirts",
            "title": f"title {i}",
            "image_hash": f"{i}" if i < 20 - bad_images else None,
            "attributes": [("Base colour", "?"), ("baseColour", "Red"), ("Fit", "Slim" if i % 2 else "na")],
            "partition": 0,
            "row": i,
        }
        for i in range(20)
    ]
    for i, columns in (change or {}).items():
        rows[i].update(columns)
    aside = [
        {"product_id": f"p{19 - i}", "field": "image", "reason": "image does not decode"} for i in range(bad_images)
    ]
    return Collected(pa.Table.from_pylist(rows, PRODUCTS), pa.Table.from_pylist(aside, QUARANTINE), 20)


def labels(change: dict[int, dict] | None = None, products: int = 200) -> pa.Table:
    """Labels of color in splits 60/20/20, the even products of fit type too."""
    splits = ["train", "train", "train", "validation", "test"]
    rows = []
    for i in range(products):
        row = {"product_id": f"p{i}", "product_type": "kurta", "group": f"g{i}", "split": splits[i % 5]}
        row |= (change or {}).get(i, {})
        rows.append({"attribute": "color", "values": ["Red", "Blue"], **row})
        if i % 2 == 0:
            rows.append({"attribute": "fit type", "values": ["Slim"], **row})
    return pa.Table.from_pylist(rows, LABELS)


def check_raw(collected: Collected, contract, docs, parts: int = 3):
    products = in_parts(collected.products, parts)
    return data_contracts.check_raw(products, collected.quarantine, collected.rows, contract, docs)


def check_labels(labels: pa.Table, contract, docs, common=()):
    half = len(labels) // 2
    cut = half + next(
        (i for i in range(1, 3) if half and labels["product_id"][half + i] != labels["product_id"][half]), 0
    )
    return data_contracts.check_labels([labels.slice(0, cut), labels.slice(cut)], contract, docs, common)


class TestRaw:
    def test_a_good_catalog(self, contract, tmp_path):
        report = check_raw(catalog(), contract, tmp_path / "docs")
        assert report.success
        assert broken(report) == []
        assert len(report.findings) == 13
        assert report.message() == "contract small, raw catalog: 13 of 13 expectations pass"
        report.raise_if_critical()

    def test_data_docs_say_what_is_expected(self, contract, tmp_path):
        report = check_raw(catalog({3: {"product_id": "p4"}}), contract, tmp_path / "docs")
        assert report.docs_index == str(tmp_path / "docs" / "index.html")
        folder = Path(report.docs_index).parent
        index = Path(report.docs_index).read_text()
        assert all(f'href="{page.relative_to(folder)}"' in index for page in folder.glob("validations/**/*.html"))
        pages = [page.read_text() for page in folder.glob("validations/**/*.html")]
        for words in ("product ids are unique (critical)", "have an image (warning)", "say their color"):
            assert any(words in page for page in pages)
        assert "1 come more than once" in Path(report.docs_index).read_text()
        assert ">products</a>" in index
        titles = [re.search("<title>(.*)</title>", page)[1] for page in pages]
        assert "Contract small, raw catalog: products, what was found" in titles
        assert not [page for page in pages if "Great Expectations Version" in page or "Validations /" in page]
        for page in folder.rglob("*.html"):
            text = page.read_text()
            tags = re.findall("<[^>]*>", text) + re.findall("<style.*?</style>", text, re.DOTALL)
            # nothing is fetched, and no control is there that would need a script
            dead = [tag for tag in tags if re.search("http|<script|<button|<input|<img|onclick|toggle", tag)]
            assert not dead, (page, dead)
            assert "Data asset: None" not in text
            assert not re.search(r"[\d.]+% unexpected", text)  # one way of counting in every page
            assert "Validation Filter" not in text
            for target in re.findall(r'href="([^"#]+)"', text):
                assert (page.parent / target).exists(), (page, target)
        assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".html"}
        assert not list(folder.glob("**/* *"))  # links and S3 keys without blanks

    @pytest.mark.parametrize(
        ("change", "bad_images", "severity", "words", "product_ids"),
        [
            ({3: {"product_id": "p4"}, 5: {"product_id": "p4"}}, 0, "critical", "product ids are unique", ("p4",)),
            ({7: {"product_id": None}}, 0, "critical", "every product has an id", ()),
            (
                {i: {"title": " " if i else None} for i in range(3)},
                0,
                "critical",
                "at least 90% of the products have a title",
                ("p0", "p1", "p2"),
            ),
            (
                {i: {"product_type": "Watches"} for i in range(5)},
                0,
                "warning",
                "at least 80% of the products have a product type that the contract knows",
                ("p0", "p1", "p2", "p3", "p4"),
            ),
            (
                {i: {"image_hash": None} for i in range(11)},
                0,
                "warning",
                "at least 50% of the products of known types have an image",
                ("p0", "p1", "p2", "p3", "p4"),
            ),
            (
                {},
                3,
                "critical",
                "at most 10.0% of the images cannot be fetched, read or decoded",
                ("p19", "p18", "p17"),
            ),
            (
                {i: {"attributes": [("baseColour", v)]} for i, v in enumerate(["NA", "", None])},
                0,
                "warning",
                "at least 90% of the products of known types say their color",
                (),
            ),
            (
                {i: {"attributes": None} for i in range(1, 20)},
                0,
                "warning",
                "at least 10% of the products of known types say their fit type",
                (),
            ),
        ],
    )
    def test_each_expectation_broken(self, contract, tmp_path, change, bad_images, severity, words, product_ids):
        report = check_raw(catalog(change, bad_images), contract, tmp_path / "docs")
        assert (severity, words, product_ids) in broken(report)
        assert report.success == (severity == "warning")

    def test_too_many_quarantined(self, contract, tmp_path):
        report = check_raw(catalog({}, 11), contract, tmp_path / "docs")
        assert broken(report)[0][1] == "at most 50.0% of the rows, or their images, are quarantined"

    def test_why_images_cannot_be_used_is_said(self, contract, tmp_path):
        report = check_raw(catalog({}, 3), contract, tmp_path / "docs")
        [line] = [line for line in report.broken if "fetched, read or decoded" in line]
        assert line.endswith("3 of 20 (15.0%) cannot; image does not decode: 3")

    def test_an_expectation_broken_in_a_later_slice_has_its_page(self, contract, tmp_path):
        report = check_raw(catalog({19: {"product_id": None}}), contract, tmp_path / "docs", parts=5)
        assert broken(report) == [("critical", "every product has an id", ())]
        pages = sorted(page.parent.parent.name for page in (tmp_path / "docs").glob("validations/products/**/*.html"))
        assert pages == ["raw-catalog-00000", "raw-catalog-00004"]  # the first slice as an example, and the broken one

    def test_ids_that_repeat_far_apart_are_found(self, contract, tmp_path):
        report = check_raw(catalog({19: {"product_id": "p0"}}), contract, tmp_path, parts=5)
        assert broken(report) == [("critical", "product ids are unique", ("p0",))]

    def test_bounds_are_kept_exactly_on_them(self, contract, tmp_path):
        assert broken(check_raw(catalog({0: {"title": None}, 1: {"title": None}}), contract, tmp_path)) == []
        assert broken(check_raw(catalog({}, 2), contract, tmp_path)) == []

    def test_message_of_a_duplicate_product_id(self, contract, tmp_path):
        report = check_raw(
            catalog({3: {"product_id": "p4"}, 0: {"product_type": "Hats", "title": ""}}), contract, tmp_path
        )
        expected = (
            "contract small, raw catalog: a critical expectation fails\n"
            "  fails (critical): product ids are unique: 1 come more than once (products p4)"
        )
        with pytest.raises(CatalogError) as raised:
            report.raise_if_critical()
        assert str(raised.value) == expected

    def test_a_contract_without_expectations_still_needs_unique_ids(self, contract, tmp_path):
        (tmp_path / "bare.yaml").write_text(CONTRACT.partition("expectations:")[0])
        report = check_raw(catalog({3: {"product_id": "p4"}}), load_contract(tmp_path / "bare.yaml"), tmp_path)
        assert [words for _, words, _ in broken(report)] == ["product ids are unique"]

    def test_a_slice_of_a_table(self, contract, tmp_path):
        collected = catalog({i: {"attributes": None, "title": None} for i in range(10)})
        rest = Collected(collected.products.slice(10), collected.quarantine, 10)
        assert broken(check_raw(rest, contract, tmp_path)) == []


class TestLabels:
    def test_good_labels(self, contract, tmp_path):
        report = check_labels(labels(), contract, tmp_path)
        assert report.success
        assert broken(report) == []
        assert len(report.findings) == 16

    def test_an_empty_split_says_why(self, contract, tmp_path):
        """Two titles for a whole catalog are two groups."""
        changed = {i: {"group": "g0" if i % 2 else "g1", "split": "train" if i % 2 else "test"} for i in range(200)}
        with pytest.raises(
            CatalogError, match=r"split validation is not empty: 0 of 200 .*2 such groups, the largest of 100"
        ):
            check_labels(labels(changed), contract, tmp_path).raise_if_critical()

    def test_what_many_products_share_is_named(self, contract, tmp_path):
        report = check_labels(labels(), contract, tmp_path, ["title 'T-shirt': 50 products"])
        assert report.success
        assert report.broken == [
            "warning: titles and images tell products apart: so frequent that they join no groups: "
            "title 'T-shirt': 50 products"
        ]

    @pytest.mark.parametrize(
        ("change", "severity", "words", "product_ids"),
        [
            ({7: {"values": ["Red", "Crimson"]}}, "critical", "every value of color is canonical", ("p7",)),
            ({7: {"attribute": "size"}}, "critical", "every value of size is canonical", ("p7",)),
            ({1: {"group": "g4"}}, "critical", "no group lies in two splits", ("p1", "p4")),
            ({4: {"split": None}}, "critical", "every labelled product has a group and a split", ("p4",)),
            ({4: {"split": "dev"}}, "critical", "every labelled product has a group and a split", ("p4",)),
            ({4: {"group": None}}, "critical", "every labelled product has a group and a split", ("p4",)),
            (
                {i: {"split": "train"} for i in range(3, 200, 5)},
                "warning",
                "split validation holds 20% of the products, give or take 10%",
                (),
            ),
            ({i: {"split": "train"} for i in range(3, 200, 5)}, "critical", "split validation is not empty", ()),
            ({i: {"split": "train"} for i in range(4, 200, 5)}, "critical", "split test is not empty", ()),
            ({i: {"split": "test"} for i in range(200)}, "critical", "split train is not empty", ()),
            (
                {i: {"product_type": "shirt"} for i in range(4, 60, 5)},
                "warning",
                "product type kurta has at least 30 labelled test products to report on",
                (),
            ),
            (
                {i: {"attribute": "fit type", "values": ["Slim"]} for i in range(30)},
                "warning",
                "at least 90% of the labelled products have a value of color",
                (),
            ),
        ],
    )
    def test_each_expectation_broken(self, contract, tmp_path, change, severity, words, product_ids):
        report = check_labels(labels(change), contract, tmp_path)
        assert (severity, words, product_ids) in broken(report)
        assert report.success == all(failure[0] == "warning" for failure in broken(report))

    def test_message_names_the_values(self, contract, tmp_path):
        report = check_labels(labels({7: {"values": ["Crimson"]}, 9: {"values": ["Navy"]}}), contract, tmp_path)
        with pytest.raises(CatalogError, match=r"not canonical: 'Crimson', 'Navy' \(products p7, p9\)"):
            report.raise_if_critical()

    def test_no_labels(self, contract, tmp_path):
        with pytest.raises(CatalogError, match=r"fails \(critical\): there are labels: 0"):
            check_labels(labels(products=0), contract, tmp_path).raise_if_critical()


@pytest.fixture
def shards(tmp_path):
    return Manifest.read(small_shards(tmp_path))


class TestShards:
    def check(self, manifest, root, sidecar=None):
        contract = data_contracts.load("30pt")
        path = sidecar or root / manifest.sidecar.path
        return check_shards(manifest, str(root), path, contract, root / "docs")

    def test_what_was_written(self, shards, tmp_path):
        report = self.check(shards, tmp_path)
        assert broken(report) == []
        assert len(report.findings) == 8

    def test_a_file_that_is_gone_or_cut_short(self, shards, tmp_path):
        (tmp_path / shards.splits.path).unlink()
        path = tmp_path / shards.shards[0].path
        path.write_bytes(path.read_bytes()[:-1])
        told = {finding.words: finding.observed for finding in self.check(shards, tmp_path).failures}
        assert told == {
            "every file is there": shards.splits.path,
            "every file is as long as the manifest says": shards.shards[0].path,
        }

    def test_labels_that_do_not_fit_the_rows(self, shards, tmp_path):
        table = pq.read_table(tmp_path / shards.sidecar.path)
        assert len(table) == shards.sidecar.rows
        row = pc.if_else(pc.equal(table["row"], 7), 99, table["row"])
        table = table.set_column(table.schema.get_field_index("row"), "row", row)
        pq.write_table(table.slice(2), tmp_path / "other.parquet")
        assert [words for _, words, _ in broken(self.check(shards, tmp_path, tmp_path / "other.parquet"))] == [
            "every row has a label", "no label is lost", "every label belongs to a row",
        ]  # fmt: skip


class TestPredictions:
    def predictions(self, change: dict[int, dict] | None = None) -> list[pa.Table]:
        rows = [
            {
                "product_id": f"p{i}",
                "attribute": "color",
                "split": "test" if i % 3 else "validation",
                "condition": IMAGE_BLANKED if i % 2 else AS_IS,
                "confidence": i / 20,
                "image_weight": 0.0 if i % 2 else 0.4,
                "text_weight": 1.0 if i % 2 else 0.6,
                "prediction": "Red",
                "canonical": i != 5,
                **(change or {}).get(i, {}),
            }
            for i in range(20)
        ]
        return [pa.Table.from_pylist(rows[start : start + 7], PREDICTIONS) for start in range(0, 20, 7)]

    def test_good_predictions(self, contract, tmp_path):
        report = check_predictions(self.predictions(), contract, tmp_path)
        assert broken(report) == []
        assert len(report.findings) == 11

    def test_every_condition_is_known(self, contract, tmp_path):
        unseen = {"image_weight": 0.0, "text_weight": 1.0}
        asked = {i: {"condition": condition, **unseen} for i, condition in enumerate(CONDITIONS)}
        assert broken(check_predictions(self.predictions(asked), contract, tmp_path)) == []

    def test_an_empty_answer_is_an_abstention_and_no_value_that_the_contract_lacks(self, contract, tmp_path):
        empty = {i: {"canonical": False, "prediction": ""} for i in range(10, 20)}
        assert broken(check_predictions(self.predictions(empty), contract, tmp_path)) == []
        two_of_ten = self.predictions({**empty, 3: {"canonical": False}})
        [failure] = broken(check_predictions(two_of_ten, contract, tmp_path))
        assert failure[1] == "at least 90% of the predictions are values of the contract"

    def test_models_without_source_weights(self, contract, tmp_path):
        without = {i: {"image_weight": None, "text_weight": None} for i in range(20)}
        assert broken(check_predictions(self.predictions(without), contract, tmp_path)) == []

    @pytest.mark.parametrize(
        ("change", "severity", "words"),
        [
            ({3: {"split": "train"}}, "critical", "no prediction is of a training product"),
            ({3: {"condition": "as it is"}}, "critical", "conditions are known"),
            ({3: {"confidence": None}}, "critical", "every prediction has a confidence"),
            ({3: {"confidence": 1.5}}, "critical", "confidence lies between 0 and 1"),
            ({4: {"text_weight": 0.7}}, "warning", "the weights of image and text sum to 1"),
            ({3: {"image_weight": 0.5, "text_weight": 0.5}}, "warning", "an image that is blanked weighs nothing"),
            (
                {i: {"canonical": False} for i in (3, 4)},
                "warning",
                "at least 90% of the predictions are values of the contract",
            ),
        ],
    )
    def test_each_expectation_broken(self, contract, tmp_path, change, severity, words):
        [failure] = broken(check_predictions(self.predictions(change), contract, tmp_path))
        assert failure[:2] == (severity, words)

    def test_no_predictions(self, contract, tmp_path):
        with pytest.raises(CatalogError, match=r"fails \(critical\): there are predictions: 0 predictions"):
            check_predictions([PREDICTIONS.empty_table()], contract, tmp_path).raise_if_critical()


class TestDatasets:
    def test_known_datasets_have_a_contract(self):
        assert "30pt" in data_contracts.known_datasets()
        assert data_contracts.load("30pt").dataset == "30pt"

    @pytest.mark.parametrize("name", ["31pt", "", "..", "30pt/../30pt"])
    def test_unknown_dataset(self, name):
        with pytest.raises(ConfigError, match=r"there is no contract for dataset '.*'; .*known are 30pt"):
            data_contracts.load(name)


def test_loading_a_contract_does_not_import_great_expectations():
    """Every step of a flow loads the contract; only two of them check it."""
    code = "import data_contracts, sys; sys.exit('great_expectations' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
