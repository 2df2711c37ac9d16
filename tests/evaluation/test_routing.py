import pyarrow as pa
import pytest

from moemoe.evaluation.routing import routing_metrics, routing_warnings
from moemoe.reporting.plots import expert_load, expert_map
from moemoe.schemas import ROUTING


def table(shares: dict[tuple[str, str, str], tuple[list[float], int]]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"layer": layer, "by": by, "name": name, "expert": e, "share": share, "tokens": tokens}
            for (layer, by, name), (each, tokens) in shares.items()
            for e, share in enumerate(each)
        ],
        ROUTING,
    )


def test_experts_that_each_take_one_attribute():
    found = table({
        ("decoder 1", "all", "all"): ([0.5, 0.5], 20),
        ("decoder 1", "attribute", "color"): ([1.0, 0.0], 10),
        ("decoder 1", "attribute", "material"): ([0.0, 1.0], 10),
        ("decoder 1", "product type", "shirt"): ([0.5, 0.5], 20),
    })  # fmt: skip
    metrics = routing_metrics(found)
    assert metrics["routing/entropy"] == pytest.approx(1.0)
    assert metrics["routing/explained_by_attribute"] == pytest.approx(1.0)
    assert metrics["routing/explained_by_product_type"] == pytest.approx(0.0)
    assert metrics["routing/least_expert_share"] == 0.5
    assert routing_warnings(found) == []
    assert len(expert_map(found, "attribute").axes) == 2  # a panel and its colour bar


def test_an_expert_without_tokens_is_warned_of():
    found = table({("decoder 3", "all", "all"): ([0.7, 0.295, 0.005], 1000)})
    [warning] = routing_warnings(found)
    assert warning.startswith("expert 2 of layer decoder 3 gets 0.50% of the tokens, under 1%")
    assert routing_metrics(found)["routing/idle_experts"] == 1


def test_a_model_without_experts_says_nothing():
    assert routing_metrics(ROUTING.empty_table()) == {}
    assert routing_warnings(ROUTING.empty_table()) == []


def test_load_over_training_has_a_panel_per_layer_and_a_line_per_expert():
    events = [{"event": "step", "total_step": 10, "expert_tokens": []}]  # the dense phase
    assert expert_load(events) is None
    events += [
        {"event": "step", "total_step": s, "expert_tokens": [[3.0, 1.0, 0.0], [2.0, 2.0, 0.0]]} for s in (20, 30)
    ]
    figure = expert_load(events)
    assert len(figure.axes) == 2
    assert [line.get_ydata().tolist() for line in figure.axes[0].lines[:3]] == [[0.75] * 2, [0.25] * 2, [0.0] * 2]
