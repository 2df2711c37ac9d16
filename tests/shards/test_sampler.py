import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moemoe.errors import ConfigError
from moemoe.shards.sampler import check_batch_size, epoch_order, share_of_rank, steps_per_epoch


@given(st.integers(1, 200), st.integers(0, 5), st.integers(0, 5))
def test_an_epoch_is_a_permutation_decided_by_seed_and_epoch(count, seed, epoch):
    rows = np.arange(count) * 3
    order = epoch_order(rows, seed, epoch)
    assert sorted(order) == rows.tolist()
    assert np.array_equal(order, epoch_order(rows, seed, epoch))


def test_epochs_differ():
    rows = np.arange(100)
    assert not np.array_equal(epoch_order(rows, 0, 0), epoch_order(rows, 0, 1))
    assert not np.array_equal(epoch_order(rows, 0, 0), epoch_order(rows, 1, 0))


@given(st.sampled_from([1, 2, 3, 6]), st.integers(1, 4))
def test_ranks_together_have_the_same_global_batch(world_size, times):
    batch = np.arange(6 * times)
    shares = [share_of_rank(batch, rank, world_size) for rank in range(world_size)]
    assert len({len(share) for share in shares}) == 1
    assert np.array_equal(np.concatenate(shares), batch)


def test_a_batch_that_cannot_be_shared_evenly_is_refused():
    with pytest.raises(ConfigError, match=r"32 products cannot be shared evenly by 3 processes; try 30 or 33"):
        check_batch_size(32, 3)


def test_too_few_products_for_one_batch():
    with pytest.raises(ConfigError, match="5 training products do not fill one batch"):
        steps_per_epoch(5, 8)
