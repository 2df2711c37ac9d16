import pyarrow as pa
import pytest

from moemoe.correctness import are_right, is_right


@pytest.mark.parametrize(
    ("answer", "gold", "tolerance", "right"),
    [
        ("Red", ["Blue", "Red"], None, True),
        ("5 cm", ["5.1 cm"], None, False),
        ("5 cm", ["5.1 cm"], 0.1, True),
        ("6.1 cm", ["6.4 cm"], 0.3, True),  # as doubles they lie 0.3000000000000007 apart
        ("6 cm", ["6.4 cm"], 0.3, False),
        ("-5 degC", ["-4 degC"], 1.0, True),
        ("5 cm", ["5 inch"], 9.0, False),
        ("5cm", ["5 cm"], 1.0, False),
        ("", ["5 cm"], 1.0, False),
        (None, ["5 cm"], 1.0, False),
        ("5 cm", [], 1.0, False),
        ("5 cm", ["9 cm", "5.5 cm"], 0.5, True),
    ],
)
def test_right_within_the_tolerance(answer, gold, tolerance, right):
    assert is_right(answer, gold, tolerance) is right
    columns = ([answer], pa.string()), ([gold], pa.list_(pa.string())), ([tolerance], pa.float64())
    assert are_right(*(pa.chunked_array([pa.array(*column)]) for column in columns)).tolist() == [right]


def test_without_tolerances_values_are_names():
    columns = (pa.chunked_array([["5 cm", "Red"]]), pa.chunked_array([[["5.1 cm"], ["Red"]]]))
    assert are_right(*columns).tolist() == [False, True]
