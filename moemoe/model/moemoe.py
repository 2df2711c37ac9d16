"""MoEMoE: three encoders, question-guided attention, both alignment losses, a T5 decoder with sparse experts.

The same class is QGA (dense) until ``add_experts`` turns decoder layers into experts.

Shapes: B contexts, K context tokens, I images, P patches, U distinct questions, J question tokens, N examples
(product x attribute), T decoder tokens, L source positions, S sources (0 image, 1 context), D d_model, V vocabulary.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import timm
import torch
import torch.nn.functional as F
from safetensors.torch import load_model, save_model
from torch import Tensor, nn
from transformers import T5Config, T5ForConditionalGeneration

from moemoe.errors import ConfigError
from moemoe.model.alignment import Alignment
from moemoe.model.config import ImageConfig, ModelConfig, TextConfig
from moemoe.model.decoder import Decoder
from moemoe.model.encoders import ImageEncoder, TextEncoder, repeat_patches, t5_stack
from moemoe.model.mixture_of_experts import RouterLoad
from moemoe.model.question_guided_attention import QuestionGuidedAttention, source_shares
from moemoe.model.source_attention import SourceMemory, example_slots, scatter_weights


@dataclass
class Batch:
    """One batch, everything encoded once that can be.

    Args:
        context_ids, context_mask: [B, K] int64 and bool; one context per product, or one per example where the
            question is in the context.
        images: uint8 [I, 3, H, W], one per product; any content where ``has_image`` is false.
        has_image: bool [I].
        image_of: int64 [B], each context's image.
        question_ids, question_mask: [U, J], the distinct questions.
        context_of, question_of: int64 [N], each example's rows; ``context_of`` in rising order.
        decoder_ids, decoder_mask: [N, T], what the decoder reads: question prefix (padded left), start, answer.
        labels: int64 [N, T], -100 where nothing is scored; None for generation.
    """

    context_ids: Tensor
    context_mask: Tensor
    images: Tensor
    has_image: Tensor
    image_of: Tensor
    question_ids: Tensor
    question_mask: Tensor
    context_of: Tensor
    question_of: Tensor
    decoder_ids: Tensor
    decoder_mask: Tensor
    labels: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The batch with every tensor on ``device``."""
        return Batch(**{k: v if v is None else v.to(device, non_blocking=True) for k, v in vars(self).items()})


@dataclass
class Losses:
    """Sums over this batch, so that ranks can be added up before they are divided (see training.objective)."""

    cross_entropy: Tensor
    tokens: Tensor
    question_context: Tensor
    examples: Tensor
    question_image: Tensor
    examples_with_image: Tensor
    loads: list[RouterLoad]


@dataclass
class Encoded:
    """The sources of a batch: what generation computes once and decodes many steps from."""

    memory: SourceMemory
    shares_NS: Tensor


