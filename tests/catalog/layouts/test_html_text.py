"""HTML bodies become plain paragraphs and bullet points."""

import pytest

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.layouts.html_text import html_text, line_text


def test_paragraphs_lists_and_entities():
    found = html_text(
        "<h2>Kurta</h2><p>Soft&nbsp;cotton &amp; linen,\n made in <b>India</b>.</p><ul><li>Red</li><li>Machine wash"
        "</ul><div>Fits<br>well</div>"
    )
    assert found.paragraphs == ["Kurta", "Soft cotton & linen, made in India.", "Fits", "well"]
    assert found.bullet_points == ["Red", "Machine wash"]
    assert found.description == "Kurta\nSoft cotton & linen, made in India.\nFits\nwell"


def test_scripts_styles_and_comments_are_left_out():
    found = html_text(
        "<style>p {color: red}</style><script>alert('<p>x</p>')</script><p>Kept</p><!-- not --><p>too</p>"
        "<iframe src='x'>no frames</iframe><svg><text>logo</text></svg>"
    )
    assert found.paragraphs == ["Kept", "too"]


def test_cells_of_a_table_are_apart():
    table = "<table><tr><th>Size</th><td>M</td></tr><tr><td>Fit</td><td>Slim</td></tr></table>"
    assert html_text(table).paragraphs == ["Size | M", "Fit | Slim"]


@pytest.mark.parametrize(
    ("text", "paragraphs"),
    [
        ("Sizes <5 and >3\n\nFish &amp; chips", ["Sizes <5 and >3", "Fish & chips"]),
        ("I <3 it", ["I <3 it"]),
        ("", []),
        (None, []),
        (44.0, ["44"]),
        ("<p>", []),
        ("<ul><li>a</ul></ul><p>b", ["b"]),
    ],
)
def test_plain_text_keeps_its_lines(text, paragraphs):
    assert html_text(text).paragraphs == paragraphs


@pytest.mark.parametrize("text", ["<p>Fish &amp;amp; chips</p>", "&lt;p&gt;Fish &amp;amp; chips&lt;/p&gt;"])
def test_what_was_escaped_twice_is_resolved_twice(text):
    assert html_text(text).paragraphs == ["Fish & chips"]


def test_a_title_is_one_line():
    assert line_text("Tern &amp; Co\n<i>Shirt</i>") == "Tern & Co Shirt"
    assert line_text("<script>alert(1)</script>") is None


def test_what_is_no_text_costs_its_row():
    with pytest.raises(RowError, match="a text is expected"):
        html_text({"en": "Shirt"})


@pytest.mark.parametrize("hostile", ["<", "<!", "<a ", "<a b='", "</", "<![CDATA[", "<!--"])
def test_hostile_bodies_take_no_longer_than_others(hostile):
    assert isinstance(html_text("<p>x</p>" + hostile * 30_000).paragraphs, list)
