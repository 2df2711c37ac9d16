"""Variants of the configuration: sources, experts, backbones, precision, memory."""

from dataclasses import replace

import pytest
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from moemoe.batches.batch import Source
from moemoe.batches.tokenizer import train_tokenizer
from moemoe.errors import ConfigError
from moemoe.model.config import ExpertConfig, ModelConfig
from moemoe.model.generation import generate
from moemoe.model.mixture_of_experts import Router
from moemoe.model.moemoe import MoEMoE
from moemoe.vision.config import ImageConfig
from tests.support.naive_path import four_sources
from tests.support.small_model import TINY_SWIN, random_batch, tiny_config

TINY_VIT = {"patch_size": 8, "embed_dim": 24, "depth": 1, "num_heads": 2}


def with_sources(kinds: tuple[str, ...], weights: list[float], like: MoEMoE | None = None) -> MoEMoE:
    """A model of these sources with constant weights; encoders and decoder from ``like``."""
    torch.manual_seed(0)
    model = MoEMoE.create(tiny_config(sources=kinds, alignment=False))
    if like is not None:
        own = {name: value for name, value in like.state_dict().items() if not name.startswith("attention")}
        model.load_state_dict(own, strict=False)
    model.attention.fc.bias.data = torch.tensor(weights)
    return model.eval()


@pytest.mark.parametrize("second", ["image", "text"])
def test_another_source_is_one_more_entry_in_the_list(second):
    batch = random_batch(with_labels=False)
    images, texts = batch.sources
    two = with_sources(("image", "text"), [0.4, 0.6])
    name = {"image": "image.2", "text": "text.description"}[second]
    three = with_sources(("image", "text", name), [0.4, 0.6, 0.7], two)
    plain = generate(two, batch)

    other = random_batch(seed=9).sources[0 if second == "image" else 1]
    with_other = generate(three, replace(batch, sources=[images, texts, other]))
    assert not torch.allclose(with_other.confidence_N, plain.confidence_N, rtol=1e-3)
    assert with_other.shares_NS.shape == (6, 3)

    missing = Source(other.data, torch.zeros_like(other.mask), other.row_of)
    without = generate(three, replace(batch, sources=[images, texts, missing]))
    assert torch.equal(without.tokens_NA, plain.tokens_NA)
    assert torch.allclose(without.confidence_N, plain.confidence_N, rtol=1e-4)
    assert torch.equal(without.shares_NS[:, 2], torch.zeros(6))


def test_four_sources_do_not_depend_on_padding_nor_on_what_a_missing_image_holds():
    torch.manual_seed(0)
    model = MoEMoE.create(tiny_config(sources=("image", "image.2", "text.title", "text.description"))).eval()
    torch.nn.init.normal_(model.attention.fc.weight, std=0.3)
    batch = replace(four_sources(random_batch()), labels=None)
    padded = []
    for source in batch.sources:
        if source.mask.dim() == 1:
            other = torch.where(source.mask[:, None, None, None], source.data, 200)
            padded.append(replace(source, data=other))
        else:
            data, mask = (F.pad(x, (0, 3)) for x in (source.data, source.mask))
            padded.append(replace(source, data=data, mask=mask))
    a, b = generate(model, batch), generate(model, replace(batch, sources=padded))
    assert torch.equal(a.tokens_NA, b.tokens_NA)
    assert torch.allclose(a.confidence_N, b.confidence_N, rtol=1e-4)
    assert torch.allclose(a.shares_NS, b.shares_NS, atol=1e-5)
    assert torch.allclose(a.shares_NS.sum(1), torch.ones(6), atol=1e-5)
    for index, source in enumerate(batch.sources):
        there = source.mask if source.mask.dim() == 1 else source.mask.any(1)
        assert torch.equal(a.shares_NS[:, index] > 0, there[batch.product_of])


def test_three_sources_train_with_all_losses():
    model = MoEMoE.create(tiny_config(sources=("image", "image", "text")))
    batch = random_batch()
    losses = model(replace(batch, sources=[batch.sources[0], batch.sources[0], batch.sources[1]]))
    assert losses.images.item() == 2 * 4  # two of three products have an image, two questions each
    (losses.cross_entropy + losses.question_context + losses.question_image).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_text_alone_needs_no_image_encoder():
    model = MoEMoE.create(tiny_config(sources=("text",)))
    batch = random_batch()
    assert model.image_encoder is None
    model(replace(batch, sources=[batch.sources[1]])).cross_entropy.backward()


def test_experts_in_the_encoders_do_not_count_padding():
    model = MoEMoE.create(tiny_config(experts=ExpertConfig(num_experts=4, encoder="even", decoder="last two")))
    batch = random_batch()
    loads = model(batch).loads
    real = [batch.sources[1].mask, batch.question_mask, batch.decoder_mask, batch.decoder_mask]
    assert [load.tokens.item() for load in loads] == [mask.sum().item() for mask in real]


