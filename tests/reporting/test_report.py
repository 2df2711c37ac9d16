"""The report of a run: its first sentences, and that it is one file that needs no network."""

import math
import re
from dataclasses import replace

import pytest

from moemoe.evaluation.readiness import BOTH, IMAGE, NEEDS_DATA, NOT_LEARNED, READY, TEXT, readiness
from moemoe.reporting import html, report
from moemoe.reporting.document import GOOD, WARNING, Notice, Section, Table
from moemoe.reporting.examples import ProductShown, choose, example_blocks
from moemoe.reporting.identity import Identity
from moemoe.reporting.plots import report_plots
from moemoe.schemas import IMAGE_BLANKED, TEXT_BLANKED
from tests.support.document_text import document_text
from tests.support.prediction_rows import rows, table
from tests.support.small_report import measured

IDENTITY = Identity("tf-idf", "tiny", "30pt", "", True, products=400, date="2026-11-27", commit="abc", mlflow_run="f00")


def predictions():
    """A ready color, a theme of ten products, a material that no threshold helps; the text alone tells the color."""
    return table(
        rows(60, 60, split="validation"), rows(60, 57),
        rows(60, 57, condition=IMAGE_BLANKED), rows(60, 20, condition=TEXT_BLANKED),
        rows(10, 10, attribute="theme"),
        rows(60, 30, "kurta", attribute="material", split="validation")[30:],
        rows(60, 30, "kurta", attribute="material"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def found():
    return measured(predictions())


@pytest.fixture(scope="module")
def document(found):
    chosen = choose(found.cells, found.evaluation)
    hostile = ProductShown("<script>alert(1)</script>", 'A Red shirt, "blue" inside <img src=x onerror=y>', None)
    products = {one.row["product_id"]: hostile for one in chosen}
    blocks = example_blocks(chosen, products, lambda attribute, value: re.compile(value, re.IGNORECASE))
    return report.run_report(found, IDENTITY, blocks, [], report_plots(found))


@pytest.fixture(scope="module")
def page(document):
    return html.page(document)


def test_a_model_that_is_always_right_has_no_product_to_look_at():
    found = measured(table(rows(60, 60, split="validation"), rows(60, 60), rows(60, 0, condition=TEXT_BLANKED)))
    [said] = example_blocks(choose(found.cells, found.evaluation), {}, re.compile)
    assert said.text == "No test answer is a confident error, right from the image alone, or right but not accepted."


def test_a_model_of_few_products_promises_nothing():
    few = measured(table(rows(9, 9, split="validation"), rows(9, 5)))
    lead, kept = report.answer(*readiness(few.cells, few.evaluation))
    assert lead.text == (
        "**None of 1 attribute is ready**: the model would fill in 100 % of the requested values, but for no attribute "
        "do the data show that 90 % of them are right."
    )
    assert "55.6" in kept.text


def test_an_answer_that_is_not_a_value_of_the_contract_is_not_filled_in():
    """As in backfill: of 60 sure answers 6 are no values of the contract, and they are the wrong ones."""
    answers = [row | {"canonical": place < 54} for place, row in enumerate(rows(60, 54))]
    found = measured(table(rows(60, 60, split="validation"), answers))
    total, _ = readiness(found.cells, found.evaluation)
    assert (total.asked, total.coverage.value, total.precision.value) == (60, pytest.approx(0.9), 1.0)


def test_the_first_sentence_claims_no_90_percent_that_test_does_not_show():
    """A ready color, and a material whose thresholds, chosen on validation, do not hold on test."""
    sure = rows(60, 60, split="validation"), rows(60, 60)
    missed = rows(60, 60, attribute="material", split="validation"), rows(60, 30, attribute="material")
    found = measured(table(*sure, *missed))
    lead, _ = report.answer(*readiness(found.cells, found.evaluation))
    assert lead.text == (
        "With thresholds meant for 90 % precision, this model fills in **100 % of the requested values**, but only "
        "**75 % of them are right** on test; **1 of 2 attributes is ready**."
    )


def test_a_model_that_reads_no_image_answers_nothing_from_it():
    """What it says without a text is a guess, however often right."""
    asked = rows(60, 60, split="validation"), rows(60, 57)
    guessed = rows(60, 20, condition=IMAGE_BLANKED), rows(60, 40, condition=TEXT_BLANKED)
    found = measured(table(*([row | {"image_weight": 0.0} for row in part] for part in (*asked, *guessed))))
    color = readiness(found.cells, found.evaluation)[1][0]
    assert (color.source, color.text_alone) == (TEXT, 20 / 60)
    assert math.isnan(color.image_alone)
    heads = [head.name for head in report.attribute_table([color]).headings]
    assert "text alone" in heads
    assert "image alone" not in heads  # a column of dashes
    chosen = choose(found.cells, found.evaluation)
    assert {one.kind for one in chosen} == {"confident error"}
    shown = {one.row["product_id"]: ProductShown("t", "t", None) for one in chosen}
    [_, examples] = example_blocks(chosen, shown, lambda attribute, value: re.compile(value))
    assert [name for name, _ in examples.items[0].facts] == ["color", "catalog", "threshold", "product"]


def test_a_model_that_reads_no_text_answers_nothing_from_it():
    asked = rows(60, 50, split="validation"), rows(60, 2), rows(60, 2, condition=TEXT_BLANKED)
    nothing = [row | {"prediction": "", "confidence": 0.0} for row in rows(60, 0, condition=IMAGE_BLANKED)]
    named = table(*([row | {"source_weights": [("image", 1.0)]} for row in part] for part in (*asked, nothing)))
    found = measured(named)
    color = readiness(found.cells, found.evaluation)[1][0]
    assert (color.source, color.image_alone) == (IMAGE, 2 / 60)
    assert math.isnan(color.text_alone)
    assert "text alone" not in [head.name for head in report.attribute_table([color]).headings]


def test_expectations_that_fail_are_not_folded(found):
    def section(kind):
        notice = Notice("10 of 11 expectations pass.", kind)
        written = report.run_report(found, IDENTITY, [], [notice], [])
        return next(one for one in written.sections if one.title == report.EXPECTATIONS)

    assert not section(WARNING).collapsed
    assert section(GOOD).collapsed


def test_attributes_are_ready_or_say_what_they_lack(found):
    total, attributes = readiness(found.cells, found.evaluation)
    by_name = {each.attribute: each for each in attributes}
    assert [each.state for each in attributes] == [READY, NEEDS_DATA, NOT_LEARNED]
    assert (by_name["color"].source, by_name["color"].reason) == (TEXT, "")
    assert by_name["theme"].reason == "10 test products; 30 are needed to judge it"
    assert "no threshold reaches 90 %" in by_name["material"].reason
    assert by_name["theme"].source == ""  # one source alone was not asked
    assert total.asked == 130
    assert total.coverage.low < total.coverage.value < total.coverage.high


def test_an_attribute_that_both_sources_tell(found):
    color = readiness(found.cells, found.evaluation)[1][0]
    assert replace(color, text_alone=0.62, image_alone=0.60).source == BOTH
    assert replace(color, text_alone=0.0, image_alone=0.0).source == ""


def test_the_answer_comes_first(document):
    text = document_text(document)
    filled = "At 90 % precision, this model fills in **46 % of the requested values**"
    lead = text.index(f"{filled}; **1 of 3 attributes is ready**.")
    assert lead < text.index("## Attributes") < text.index("## Products to look at") < text.index("## Headline metrics")
    assert "Sample catalog" in text[:lead]
    collapsed = [block.collapsed for block in document.sections]
    assert collapsed == sorted(collapsed)  # what engineers need comes last, collapsed


def test_strip_and_tab_tell_one_report_from_another(page):
    assert "<title>tf-idf, tiny | 30pt sample | 2026-11-27</title>" in page
    for words in ("tf-idf", "30pt", "sample catalog", "400", "2026-11-27", "abc", "f00", "not registered yet"):
        assert words in page, words


def test_the_page_is_one_file_without_a_network(page):
    tags = re.findall(r"<[^>]*>", page) + re.findall(r"url\([^)]*\)", page)
    assert not [tag for tag in tags if "http" in tag or " src=x" in tag]
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "<link" not in page
    assert len(page) < 3_000_000


def test_every_section_is_in_the_contents_and_every_plot_is_drawn(page, document):
    for section in document.sections:
        assert f'<a href="#{section.anchor}">' in page
        assert f'id="{section.anchor}"' in page
    assert page.count("<svg ") == 4


def test_registration_fills_in_version_decision_and_what_changed(page):
    known = replace(IDENTITY, version="models:/m/7", promoted=False)
    filled = html.fill(page, report.IDENTITY, known.blocks())
    filled = html.fill(filled, report.CHAMPION, [Section("Since the champion", [])])
    assert "models:/m/7" in filled
    assert "not promoted" in filled
    assert "not registered yet" not in filled
    assert "Since the champion" in filled
    again = html.fill(filled, report.IDENTITY, IDENTITY.blocks())  # by a step that is retried
    assert again.count("not registered yet") == 1
    assert html.fill(page, "no such slot", []) == page


def test_confident_errors_come_first_with_their_words_marked(document, page):
    [examples] = [block for block in document.sections if block.title == "Products to look at"]
    shown = examples.blocks[-1].items
    assert shown[0].badge.text == "confident error"
    assert dict(shown[0].facts)["image alone"].startswith("Blue (")
    assert "<mark>Red</mark> shirt, &#34;<mark>blue</mark>&#34;" in page


def test_a_run_without_any_label_has_a_report():
    nothing = measured(table([dict(row, gold=[]) for row in rows(3, 3)]))
    written = report.run_report(nothing, IDENTITY, [], [], report_plots(nothing))
    assert "this model cannot be measured" in html.page(written)


def test_headings_stand_in_groups_and_values_can_be_sorted(page):
    assert '<th colspan="4" class="named">plain threshold</th>' in page
    assert 'data-sort="0.95"' in page
    assert 'data-label="plain threshold: recall, %"' in page


def test_a_column_of_sentences_is_not_squeezed():
    shown = html.page(
        report.Document("t", [Table(["a", "why"], [["x", "a sentence of more than so many characters"]])])
    )
    assert '<td class="wide" data-sort="a sentence' in shown
    assert shown.count('class="wide"') == 1


def test_images_are_there_when_a_report_is_printed(page):
    assert 'loading="lazy"' not in page


def test_a_table_in_text_keeps_its_columns():
    text = document_text(report.Document("t", [Table(["a", "b"], [["x|y", None]])]))
    assert "| x\\|y | - |" in text


def test_examples_vary_and_show_what_only_the_image_tells():
    """20 confident errors of one attribute: three are shown; one answer is right by the image and not by the text."""
    wrong = rows(60, 0)
    told = [dict(row, product_id=f"t{i}") for i, row in enumerate(rows(1, 1, attribute="theme"))]
    alone = [
        dict(row, condition=shown, prediction="Red" if shown == TEXT_BLANKED else "Blue")
        for row in told
        for shown in (TEXT_BLANKED, IMAGE_BLANKED)
    ]
    sure = rows(40, 40, split="validation"), rows(40, 40, attribute="theme", split="validation")
    found = measured(table(wrong, told, alone, [dict(row, confidence=0.1) for part in sure for row in part]))
    chosen = choose(found.cells, found.evaluation)
    assert [one.kind for one in chosen] == ["confident error"] * 3 + ["right, from the image alone"]
    assert [one.row["product_id"] for one in chosen[:3]] == ["shirttest0", "shirttest1", "shirttest2"]
    assert (chosen[3].image_alone["prediction"], chosen[3].text_alone["prediction"]) == ("Red", "Blue")


def test_no_id_is_given_twice_and_every_reference_has_its_id(page):
    ids = re.findall(r'\sid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert {*re.findall(r'href="#([^"]*)"', page), *re.findall(r"url\(#([^)]*)\)", page)} <= set(ids)


def test_of_the_confident_errors_it_is_said_how_many_are_shown(document):
    [section] = [block for block in document.sections if block.title == "Products to look at"]
    assert re.search(
        r"most confident accepted answers that differ from the catalog's label \(\d+, at most 3", section.blocks[0].text
    )
