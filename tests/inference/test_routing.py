"""Which experts the tokens of the test split go to."""

import pytest

from moemoe.inference.predictor import Predictor
from moemoe.inference.routing import routing
from moemoe.model.config import ExpertConfig
from moemoe.model.moemoe import MoEMoE
from moemoe.schemas import (
    ROUTING,
)
from moemoe.shards.dataset import ShardedDataset
from tests.support.small_predictor import small_model
from tests.support.small_shards import (
    small_labels,
    small_products,
    small_shards,
    write_shards,
)


def test_routing_counts_the_tokens_of_all_texts(tmp_path):
    experts = ExpertConfig(num_experts=4, encoder="all")
    uri = write_shards(tmp_path, small_products(60), small_labels(60))
    dataset = ShardedDataset(uri, tmp_path)
    tokens = []
    for sources in (("image", "text.title"), ("image", "text.title", "text.bullets")):
        found = routing(small_model(sources=sources, experts=experts), dataset).to_pylist()
        [number] = {row["tokens"] for row in found if row["layer"] == "context 0" and row["by"] == "all"}
        tokens.append(number)
    assert tokens[1] > tokens[0] > 0


def test_routing_counts_every_token_of_the_test_split(predictor, tmp_path):
    dataset = ShardedDataset(small_shards(tmp_path), tmp_path)
    found = routing(predictor, dataset)
    assert found.schema.equals(ROUTING)
    rows = found.to_pylist()
    assert {row["layer"] for row in rows} == {"decoder 1", "decoder 3"}
    totals = {(r["layer"], r["by"], r["name"]): r["tokens"] for r in rows}
    shares = {}
    for row in rows:
        key = (row["layer"], row["by"], row["name"])
        shares[key] = shares.get(key, 0) + row["share"]
    assert all(share == pytest.approx(1.0) for share in shares.values())
    for layer in ("decoder 1", "decoder 3"):
        by_attribute = [n for (own, by, _), n in totals.items() if (own, by) == (layer, "attribute")]
        assert sum(by_attribute) == totals[layer, "all", "all"] == totals[layer, "product type", "shirt"]
    assert {name for _, by, name in totals if by == "attribute"} == {"color", "material"}


def test_a_bad_test_image_does_not_end_the_routing(tmp_path):
    """Cut short after the shards were written: read without the image and named, as by the predictor."""
    predictor = small_model(experts=ExpertConfig(num_experts=4, top_k=2, decoder="odd", encoder="none"))
    dataset = ShardedDataset(small_shards(tmp_path, 40, cut_short=(5,)), str(tmp_path))
    assert routing(predictor, dataset).num_rows
    assert predictor.images.quarantine["product_id"].to_pylist() == ["p5"]


def test_routing_of_experts_in_the_encoders_and_of_a_dense_model(predictor, tmp_path):
    dataset = ShardedDataset(small_shards(tmp_path), tmp_path)
    config = predictor.model.config
    experts = ExpertConfig(num_experts=4, top_k=2, decoder="odd", encoder="odd")
    both = MoEMoE.create(type(config)(**{**vars(config), "experts": experts}))
    found = routing(Predictor(both, predictor.collator), dataset).to_pylist()
    assert {row["layer"] for row in found} >= {"context 1", "decoder 1"}
    assert {row["by"] for row in found if row["layer"] == "context 1"} == {"all", "product type"}
    dense = MoEMoE.create(type(config)(**{**vars(config), "experts": None}))
    assert routing(Predictor(dense, predictor.collator), dataset).num_rows == 0
