import pytest

from moemoe.counts import counted


@pytest.mark.parametrize(
    ("number", "words", "text"),
    [
        (0, ("cell",), "0 cells"),
        (1, ("validation group",), "1 validation group"),
        (2000, ("product",), "2,000 products"),
        (2, ("query", "queries"), "2 queries"),
    ],
)
def test_one_has_no_plural(number, words, text):
    assert counted(number, *words) == text
