"""WordPress's shortcodes in descriptions."""

import pytest

from moemoe.catalog.formats.shortcodes import without_shortcodes


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('[vc_row full_width="stretch_row"][vc_column width="1/2"]Soft tee[/vc_column][/vc_row]', "Soft tee"),
        ('[vc_column_text css=".vc_custom_1{margin: 0 !important;}"]Soft[/vc_column_text]', "Soft"),
        ("[vc_row]Soft[vc_empty_space]tee", "Soft tee"),
        ('[caption id="attachment_12" align="alignnone" width="300"]The back[/caption]', "The back"),
        ("[caption id=&quot;a&quot; align=”left”]The back[/caption]", "The back"),
        ('Soft[gallery ids="1,2,3" /]tee', "Soft tee"),
        ("[b]Soft[/b] tee", "Soft tee"),
        ("Soft [vc_raw_html]JTNDc2NyaXB0JTNF[/vc_raw_html] tee", "Soft tee"),
        ("Soft [embed]https://v.test/1[/embed] tee", "Soft tee"),
        ("[tabs style=1][tab title='Care']Wash cold[/tab][/tabs]", "Wash cold"),
    ],
)
def test_they_are_left_out(text, left):
    assert " ".join(without_shortcodes(text).split()) == left


@pytest.mark.parametrize("text", ["Tee [NEW]", "[Pack of 2] Tee", "sizes [S, M]", "[red]", "[ a ]", "[5]", "[size=XL"])
def test_what_a_person_wrote_in_brackets_stays(text):
    assert without_shortcodes(text) == text


@pytest.mark.parametrize("part", ['[a b="x" ', "[embed]", "[a ", "[/", "[a b=&quot;x "])
def test_unfinished_ones_take_no_long_time(part):
    assert part.strip() in without_shortcodes(part * 50_000)
