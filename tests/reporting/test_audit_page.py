"""The audit page: its content, and in a real browser that no verdict is lost."""

import pyarrow as pa
import pytest

from infra.screenshots import Browser
from moemoe.reporting.audit_page import audit_page
from moemoe.schemas import AUDIT

PRESS = "dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', repeat: {repeat}}}))"
VERDICTS = "return [...document.querySelectorAll('article')].map(a => a.dataset.verdict || '')"
CURRENT = "return [...document.querySelectorAll('article')].findIndex(a => a.classList.contains('current'))"


def page(count: int = 4) -> str:
    rows = [
        {
            "product_id": f"p{i}", "product_type": "shirt", "attribute": "color", "prediction": "Red",
            "confidence": 0.97,
            "raw_label": "rouge" if i else None, "title": "A shirt", "text": "A shirt of red cotton,\nmade to last.",
            "image": None, "filled": 1234, "place": i,
        }
        for i in range(count)
    ]  # fmt: skip
    return audit_page(pa.Table.from_pylist(rows, AUDIT), "moemoe-30pt/3", "audit-abc")


def test_a_product_has_its_whole_text_and_how_many_it_stands_for():
    shown = page()
    assert shown.count("<article") == 4
    assert shown.count("made to last.") == 4
    assert "1 of 4: shirt, color (1,234 filled in)" in shown
    assert shown.count("catalog says: rouge") == 3
    assert "http" not in shown


def test_an_audit_of_nothing_says_so():
    assert "nothing to judge" in page(0)


@pytest.fixture
def browser(tmp_path):
    opened = Browser(1400, 900)
    try:
        (tmp_path / "audit.html").write_text(page())
        opened.open((tmp_path / "audit.html").as_uri())
        yield opened
    finally:
        opened.close()


@pytest.mark.browser
def test_a_key_pressed_twice_or_held_judges_one_product_and_undo_takes_it_back(browser):
    def press(key: str, repeat: str = "false") -> None:
        browser.run(PRESS.format(key=key, repeat=repeat))

    browser.run(PRESS.format(key="r", repeat="false") + ";" + PRESS.format(key="r", repeat="false"))
    press("r", "true")
    assert browser.run(VERDICTS) == ["right", "", "", ""]
    assert browser.run(CURRENT) == 1
    press("w")
    assert browser.run(VERDICTS) == ["right", "wrong", "", ""]
    press("z")
    assert browser.run(VERDICTS) == ["right", "", "", ""]
    assert browser.run(CURRENT) == 1  # back at what was undone
    press("u")
    press("ArrowLeft")
    press("ArrowLeft")
    press("w")  # a second thought is kept in place of the first, not cleared
    assert browser.run(VERDICTS) == ["wrong", "unclear", "", ""]
    browser.run("location.reload()")
    assert browser.run(VERDICTS) == ["wrong", "unclear", "", ""]
    assert browser.run(CURRENT) == 2  # the first unjudged
