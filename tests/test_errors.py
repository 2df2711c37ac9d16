"""Messages for other libraries' errors."""

import pytest

from moemoe.errors import first_line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("one\ntwo"), "one"),
        (ValueError("\n  one \ntwo"), "one "),
        (MemoryError(), "MemoryError"),
        (AssertionError(" \n"), "AssertionError"),
    ],
)
def test_the_first_line_of_an_error(error, said):
    assert first_line(error) == said
