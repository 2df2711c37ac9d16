import pytest

from moemoe.catalog.screen import is_usable, screen

WHOLE = ("p1", "Tshirts", "Cotton shirt", None)
BAD_IMAGE, BAD_ROW = ("image", "image is empty", "0 bytes"), ("row", "cannot be read", "line 7")


@pytest.mark.parametrize(
    ("row", "unreadable", "field", "usable"),
    [
        (WHOLE, None, None, True),
        (("p1", "Tshirts", " ", "soft"), None, None, True),
        (WHOLE, BAD_IMAGE, "image", True),
        (WHOLE, BAD_ROW, "row", False),
        ((" ", *WHOLE[1:]), None, "product_id", False),
        (("p1", None, "Cotton shirt", None), BAD_IMAGE, "product_type", False),
        (("p1", "Tshirts", None, ""), BAD_IMAGE, "title", False),
        (("p1", "Tshirts", None, ""), BAD_ROW, "row", False),
    ],
)
def test_a_row_is_used_unless_more_than_its_image_is_wrong(row, unreadable, field, usable):
    problem = screen(*row, unreadable=unreadable)
    assert (problem and problem[0]) == field
    assert is_usable(problem) is usable
