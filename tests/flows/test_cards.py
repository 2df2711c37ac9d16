"""Documents as components of a card."""

import io
import json
import re

import PIL.Image
import pytest

from moemoe.reporting import document as doc
from moemoe.reporting.plots import new_figure
from tests.support.flows import FLOW


def jpeg() -> bytes:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def rendered(monkeypatch):
    """What a card has of some blocks, as JSON."""
    monkeypatch.syspath_prepend(str(FLOW.parent))
    import cards

    def render(*blocks: doc.Block) -> str:
        return json.dumps([component.render() for component in cards.components(blocks)], ensure_ascii=False)

    return render


def test_every_block_has_its_component(rendered):
    figure = new_figure(2, 2)
    figure.add_subplot()
    example = doc.Example(doc.Image(jpeg(), "shirt"), "A shirt", doc.Badge("error"), [("color", "Red")])
    shown = rendered(
        doc.Heading("A heading"), doc.Text("a sentence", lead=True), doc.Bullets(["a reason"]), doc.Notice("beware"),
        doc.Facts([("run", doc.Code("f00")), ("filled", doc.Estimate(0.5, 0.4, 0.6))]),
        doc.Plot("plot", figure), doc.Examples([example]), doc.Slot("later", [doc.Text("in the slot")]),
        doc.Section("A section", [doc.Text("within")], collapsed=True), doc.Contents(),
    )  # fmt: skip
    for words in (
        "## A heading", "### a sentence", "- a reason", "> beware", "50.0 [40.0, 60.0]", "f00",
        "data:image/svg+xml;base64,", "data:image/jpeg;base64,", "A shirt", "in the slot", "## A section", "within",
    ):  # fmt: skip
        assert words in shown, words


def test_a_table_s_entries_are_written_as_everywhere(rendered):
    cells = [1234, 0.12345, None, doc.Estimate(0.891, 0.88, 0.9), doc.Difference(0.01, -0.01, 0.03)]
    shown = rendered(doc.Table([doc.Column("a", "group"), "b", "c", "d", "e"], [cells]))
    for words in ("1,234", "0.123", '"-"', "89.1 [88.0, 90.0]", "+1.0 [-1.0, +3.0] (covers 0)"):
        assert words in shown, words


def test_a_bar_is_left_out_beside_its_number(rendered):
    share = doc.Estimate(0.5, 0.4, 0.6)
    shown = rendered(doc.Table(["attribute", "fills in", "%"], [["color", doc.Bar(share), share]]))
    assert shown.count("50.0 [40.0, 60.0]") == 1
    assert "fills in" not in shown


def test_of_many_headings_one_names_its_group_only_if_it_has_to(rendered):
    columns = [doc.Column("text alone", "% right"), doc.Column("recall", "plain"), doc.Column("recall", "guarded")]
    few = rendered(doc.Table(columns, [[1, 2, 3]]))
    assert '"% right: text alone", "plain: recall", "guarded: recall"' in few
    many = rendered(doc.Table([*columns, *"abcd"], [[*range(7)]]))
    assert '"text alone", "plain: recall", "guarded: recall"' in many


def test_a_card_draws_no_html_link_or_image_of_a_catalog(rendered):
    hostile = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) ![x](//host/1.png) [x][y]\n[y]: //host <b>"
    example = doc.Example(None, hostile, doc.Badge("error"), [(hostile, hostile)])
    shown = rendered(
        doc.Heading(hostile), doc.Text(hostile), doc.Bullets([hostile]), doc.Notice(hostile),
        doc.Examples([example]), doc.Section(hostile, [doc.Text("within")]), doc.Text("a < b, <5, **bold** [0, 1]"),
    )  # fmt: skip
    assert not re.findall(r"<[a-z]|\][(\[:]", shown)
    assert "a < b, <5, **bold** [0, 1]" in shown
