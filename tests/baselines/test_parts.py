"""The parts of the baselines against references and hand-computed values."""

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import BertConfig, BertModel, CLIPTextConfig, CLIPTextModel, T5Config, T5ForConditionalGeneration

from moemoe.baselines.cma_clip import ClipText, CMAClip, CMAClipConfig
from moemoe.baselines.mxt import MXT, AdaptationGate, MXTConfig
from moemoe.baselines.ner_mqmrc import BertText, NerMqMrc, NerMqMrcConfig, decode, spans_of, tags_of
from moemoe.batches.collate import Collator, ModelInput
from moemoe.batches.tokenizer import train_tokenizer
from moemoe.errors import ConfigError
from moemoe.model.config import ModelConfig, NgramConfig
from moemoe.model.generation import generate
from moemoe.model.moemoe import MoEMoE
from moemoe.recipes import load_recipe
from moemoe.systems import load_system
from moemoe.training.optimizers import ngram_tables
from moemoe.vision.config import ImageConfig
from moemoe.vision.image_encoder import ImageEncoder
from moemoe.vision.weights import create_timm

TEXTS = ["IN | shirt | Brand Cotton Silk shirt color material neck style Round Neck"] * 9
RESNET = ImageConfig("resnet18", 32, options={"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 32]})
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_heads": 4, "context_layers": 2, "decoder_layers": 2}


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS, 300)


@pytest.mark.parametrize("name", ["t5", "flan-t5"])
def test_t5_is_transformers_t5(name, tokenizer, tmp_path):
    """Loss, greedy tokens and their probability, on texts of different lengths, from a checkpoint in a folder."""
    torch.manual_seed(0)
    flan = name == "flan-t5"
    reference = T5ForConditionalGeneration(
        T5Config(
            vocab_size=304, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, dropout_rate=0.0,
            feed_forward_proj="gated-gelu" if flan else "relu", tie_word_embeddings=not flan,
            decoder_start_token_id=0, pad_token_id=0, eos_token_id=1,
        )
    ).eval()  # fmt: skip
    reference.save_pretrained(tmp_path)
    recipe = load_recipe(name, "paper", weights=str(tmp_path))
    config = ModelConfig.from_dict({**recipe.model, "context_length": 40})
    model = MoEMoE.create(config).eval()
    texts, questions, answers = ["Brand Cotton shirt", "Silk"], ["material", "neck style"], ["Cotton", "Round Neck"]
    batch = Collator(tokenizer, model.config)(
        [
            ModelInput([text], [question], [answer])
            for text, question, answer in zip(texts, questions, answers, strict=True)
        ]
    )
    given = [f"{question} | {text}" for question, text in zip(questions, texts, strict=True)]
    inputs = tokenizer(given, padding=True, return_tensors="pt")
    labels = tokenizer(answers, padding=True, return_tensors="pt")
    labels = labels["input_ids"].masked_fill(labels["attention_mask"] == 0, -100)
    with torch.no_grad():
        losses = model(batch)
        expected = reference(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], labels=labels)
        assert (losses.cross_entropy / losses.tokens).item() == pytest.approx(expected.loss.item(), rel=1e-5)
        tokens = reference.generate(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=8, do_sample=False,
            return_dict_in_generate=True, output_scores=True,
        )  # fmt: skip
    model.config = dataclasses.replace(model.config, answer_length=8)
    asked = Collator(tokenizer, model.config)([ModelInput([t], [q]) for t, q in zip(texts, questions, strict=True)])
    found = generate(model, asked)
    steps = tokens.sequences.shape[1] - 1
    assert torch.equal(found.tokens_NA[:, :steps], tokens.sequences[:, 1:])
    scores = reference.compute_transition_scores(tokens.sequences, tokens.scores, normalize_logits=True)
    ended = (tokens.sequences[:, 1:] == 1).cumsum(1).roll(1, 1)
    ended[:, 0] = 0
    scores = scores.masked_fill(ended > 0, 0.0)  # what stands after the end counts for nothing
    assert torch.allclose(found.confidence_N, scores.sum(1).exp(), rtol=1e-3)


