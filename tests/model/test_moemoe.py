"""The whole model, against references and under changes that must have no effect."""

import dataclasses

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from moemoe.batches.batch import Batch, Source
from moemoe.errors import ConfigError
from moemoe.model.config import ExpertConfig, TextConfig
from moemoe.model.encoders import repeat_patches
from moemoe.model.generation import generate
from moemoe.model.moemoe import MoEMoE
from moemoe.model.question_guided_attention import combine_sources
from moemoe.vision.config import ImageConfig
from moemoe.vision.image_encoder import ImageEncoder
from tests.support.small_model import random_batch, tiny_config


def t5(gated: bool) -> T5ForConditionalGeneration:
    torch.manual_seed(3)
    config = T5Config(
        vocab_size=60,
        d_model=32,
        d_kv=8,
        d_ff=48,
        num_layers=2,
        num_decoder_layers=3,
        num_heads=4,
        dropout_rate=0.0,
        feed_forward_proj="gated-gelu" if gated else "relu",
        tie_word_embeddings=not gated,
        decoder_start_token_id=0,
    )
    return T5ForConditionalGeneration(config).eval()


def text_only(reference: T5ForConditionalGeneration, tmp_path) -> MoEMoE:
    """MoEMoE with the reference's weights, alpha = 0, beta = 1."""
    reference.save_pretrained(tmp_path / "t5")
    model = MoEMoE.create(tiny_config(text=TextConfig(pretrained=str(tmp_path / "t5")))).eval()
    model.attention.fc.bias.data = torch.tensor([0.0, 1.0])
    return model


def text_batch(ids: torch.Tensor, mask: torch.Tensor, decoder_ids: torch.Tensor) -> Batch:
    rows = torch.arange(len(ids))
    return Batch(
        sources=[
            Source(torch.zeros(len(ids), 3, 32, 32, dtype=torch.uint8), torch.zeros(len(ids), dtype=torch.bool), rows),
            Source(ids, mask, rows),
        ],
        question_ids=torch.tensor([[5, 1]]), question_mask=torch.ones(1, 2, dtype=torch.bool),
        product_of=rows, question_of=torch.zeros_like(rows),
        decoder_ids=decoder_ids, decoder_mask=torch.ones_like(decoder_ids, dtype=torch.bool),
    )  # fmt: skip


def at_product(source: Source, product: int) -> Source:
    row = slice(product, product + 1)
    return Source(source.data[row], source.mask[row], torch.zeros(1, dtype=torch.long))


@pytest.mark.parametrize("gated", [False, True], ids=["v1.0", "v1.1"])
def test_text_path_equals_transformers_t5(gated, tmp_path):
    reference = t5(gated)
    model = text_only(reference, tmp_path)
    ids, mask = torch.randint(2, 60, (3, 9)), torch.ones(3, 9, dtype=torch.bool)
    mask[1, 6:] = False
    ids = ids * mask
    decoder_ids = torch.cat([torch.zeros(3, 1, dtype=torch.long), torch.randint(2, 60, (3, 4))], dim=1)
    batch = text_batch(ids, mask, decoder_ids)
    encoded = model.encode(batch)
    states, _ = model.decoder(model.embedding(decoder_ids), batch.decoder_mask, encoded.memory)
    expected = reference(input_ids=ids, attention_mask=mask.long(), decoder_input_ids=decoder_ids).logits
    assert torch.allclose(model.logits(states), expected, atol=1e-4)

    answers = generate(model, text_batch(ids, mask, torch.zeros(3, 1, dtype=torch.long)))
    expected = reference.generate(
        input_ids=ids, attention_mask=mask.long(), max_new_tokens=5, do_sample=False, use_cache=False
    )[:, 1:]
    expected = torch.nn.functional.pad(expected, (0, 5 - expected.shape[1]))
    assert torch.equal(answers.tokens_NA, expected)