class MoEMoE(nn.Module):
    """The paper's model, from scratch by ``config``; ``create`` also loads pretrained parts."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        text = config.text
        self.config = config
        self.embedding = nn.Embedding(text.vocab_size, text.d_model)
        question_embedding = nn.Embedding(text.vocab_size, text.d_model)
        nn.init.normal_(self.embedding.weight)
        nn.init.normal_(question_embedding.weight)
        self.context_encoder = TextEncoder(t5_stack(text, text.context_layers, False, self.embedding))
        self.question_encoder = TextEncoder(t5_stack(text, text.question_layers, False, question_embedding))
        self.image_encoder = ImageEncoder(config.image, text.d_model)
        self.attention = QuestionGuidedAttention(text.d_model, sources=2)
        self.alignment = Alignment(text.d_model, sources=2) if config.alignment else None
        self.decoder = Decoder(t5_stack(text, text.decoder_layers, True, self.embedding))
        self.head = None if text.tie_word_embeddings else nn.Linear(text.d_model, text.vocab_size, bias=False)
        if config.experts is not None:
            self.decoder.add_experts(config.experts)

    @classmethod
    def create(cls, config: ModelConfig) -> "MoEMoE":
        """A fresh model; where the config names pretrained parts, their weights are loaded.

        Raises:
            ConfigError: pretrained weights that cannot be had.
        """
        if config.text.pretrained is None:
            model = cls(config)
        else:
            t5 = load_t5(config.text.pretrained)
            model = cls(replace(config, text=text_config_of(t5.config, config.text)))
            model.load_t5_weights(t5)
        if config.image.pretrained:
            model.image_encoder.backbone.load_state_dict(load_timm(config.image).state_dict())
        return model

    def load_t5_weights(self, t5: T5ForConditionalGeneration) -> None:
        """Both text encoders start from T5's encoder, the decoder from its decoder."""
        with torch.no_grad():
            self.context_encoder.stack.load_state_dict(t5.encoder.state_dict())
            self.question_encoder.stack.load_state_dict(t5.encoder.state_dict())
            self.decoder.stack.load_state_dict(t5.decoder.state_dict())
            if self.head is not None:
                self.head.weight.copy_(t5.lm_head.weight)

    def add_experts(self) -> None:
        """Sparse upcycling of the dense decoder by ``config.experts``."""
        if self.config.experts is not None:
            self.decoder.add_experts(self.config.experts)

    def encode(self, batch: Batch) -> tuple[Encoded, list[Tensor] | None]:
        """Encodes contexts, images and questions once; also the alignment losses per example (image, context)."""
        context_BKD = self.context_encoder(batch.context_ids, batch.context_mask)
        patches_IPD = self.image_encoder(batch.images)
        question_UJD = self.question_encoder(batch.question_ids, batch.question_mask)

        B, K = batch.context_mask.shape
        patches = patches_IPD.shape[1]
        has_image_B = batch.has_image[batch.image_of]
        length = max(K, patches) if bool(has_image_B.any()) else K
        context_BLD = F.pad(context_BKD, (0, 0, 0, length - K))
        in_context_BL = F.pad(batch.context_mask, (0, length - K))
        position_L = torch.arange(length, device=in_context_BL.device)
        attended_BL = in_context_BL | ((position_L[None] < patches) & has_image_B[:, None])
        patches_BPD = (patches_IPD * batch.has_image[:, None, None])[batch.image_of]
        in_image_BL = attended_BL & has_image_B[:, None]

        weights_NLS = self.attention(question_UJD, batch.question_mask, length)[batch.question_of]
        slot_N, width = example_slots(batch.context_of, B)
        weights_SBQL = scatter_weights(weights_NLS, slot_N, B, width)
        keys, values = self.decoder.project_sources([patches_BPD, context_BLD], length)
        with torch.no_grad():
            norms = [repeat_patches(source.norm(dim=-1), length) for source in (patches_BPD, context_BLD)]
            norms_BLS = torch.stack(norms, dim=-1)
            shares_NS = source_shares(weights_NLS, norms_BLS[batch.context_of], attended_BL[batch.context_of])
        encoded = Encoded(SourceMemory(keys, values, weights_SBQL, attended_BL, slot_N), shares_NS)
        if self.alignment is None:
            return encoded, None
        return encoded, self.alignment(
            question_UJD,
            batch.question_mask,
            [patches_BPD, context_BLD],
            [in_image_BL, in_context_BL],
            batch.context_of,
            batch.question_of,
        )

    def logits(self, states_XD: Tensor) -> Tensor:
        """Vocabulary logits [..., V]; scaled by d^-0.5 where the head is tied, as T5 v1.0 does."""
        if self.head is not None:
            return self.head(states_XD)
        return F.linear(states_XD * self.config.text.d_model**-0.5, self.embedding.weight)

    def forward(self, batch: Batch) -> Losses:
        """The four losses of equation 10 as sums over the batch; cross-entropy over scored tokens only."""
        assert batch.labels is not None
        encoded, alignment = self.encode(batch)
        states_NTD, loads = self.decoder(self.embedding(batch.decoder_ids), batch.decoder_mask, encoded.memory)
        scored = batch.labels != -100
        cross_entropy = F.cross_entropy(self.logits(states_NTD[scored]).float(), batch.labels[scored], reduction="sum")
        zero = cross_entropy.new_zeros(())
        image, context = (zero, zero) if alignment is None else (loss.sum() for loss in alignment)
        with_image = batch.has_image[batch.image_of][batch.context_of].sum()
        examples = torch.tensor(float(batch.context_of.numel()), device=zero.device)
        return Losses(cross_entropy, scored.sum(), context, examples, image, with_image, loads)

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes ``config.json`` and ``model.safetensors`` into ``folder``."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / "config.json").write_text(json.dumps(self.config.to_dict(), indent=2) + "\n")
        save_model(self, str(Path(folder) / "model.safetensors"))

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "MoEMoE":
        """The inverse of ``save_pretrained``, in evaluation mode. Raises ConfigError where files are missing."""
        path = Path(folder) / "config.json"
        if not path.is_file():
            raise ConfigError(f"{folder} holds no model: config.json is missing")
        model = cls(ModelConfig.from_dict(json.loads(path.read_text())))
        load_model(model, str(Path(folder) / "model.safetensors"), strict=True)
        return model.eval()


def check_weights(model: dict[str, Any]) -> None:
    """Raises ConfigError where a recipe's ``model`` names pretrained weights that cannot be had."""
    config = ModelConfig.from_dict(model)
    if config.text.pretrained is not None:
        load_t5(config.text.pretrained)
    if config.image.pretrained:
        load_timm(config.image)


def load_timm(image: ImageConfig) -> nn.Module:
    """A pretrained timm model. Raises ConfigError where its weights cannot be had."""
    try:
        return timm.create_model(
            image.name, pretrained=True, **{"num_classes": 0, "img_size": image.size, **image.options}
        )
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"pretrained weights of {image.name} cannot be had ({reason})") from error


def load_t5(name: str) -> T5ForConditionalGeneration:
    """A T5 checkpoint by hub name or local folder. Raises ConfigError where it cannot be had."""
    try:
        return T5ForConditionalGeneration.from_pretrained(name)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"pretrained weights {name!r} cannot be had ({reason}); give --weights a folder that holds them, "
            "or take --size tiny or small"
        ) from error


def text_config_of(t5: T5Config, text: TextConfig) -> TextConfig:
    """``text`` with the dimensions of a T5 checkpoint."""
    return replace(
        text,
        d_model=t5.d_model,
        d_kv=t5.d_kv,
        d_ff=t5.d_ff,
        num_heads=t5.num_heads,
        context_layers=t5.num_layers,
        question_layers=t5.num_layers,
        decoder_layers=t5.num_decoder_layers,
        feed_forward_proj=t5.feed_forward_proj,
        tie_word_embeddings=bool(t5.scale_decoder_outputs),
        vocab_size=t5.vocab_size,
        pretrained=None,
    )