def test_the_gate_is_its_formula():
    torch.manual_seed(0)
    gate = AdaptationGate(width=6, d_model=4, bound=0.5, dropout=0.0)
    torch.nn.init.normal_(gate.bias)
    text_BKD, global_BV = torch.randn(2, 3, 4), torch.randn(2, 6)
    out, share = gate(text_BKD, global_BV, torch.tensor([True, False]))
    for b, k in np.ndindex(2, 3):
        text, vector = text_BKD[b, k], global_BV[b]
        g = torch.relu(gate.gate.weight @ torch.cat([text, vector]) + gate.gate.bias)
        shift = g * (gate.shift.weight @ vector) + gate.bias if b == 0 else torch.zeros(4)
        alpha = min(0.5 * text.norm() / shift.norm(), 1.0) if b == 0 else 1.0
        joint = text + alpha * shift
        expected = (joint - joint.mean()) / (joint.var(unbiased=False) + gate.norm.eps).sqrt()
        assert torch.allclose(out[b, k], expected, atol=1e-5)
        assert share[b, k].item() == pytest.approx(
            ((alpha * shift).norm() / (text.norm() + (alpha * shift).norm())).item(), abs=1e-5
        )


def test_mxt_reads_its_image_only_where_there_is_one(tokenizer):
    torch.manual_seed(0)
    config = MXTConfig.from_dict(
        {"text": {**T5, "vocab_size": 304}, "image": dataclasses.asdict(RESNET),
         "features": {"name": "lcnet_035", "size": 32}, "context_length": 24}
    )  # fmt: skip
    model = MXT.create(config).eval()
    collate = Collator(tokenizer, config)
    noise = np.random.default_rng(0).integers(0, 255, (2, 3, 32, 32), dtype=np.uint8)

    def states(image) -> Tensor:
        encoded = model.encode(collate([ModelInput([image, "Brand Silk shirt"], ["color"])]))
        return torch.cat([encoded.memory.keys[0][0].flatten(), encoded.shares_NS.flatten()])

    with torch.no_grad():
        one, other, none = states(noise[0]), states(noise[1]), states(None)
    assert not torch.allclose(one, other)
    assert none[-2:].tolist() == [0.0, 1.0]
    assert 0 < one[-2] < 1
    with pytest.raises(ConfigError, match="model mxt allows only context"):
        load_recipe("mxt", question_in="decoder")
    with pytest.raises(ConfigError, match="and nothing more"):
        load_recipe("mxt", settings="question_guidance=true")


def test_spans_are_whole_words_whatever_their_case():
    text = "Round neck cottony COTTON shirt, cotton"
    assert [text[a:b] for a, b in spans_of("Cotton", text)] == ["COTTON", "cotton"]
    assert [text[a:b] for a, b in spans_of("Round Neck", text)] == ["Round neck"]
    assert spans_of("", text) == spans_of("Silk", text) == []
    assert [("a 3/4 b")[a:b] for a, b in spans_of("3/4", "a 3/4 b")] == ["3/4"]


def test_tags_by_hand():
    offsets = [(0, 5), (5, 10), (10, 12), (12, 18), (0, 0)]  # "Round| neck| i|n silk|end"
    assert tags_of([(0, 10)], offsets) == [1, 2, 0, 0, 0]
    assert tags_of([(6, 10), (13, 18)], offsets) == [0, 1, 0, 1, 0]
    assert tags_of([], offsets) == [0, 0, 0, 0, 0]


def test_decoding_by_hand():
    assert decode([0, 0], [0.9, 0.9]) is None
    assert decode([0, 1, 2, 0, 1], [1, 0.9, 0.5, 1, 0.6]) == (4, 5, 0.6)  # 0.6 against 0.9 x 0.5
    assert decode([0, 1, 2, 0, 1], [1, 0.9, 0.8, 1, 0.6]) == (1, 3, pytest.approx(0.72))
    assert decode([1, 1, 2], [0.5, 0.9, 0.9]) == (1, 3, pytest.approx(0.81))  # a B ends the answer before it
    assert decode([0, 2, 2], [1, 0.5, 0.5]) == (1, 3, 0.25)  # an I that follows an O begins one


