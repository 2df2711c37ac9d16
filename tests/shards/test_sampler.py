import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moemoe.errors import ConfigError
from moemoe.shards.sampler import EpochOrder, check_batch_size, share_of_rank, steps_per_epoch


@st.composite
def catalogs(draw):
    """Rows of a split, rising, and the starts of shards of any sizes, some without a row of the split."""
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=20))
    starts = np.cumsum([0, *sizes])
    kept = draw(st.lists(st.booleans(), min_size=int(starts[-1]), max_size=int(starts[-1])))
    return np.flatnonzero(kept), starts[:-1]


@given(catalogs(), st.integers(0, 5), st.integers(0, 5), st.integers(1, 7))
def test_an_epoch_is_a_permutation_decided_by_seed_and_epoch(catalog, seed, epoch, window):
    rows, starts = catalog
    order = EpochOrder(rows, starts, seed, epoch, window)
    whole = order.between(0, len(rows))
    assert sorted(whole) == rows.tolist()
    assert np.array_equal(whole, EpochOrder(rows, starts, seed, epoch, window).between(0, len(rows)))


@given(catalogs(), st.integers(1, 7), st.integers(1, 9), st.integers(0, 99))
def test_any_part_of_the_order_can_be_had_alone(catalog, window, size, start):
    rows, starts = catalog
    whole = EpochOrder(rows, starts, 1, 2, window).between(0, len(rows))
    assert np.array_equal(
        EpochOrder(rows, starts, 1, 2, window).between(start, start + size), whole[start : start + size]
    )


@given(catalogs(), st.integers(1, 7))
def test_a_window_reads_no_more_shards_than_it_may(catalog, window):
    rows, starts = catalog
    order = EpochOrder(rows, starts, 3, 4, window)
    shards = [set(), *({int(s) for s in part} for part in order.windows)]
    assert sorted(shard for part in order.windows for shard in part) == list(range(len(starts)))
    assert max(map(len, shards)) <= window
    for place in range(len(rows)):
        row = order.between(place, place + 1)[0]
        assert int(np.searchsorted(starts, row, side="right")) - 1 in shards[order.window_of(place) + 1]


def test_a_catalog_of_one_window_is_shuffled_as_a_whole():
    rows = np.arange(1000)
    order = EpochOrder(rows, np.arange(0, 1000, 10), 0, 0, window=100).between(0, 1000)
    assert not np.array_equal(order, rows)
    assert len({row // 10 for row in order[:50]}) > 30  # 50 draws of 100 shards hit 39 on average


def test_epochs_and_seeds_differ():
    rows, starts = np.arange(100), np.array([0, 50])
    orders = [EpochOrder(rows, starts, *key).between(0, 100).tolist() for key in ((0, 0), (0, 1), (1, 0))]
    assert len({tuple(order) for order in orders}) == 3


@given(st.sampled_from([1, 2, 3, 6]), st.integers(1, 4))
def test_ranks_together_have_the_same_global_batch(world_size, times):
    batch = np.arange(6 * times)
    shares = [share_of_rank(batch, rank, world_size) for rank in range(world_size)]
    assert len({len(share) for share in shares}) == 1
    assert np.array_equal(np.concatenate(shares), batch)


def test_a_batch_that_cannot_be_shared_evenly_is_refused():
    with pytest.raises(ConfigError, match=r"32 products cannot be divided evenly into 3 parts .*; try 30 or 33"):
        check_batch_size(32, 3)


def test_too_few_products_for_one_batch():
    with pytest.raises(ConfigError, match="5 training products do not fill one batch"):
        steps_per_epoch(5, 8)