@pytest.mark.parametrize(("init", "equal"), [("upcycled", True), ("random", False)])
def test_experts_start_as_copies_or_at_random(init, equal):
    torch.manual_seed(0)
    model = MoEMoE.create(tiny_config()).eval()
    batch = random_batch()
    dense = model(batch).cross_entropy.item()
    model.config = replace(model.config, experts=ExpertConfig(init=init, encoder="all", decoder="all"))
    model.add_experts()
    assert (model.eval()(batch).cross_entropy.item() == pytest.approx(dense, rel=1e-5)) is equal


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"top_k": 1}, r"allowed is from 2 to num_experts \(with 1 the router gets no gradient\)"),
        ({"decoder": "third"}, "decoder is 'third'; allowed are none, odd, even, all, last, last two"),
        ({"init": "zero"}, "allowed are upcycled, random"),
    ],
)
def test_experts_that_cannot_be(changes, message):
    with pytest.raises(ConfigError, match=message):
        ExpertConfig(**changes)


def test_sources_that_cannot_be():
    with pytest.raises(ConfigError, match=r"'sound' is unknown; allowed are image, image\.2, .* and text, or its"):
        ModelConfig(sources=("sound",))


@pytest.mark.parametrize(
    ("name", "options"), [("swinv2_tiny_window8_256", TINY_SWIN), ("vit_tiny_patch16_224", TINY_VIT)]
)
def test_a_timm_model_from_a_local_file(name, options, tmp_path):
    torch.manual_seed(1)
    reference = timm.create_model(name, num_classes=0, img_size=32, **options).eval()
    save_file(reference.state_dict(), tmp_path / "model.safetensors")
    image = ImageConfig(name=name, size=32, options=options, pretrained=str(tmp_path / "model.safetensors"))
    model = MoEMoE.create(tiny_config(image=image)).eval()
    images = torch.randint(0, 255, (2, 3, 32, 32), dtype=torch.uint8)
    normed = (images.float() - model.image_encoder.mean) / model.image_encoder.std
    patches = reference.forward_features(normed)
    patches = patches.flatten(1, 2) if patches.dim() == 4 else patches[:, reference.num_prefix_tokens :]
    expected = model.image_encoder.project(patches)
    assert torch.allclose(model.image_encoder(images), expected, atol=1e-5)


def test_image_weights_from_elsewhere_than_safetensors_are_refused(tmp_path):
    (tmp_path / "model.pth").write_bytes(b"pickle")
    image = ImageConfig(size=32, options=TINY_SWIN, pretrained=str(tmp_path / "model.pth"))
    with pytest.raises(ConfigError, match=r"allowed are .* or a \.safetensors file that exists"):
        MoEMoE.create(tiny_config(image=image))


def test_bf16_autocast_stays_finite_and_the_router_keeps_float32(monkeypatch):
    model = MoEMoE.create(tiny_config(experts=ExpertConfig(num_experts=4)))
    seen = []
    forward = Router.forward

    def watched(self, x_TD):
        gate_TK, expert_TK, load = forward(self, x_TD)
        seen.append((gate_TK.dtype, load.gate_sum_E.dtype))
        return gate_TK, expert_TK, load

    monkeypatch.setattr(Router, "forward", watched)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = model(random_batch())
    loss = losses.cross_entropy + losses.question_context + losses.question_image
    loss.backward()
    assert seen == [(torch.float32, torch.float32)] * 2
    assert losses.cross_entropy.dtype == torch.float32
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_gradient_checkpointing_changes_nothing_but_memory():
    batch, gradients = random_batch(), []
    for recompute in (False, True):
        torch.manual_seed(0)
        model = MoEMoE.create(tiny_config(experts=ExpertConfig(num_experts=4, noise=False, encoder="odd"))).train()
        if recompute:
            model.recompute_activations()
        torch.manual_seed(1)  # drop path
        losses = model(batch)
        (losses.cross_entropy + losses.question_image + sum(load.gate_sum_E.std() for load in losses.loads)).backward()
        gradients.append([p.grad for p in model.parameters() if p.grad is not None])
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*gradients, strict=True))


def test_a_pretrained_model_takes_over_the_catalogs_vocabulary():
    """Each new token starts as the mean of its pieces; with the old tokenizer itself nothing changes."""
    texts = ["cotton kurta for men", "kanchipuram silk saree"] * 20
    old, new = train_tokenizer(texts[:1] * 20, 270), train_tokenizer(texts, 400)
    torch.manual_seed(0)
    text = replace(tiny_config().text, vocab_size=272, tie_word_embeddings=False)
    model = MoEMoE.create(tiny_config(text=text)).eval()
    before = model.embedding.weight.detach().clone()
    head = model.head.weight.detach().clone()
    model.replace_vocabulary(old, new)
    word = new.convert_tokens_to_ids("Ġkanchipuram")
    pieces = old(" kanchipuram", add_special_tokens=False)["input_ids"]
    assert len(pieces) > 5
    assert torch.allclose(model.embedding.weight[word], before[pieces].mean(0), atol=1e-6)
    assert torch.allclose(model.head.weight[word], head[pieces].mean(0), atol=1e-6)
    assert torch.equal(model.embedding.weight[new.eos_token_id], before[old.eos_token_id])
    size = model.config.text.vocab_size
    assert model.logits(torch.zeros(1, 32)).shape == (1, size)
    for table in (model.context_encoder.stack.embed_tokens, model.decoder.stack.embed_tokens):
        assert table is model.embedding
    assert model.question_encoder.stack.embed_tokens.weight.shape[0] == size
    model(random_batch()).cross_entropy.backward()