def test_ner_reads_a_product_in_several_rows_where_its_questions_do_not_fit(tokenizer):
    torch.manual_seed(0)
    text = BertText(vocab_size=304, width=32, layers=1, heads=4, feed_forward=48, positions=26)
    config = NerMqMrcConfig(text=text, context_length=20, question_length=4)
    model = NerMqMrc.create(config).eval()
    questions = ["material", "neck style", "color", "sleeve type", "pattern", "fit"]
    item = ModelInput(["Brand Silk shirt"], questions, ["Silk", "Round", "", "", "", ""])
    batch = model.collator_class(tokenizer, config)([item])
    assert len(batch.ids) > 1
    assert batch.ids.shape[1] <= 26
    assert (batch.ids[batch.row_of, batch.entity_at] == 304).all()
    assert model.logits(batch).shape == (6, batch.in_text.shape[1], 3)
    first = [batch.tags[0, k].item() for k in range(batch.tags.shape[1]) if batch.tags[0, k] != -100]
    assert first.count(1) == 1
    assert (batch.tags[1] <= 0).all()  # "Round" is not written
    assert batch.counts().tolist() == [int((batch.tags != -100).sum()), 6, 0]


def test_pretrained_parts_are_loaded_from_small_checkpoints(tokenizer, tmp_path):
    torch.manual_seed(0)
    bert = BertModel(
        BertConfig(vocab_size=304, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=48),
        add_pooling_layer=False,
    )
    bert.save_pretrained(tmp_path / "bert")
    ner = NerMqMrc.create(load_recipe("ner-mqmrc", "paper", weights=str(tmp_path / "bert")).config)
    assert torch.equal(ner.bert.embeddings.word_embeddings.weight[:304], bert.embeddings.word_embeddings.weight)
    assert (ner.config.text.vocab_size, ner.config.text.pretrained) == (304, None)

    clip = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=304, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=48,
            max_position_embeddings=24,
        )
    )  # fmt: skip
    clip.save_pretrained(tmp_path / "clip")
    image = create_timm(RESNET, pretrained=False)
    save_file(image.state_dict(), tmp_path / "resnet.safetensors")
    own = dataclasses.replace(RESNET, pretrained=str(tmp_path / "resnet.safetensors"))
    config = CMAClipConfig(
        text=ClipText(pretrained=str(tmp_path / "clip")), image=own, heads=4, values={"a": ["x", "y"]}
    )
    CMAClip.check(config)
    model = CMAClip.create(config)
    assert torch.equal(
        model.text_encoder.state_dict()[next(iter(clip.state_dict()))], next(iter(clip.state_dict().values()))
    )
    assert torch.equal(model.image_encoder.backbone.state_dict()["conv1.weight"], image.state_dict()["conv1.weight"])
    assert model.config.context_length == 24

    T5ForConditionalGeneration(
        T5Config(vocab_size=304, d_model=32, d_kv=8, d_ff=48, num_layers=1, num_heads=4)
    ).save_pretrained(tmp_path / "t5")
    mxt = MXT.create(
        MXTConfig.from_dict(
            {
                "text": {"pretrained": str(tmp_path / "t5")},
                "image": dataclasses.asdict(own),
                "features": dataclasses.asdict(own),
            }
        )
    )
    for encoder in (mxt.image_encoder, mxt.feature_encoder):
        assert torch.equal(encoder.backbone.state_dict()["conv1.weight"], image.state_dict()["conv1.weight"])


