"""Products as shown in the report."""

from moemoe.shards.dataset import ShardedDataset
from tests.support.flows import FLOW
from tests.support.small_shards import small_shards


def test_a_bad_image_is_left_out_and_its_product_is_shown_all_the_same(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(FLOW.parent))
    from stages import report

    rows = ShardedDataset(small_shards(tmp_path / "whole", 60), tmp_path).rows("test")[:2].tolist()
    dataset = ShardedDataset(small_shards(tmp_path / "cut", 60, cut_short=tuple(rows[:1])), tmp_path)
    bad, good = (dataset.product_id(row) for row in rows)
    shown = report.products_shown(dataset, {bad, good})
    assert (shown[bad].image, shown[good].image is None) == (None, False)
    assert shown[bad].text == dataset[rows[0]].context
