"""Each phase of each recipe trains exactly the intended parameters."""

from dataclasses import replace

import pytest
import torch

from moemoe.model.config import ExpertConfig, ModelConfig, NgramConfig
from moemoe.model.moemoe import MoEMoE
from moemoe.recipes import known_recipes, load_recipe
from moemoe.training.optimizers import make_optimizer, ngram_tables
from moemoe.training.phases import learning_rate, set_trainable
from moemoe.vision.config import ImageConfig
from tests.support.small_model import random_batch, tiny_config

PARTS = ("wi_EDF", "wi_1_EDF", "wo_EFD", "router.weight_ED", "router.noise_ED")


def is_expert(name: str) -> bool:
    return name.endswith(PARTS)


@pytest.mark.parametrize("name", [name for name in known_recipes() if load_recipe(name).system == "moemoe"])
def test_gradients_reach_exactly_what_the_last_phase_trains(name):
    recipe = load_recipe(name)
    own = ModelConfig.from_dict(recipe.model)
    model = MoEMoE.create(
        tiny_config(
            question_in=own.question_in, question_guidance=own.question_guidance, alignment=own.alignment,
            experts=own.experts,
        )
    )  # fmt: skip
    phase = recipe.phases[-1]
    trained = set_trainable(model, phase)
    optimizer = torch.optim.Adam(trained, lr=0.1)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    losses = model(random_batch())
    loss = losses.cross_entropy + losses.question_context + losses.question_image
    (loss + sum((load.gate_sum_E * load.top1_count_E).sum() for load in losses.loads)).backward()
    optimizer.step()

    wanted = {
        "dense": lambda key: True,
        "full": lambda key: True,
        "experts": is_expert,
        "backbone": lambda key: not is_expert(key),
    }[phase]
    for key, parameter in model.named_parameters():
        assert (parameter.grad is not None) is wanted(key), key  # DDP needs no search for unused parameters
        assert wanted(key) or torch.equal(parameter, before[key]), key
    assert any(not torch.equal(parameter, before[key]) for key, parameter in model.named_parameters())


def test_a_phase_begins_without_gradients_of_the_one_before():
    """Frozen parameters keep theirs otherwise, and they count in the norm that gradients are clipped by."""
    model = MoEMoE.create(tiny_config())
    model(random_batch()).cross_entropy.backward()
    set_trainable(model, "experts")
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("phase", ["dense", "experts", "full", "backbone"])
def test_every_trained_parameter_is_in_one_group_of_its_rate(phase):
    text = replace(tiny_config().text, ngrams=NgramConfig((2,), 16))
    model = MoEMoE.create(tiny_config(experts=ExpertConfig(num_experts=4), text=text))
    training = replace(load_recipe("moemoe").training, embedding_lr_scale=7.0, ngram_rate=90.0)
    optimizer = make_optimizer(model, phase, training)
    times = {id(p): group["times"] for group in optimizer.param_groups for p in group["params"]}
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(times)
    tables = {id(model.embedding.weight), id(model.question_encoder.stack.embed_tokens.weight)}
    rates = dict.fromkeys(tables, 7.0) | {id(table): 90.0 for table in ngram_tables(model)}
    assert len(rates) == 3
    assert times == {id(p): rates.get(id(p), 1.0) for p in model.parameters() if p.requires_grad}


@pytest.mark.parametrize(("pretrained", "times"), [("package", 0.3), (False, 1.0)])
def test_pretrained_weights_of_the_image_encoder_have_a_rate_of_their_own(pretrained, times):
    image = ImageConfig(
        name="tf_efficientnet_lite0", size=32, pretrained=pretrained, trained="last" if pretrained else "all"
    )
    model = MoEMoE(tiny_config(image=image))
    optimizer = make_optimizer(model, "dense", replace(load_recipe("moemoe").training, image_lr_scale=0.3))
    rates = {id(p): group["times"] for group in optimizer.param_groups for p in group["params"]}
    last = list(model.image_encoder.backbone.conv_head.parameters())
    assert {rates[id(parameter)] for parameter in last} == {times}
    assert rates[id(model.image_encoder.project.weight)] == 1.0


def test_the_rate_falls_at_the_sixth_and_ninth_of_ten_epochs():
    training = replace(load_recipe("moemoe").training, learning_rate=1e-3, warmup_steps=0, full_rate_steps=None)
    rates = [learning_rate(training, step, 10) for step in range(10)]
    assert rates == pytest.approx([1e-3] * 6 + [2e-4] * 3 + [4e-5])


def test_a_phase_of_more_steps_has_a_lower_rate_where_that_is_set():
    training = replace(load_recipe("moemoe").training, learning_rate=1e-3, warmup_steps=4, full_rate_steps=100)
    few, as_many, more = ([learning_rate(training, step, n) for step in range(n)] for n in (50, 100, 400))
    assert max(few) == max(as_many) == pytest.approx(1e-3)
    assert max(more) == pytest.approx(0.5e-3)
    assert more[:4] == pytest.approx([0.125e-3, 0.25e-3, 0.375e-3, 0.5e-3])  # the warm-up too
    assert more[-1] == pytest.approx(0.5e-3 * 0.2**2)
