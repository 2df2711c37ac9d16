"""The number of threads per operation."""

import pytest
import torch

from moemoe.recipes import load_recipe
from moemoe.threads import at_most


@pytest.mark.parametrize(("limit", "within"), [(None, 3), (1, 1), (2, 2), (9, 3)])
def test_at_most_so_many_threads_within_and_all_of_them_behind(limit, within):
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with at_most(limit):
            assert torch.get_num_threads() == within
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


def test_size_tiny_trains_on_one_thread():
    assert [load_recipe("moemoe", size).training.threads for size in ("tiny", "small", "paper")] == [1, None, None]