def test_a_last_stage_that_both_parts_of_mxt_share_runs_once(tokenizer):
    config = load_recipe("mxt", settings="image.size=64, features.size=64").config.with_catalog(304, {})
    model = MXT.create(config).eval()
    noise = np.random.default_rng(0).integers(0, 255, (1, 3, 64, 64), dtype=np.uint8)
    [features] = model.image_encoder.compute(noise)
    batch = Collator(tokenizer, config)([ModelInput([features, "Brand Silk shirt"], ["color"])])
    runs = []
    model.image_encoder.backbone.conv_head.register_forward_hook(lambda *given: runs.append(given))
    with torch.no_grad():
        patches_IPV, features_IPD = model._read(batch.sources[0])
    assert len(runs) == 1
    with torch.no_grad():
        assert torch.equal(patches_IPV, model.image_encoder(batch.sources[0].data))
        assert torch.equal(features_IPD, model.feature_encoder(batch.sources[0].data))


@pytest.mark.parametrize("name", ["mxt", "cma-clip"])
def test_the_default_model_comes_back_as_it_was_saved(tmp_path, name):
    """Its image encoder has BatchNorm, and is both encoders of MXT."""
    model = load_system(name).create(load_recipe(name).config.with_catalog(304, {"color": ["Red"]}))
    model.save_pretrained(tmp_path)
    weights, again = model.state_dict(), load_system(name).from_pretrained(tmp_path).state_dict()
    assert weights.keys() == again.keys()
    assert all(torch.equal(again[key], value) for key, value in weights.items())
    kept = load_file(tmp_path / "model.safetensors")
    assert (len(kept) < len(weights)) == (name == "mxt")
    kept.pop(next(key for key in kept if "backbone" in key and key.endswith("bn1.weight")))
    save_file(kept, tmp_path / "model.safetensors")
    with pytest.raises(ConfigError, match=r"do not fit config.json .*Missing key.*bn1\.weight"):
        load_system(name).from_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["cma-clip", "ner-mqmrc"])
def test_weights_that_cannot_be_had_and_another_tokenizer_are_refused(name):
    with pytest.raises(ConfigError, match="no-such/folder' cannot be loaded"):
        load_recipe(name, weights="no-such/folder").check()
    with pytest.raises(ConfigError, match=f"model {name} needs the tokenizer of its weights"):
        load_recipe(name, weights="some/folder", settings="tokenizer=catalog")


@pytest.mark.parametrize("name", ["resnet18", "lcnet_035", "vit_tiny_patch16_224", "convnext_atto"])
def test_any_timm_model_gives_patches(name):
    encoder = ImageEncoder(ImageConfig(name, 32), 24).eval()
    patches = encoder(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
    assert (patches.dim(), patches.shape[0], patches.shape[2]) == (3, 2, 24)


@pytest.mark.parametrize("system", [CMAClip, NerMqMrc])
def test_ngrams_are_a_setting_of_clip_and_bert_too(system, tmp_path):
    """Nothing at the start, then part of what is saved; the rest of the network is the one without."""
    sizes = {"vocab_size": 60, "width": 32, "layers": 1, "heads": 2, "feed_forward": 48, "positions": 48}
    kind, config = (ClipText, CMAClipConfig) if system is CMAClip else (BertText, NerMqMrcConfig)
    common = {
        "context_length": 12,
        **({"values": {"color": ["Red", "Blue"]}, "image": RESNET} if system is CMAClip else {}),
    }

    def model_with(**ngrams):
        torch.manual_seed(0)
        return system.create(config(text=kind(**sizes, **ngrams), **common)).eval()

    def states(model):
        encoder = model.text_encoder if system is CMAClip else model.bert
        return encoder(torch.tensor([[5, 9, 7, 9]]), torch.ones(1, 4, dtype=torch.long)).last_hidden_state

    plain, model = model_with(), model_with(ngrams=NgramConfig((2,), 16))
    assert torch.equal(states(plain), states(model))
    torch.nn.init.normal_(ngram_tables(model)[0])
    assert not torch.equal(states(plain), states(model))
    model.save_pretrained(tmp_path)
    assert torch.equal(states(system.from_pretrained(tmp_path)), states(model))
    with pytest.raises(ConfigError, match="Text cannot add n-grams to the weights bert; leave one out"):
        kind(pretrained="bert", ngrams=NgramConfig((2,), 16))