def test_image_path_equals_timm_forward_features(model):
    images = torch.randint(0, 255, (2, 3, 32, 32), dtype=torch.uint8)
    encoder: ImageEncoder = model.image_encoder
    mean, std = (torch.tensor(encoder.backbone.default_cfg[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    expected = encoder.backbone.forward_features((images / 255 - mean) / std).flatten(1, 2)
    assert torch.allclose(encoder(images), expected, atol=1e-5)


def test_patches_repeat_also_where_they_do_not_divide():
    patches = torch.arange(3.0).view(1, 3, 1)
    assert repeat_patches(patches, 7)[0, :, 0].tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_mixed_scores_equal_attention_to_the_mixed_source(model):
    """Our cross-attention against the paper's order of computation: form e (equation 5), project it, attend."""
    torch.manual_seed(5)
    torch.nn.init.normal_(model.attention.fc.weight, std=0.3)
    batch = random_batch()
    encoded = model.encode(batch)
    images, texts = batch.sources
    context, _ = model.context_encoder(texts.data, texts.mask)
    patches = model.image_encoder(images.data) * images.mask[:, None, None]
    length = max(context.shape[1], patches.shape[1])
    context = torch.nn.functional.pad(context, (0, 0, 0, length - context.shape[1]))
    question, _ = model.question_encoder(batch.question_ids, batch.question_mask)
    weights = model.attention(question, batch.question_mask, length)[batch.question_of]
    e = combine_sources(weights, [repeat_patches(patches, length)[batch.product_of], context[batch.product_of]])

    from moemoe.model.source_attention import SourceMemory

    one = dataclasses.replace(batch, product_of=torch.arange(len(e)))
    keys, values = model.decoder.project_sources([e])
    memory = SourceMemory(
        keys, values, torch.ones(len(e), length, 1), encoded.memory.attended_BL[batch.product_of], one.product_of
    )
    x = model.embedding(batch.decoder_ids)
    ours, _ = model.decoder(x, batch.decoder_mask, encoded.memory)
    paper, _ = model.decoder(x, batch.decoder_mask, memory)
    assert torch.allclose(ours[batch.decoder_mask], paper[batch.decoder_mask], atol=1e-4)


@pytest.mark.parametrize("which", ["model", "experts_model"])
def test_results_do_not_depend_on_the_rest_of_the_batch_or_on_padding(which, request):
    model = request.getfixturevalue(which)
    torch.nn.init.normal_(model.attention.fc.weight, std=0.3)
    batch = random_batch()
    together = generate(model, dataclasses.replace(batch, labels=None))
    for product in range(3):
        rows = batch.product_of == product
        images, texts = (at_product(source, product) for source in batch.sources)
        K = int(texts.mask.sum()) + 2  # another padding length
        texts.data, texts.mask = (torch.nn.functional.pad(x, (0, 4))[:, :K] for x in (texts.data, texts.mask))
        alone = generate(
            model,
            dataclasses.replace(
                batch, sources=[images, texts], product_of=torch.zeros(2, dtype=torch.long),
                question_of=batch.question_of[rows],
                decoder_ids=batch.decoder_ids[rows], decoder_mask=batch.decoder_mask[rows], labels=None,
            ),
        )  # fmt: skip
        assert torch.equal(alone.tokens_NA, together.tokens_NA[rows])
        assert torch.allclose(alone.confidence_N, together.confidence_N[rows], rtol=1e-4)
        assert torch.allclose(alone.shares_NS, together.shares_NS[rows], atol=1e-5)


def test_losses_add_up_over_parts_of_a_batch(model):
    batch = random_batch(questions=1)
    whole = model(batch)
    parts = []
    for product in range(3):
        one = slice(product, product + 1)
        parts.append(
            model(
                dataclasses.replace(
                    batch, sources=[at_product(source, product) for source in batch.sources],
                    product_of=torch.tensor([0]), question_of=batch.question_of[one],
                    decoder_ids=batch.decoder_ids[one], decoder_mask=batch.decoder_mask[one], labels=batch.labels[one],
                )
            )
        )  # fmt: skip
    for name in ("cross_entropy", "tokens", "question_context", "question_image", "images"):
        total = sum(getattr(part, name).item() for part in parts)
        assert getattr(whole, name).item() == pytest.approx(total, rel=1e-4), name


def test_a_missing_image_is_a_masked_source_not_a_black_one(model):
    batch = random_batch(with_labels=False)
    images, texts = batch.sources
    gray = torch.where(images.mask[:, None, None, None], images.data, 200)
    other = dataclasses.replace(batch, sources=[dataclasses.replace(images, data=gray), texts])
    a, b = generate(model, batch), generate(model, other)
    assert torch.equal(a.tokens_NA, b.tokens_NA)
    assert torch.equal(a.confidence_N, b.confidence_N)
    without = ~images.mask[batch.product_of]
    assert torch.equal(a.shares_NS[without], torch.tensor([[0.0, 1.0]]).expand(int(without.sum()), 2))


def test_an_upcycled_model_equals_its_dense_parent(model):
    batch = random_batch()
    dense = model(batch).cross_entropy.item()
    model.config = dataclasses.replace(model.config, experts=ExpertConfig(num_experts=4, top_k=2))
    model.add_experts()
    model.eval()
    losses = model(batch)
    assert losses.cross_entropy.item() == pytest.approx(dense, rel=1e-5)
    assert len(losses.loads) == 2  # odd layers of 4
    assert losses.loads[0].tokens.item() == batch.decoder_mask.sum().item()  # padding does not count


def test_generation_with_a_cache_equals_decoding_again_each_time(experts_model):
    batch = random_batch(with_labels=False)
    fast = generate(experts_model, batch, end_id=-1)
    ids, mask = batch.decoder_ids, batch.decoder_mask
    encoded = experts_model.encode(batch)
    probability = torch.ones(len(ids))
    for step in range(experts_model.config.answer_length):
        states, _ = experts_model.decoder(experts_model.embedding(ids), mask, encoded.memory)
        best, token = experts_model.logits(states[:, -1]).softmax(-1).max(-1)
        probability *= best
        assert torch.equal(fast.tokens_NA[:, step], token)
        ids, mask = torch.cat([ids, token[:, None]], 1), torch.cat([mask, torch.ones_like(mask[:, :1])], 1)
    assert torch.allclose(fast.confidence_N, probability, rtol=1e-4)


def test_a_saved_model_comes_back_the_same(experts_model, tmp_path):
    experts_model.save_pretrained(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"config.json", "model.safetensors"}
    back = MoEMoE.from_pretrained(tmp_path)
    batch = random_batch()
    assert back(batch).cross_entropy.item() == experts_model(batch).cross_entropy.item()
    assert (
        back.config.to_dict() == experts_model.config.to_dict() or back.config.experts == experts_model.config.experts
    )


def test_unknown_parts_are_refused_in_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match="cannot be loaded"):
        MoEMoE.create(tiny_config(text=TextConfig(pretrained=str(tmp_path / "nothing"))))
    with pytest.raises(ConfigError, match="timm cannot build it"):
        MoEMoE.create(tiny_config(image=ImageConfig(name="no_such_model")))
    with pytest.raises(ConfigError, match=r"config\.json is missing"):
        MoEMoE.from_pretrained(tmp_path)
