"""Text encoders other than T5, as transformers' ``AutoModel`` loads them, for the context and the question.

BERT, ModernBERT, XLM-RoBERTa and similar ones, by hub name or local folder, with their own tokenizer; the decoder
stays T5's. Only safetensors weights are loaded, never code.

Shapes: B texts, K tokens, W the encoder's width, D d_model.
"""

import json
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel
from transformers.models.t5.modeling_t5 import T5LayerNorm

from moemoe.batches.tokenizer import load_tokenizer
from moemoe.errors import ConfigError, first_line
from moemoe.model.config import ModelConfig, TextConfig
from moemoe.model.mixture_of_experts import RouterStats


class AutoTextEncoder(nn.Module):
    """An encoder of ``text.encoder_config``, projected to d_model where its width differs; states on padding are 0.

    A norm as at the end of T5's encoder gives the states the size that T5's decoder expects (MiniLM's would be an
    eighth of it). Frozen, the backbone computes in evaluation mode and without gradients whatever the phase;
    projection and norm are trained as T5's encoder would be.

    Args:
        text: the model's; its ``encoder_config`` is filled in.
        backbone: another encoder's backbone, to share it; None builds a new one.
    """

    def __init__(self, text: TextConfig, backbone: nn.Module | None = None):
        super().__init__()
        self.frozen = not text.encoder_trained
        self.backbone: Any = build_backbone(text.encoder_config) if backbone is None else backbone
        width = self.backbone.config.hidden_size
        self.project = nn.Identity() if width == text.d_model else nn.Linear(width, text.d_model)
        self.norm = T5LayerNorm(text.d_model)
        self.train(self.training)

    def train(self, mode: bool = True) -> "AutoTextEncoder":
        """Leaves a frozen backbone in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def frozen_parameters(self) -> list[nn.Parameter]:
        """The parameters that no phase trains."""
        return list(self.backbone.parameters()) if self.frozen else []

    def recompute_activations(self) -> None:
        """Turns gradient checkpointing on; a frozen backbone keeps no activations."""
        if not self.frozen and self.backbone.supports_gradient_checkpointing:
            self.backbone.gradient_checkpointing_enable()

    def forward(self, ids_BK: Tensor, mask_BK: Tensor) -> tuple[Tensor, list[RouterStats]]:
        """States [B, K, D] of token ids int64 [B, K], and no routers' loads; ``mask_BK`` is true on real tokens."""
        seen_BK = mask_BK | ~mask_BK.any(1, keepdim=True)  # attention over nothing would be NaN
        with torch.no_grad() if self.frozen else nullcontext():
            states_BKW = self.backbone(input_ids=ids_BK, attention_mask=seen_BK.long()).last_hidden_state
        return self.norm(self.project(states_BKW)) * mask_BK.unsqueeze(-1), []


def build_backbone(encoder_config: dict[str, Any] | None) -> nn.Module:
    """An encoder with random weights. Raises ConfigError if transformers does not know its configuration."""
    try:
        config = AutoConfig.for_model(**(encoder_config or {}))
        return _without_pooler(AutoModel.from_config(config, trust_remote_code=False, dtype=torch.get_default_dtype()))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"text.encoder_config: transformers cannot build it ({first_line(error)})") from error


def load_backbone(config: ModelConfig) -> nn.Module:
    """The encoder that ``config.text.encoder`` names, with its weights.

    Raises:
        ConfigError: it cannot be loaded as safetensors, weights are missing, it is not a text encoder, or it reads
            fewer tokens than the model has in a context or a question.
    """
    name = config.text.encoder
    try:
        own = AutoConfig.from_pretrained(name, trust_remote_code=False)
        backbone, loaded = AutoModel.from_pretrained(
            name, config=own, use_safetensors=True, trust_remote_code=False, dtype=torch.get_default_dtype(),
            output_loading_info=True,
        )  # fmt: skip
    except Exception as error:
        raise ConfigError(
            f"text.encoder {name!r} cannot be loaded ({first_line(error)}); allowed is the hub name or folder of a "
            "transformers encoder whose weights are safetensors"
        ) from error
    backbone = _without_pooler(backbone).eval()
    if missing := sorted(key for key in loaded["missing_keys"] if not key.startswith("pooler.")):
        raise ConfigError(f"text.encoder {name!r} lacks weights: {missing[0]} and {len(missing) - 1} more")
    _check_encodes(backbone, name)
    limit, longest = positions(backbone), max(config.context_length, config.question_length)
    if limit is not None and limit < longest:
        raise ConfigError(
            f"text.encoder {name!r} reads {limit} tokens, fewer than context_length = {config.context_length} or "
            f"question_length = {config.question_length}; set context_length={limit} or less"
        )
    return backbone


def check_text_encoder(config: ModelConfig) -> None:
    """Raises ConfigError if ``config.text.encoder`` cannot be used, or its tokenizer does not fit it."""
    backbone, tokenizer = load_backbone(config), load_tokenizer(str(config.text.encoder))
    rows = backbone.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise ConfigError(
            f"text.encoder {config.text.encoder!r}: its tokenizer has {len(tokenizer)} tokens, its weights have {rows}"
        )


def config_of(backbone: Any) -> dict[str, Any]:
    """An encoder's configuration as a plain dictionary: ``build_backbone`` needs nothing else."""
    values = json.loads(backbone.config.to_json_string(use_diff=False))
    return {key: value for key, value in values.items() if key not in ("_name_or_path", "auto_map")}


def positions(backbone: Any) -> int | None:
    """How many tokens an encoder reads, None if unknown; RoBERTa's positions start after the padding index."""
    limit = getattr(backbone.config, "max_position_embeddings", None)
    if not limit or limit < 0:
        return None
    for name, module in backbone.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return limit - module.padding_idx - 1
    return limit


@torch.no_grad()
def _check_encodes(backbone: Any, name: str | None) -> None:
    """In an encoder the first token's state depends on the last token; in a decoder it does not."""
    ids_BK = torch.tensor([[5, 6, 7, 8], [5, 6, 7, 9]])
    decodes = backbone.config.is_encoder_decoder
    try:
        if not decodes:
            first_BW = backbone(input_ids=ids_BK, attention_mask=torch.ones_like(ids_BK)).last_hidden_state[:, 0]
            decodes = torch.allclose(first_BW[0], first_BW[1], atol=1e-6)
    except Exception as error:
        raise ConfigError(f"text.encoder {name!r} is not a text encoder ({first_line(error)})") from error
    if decodes:
        raise ConfigError(
            f"text.encoder {name!r} is not an encoder: model type {backbone.config.model_type} decodes; allowed are "
            "BERT, ModernBERT, XLM-RoBERTa and the like (a T5 checkpoint goes to --weights)"
        )


def _without_pooler(backbone: Any) -> Any:
    """Removes the pooler: its output is not read, so it would have no gradient."""
    if getattr(backbone, "pooler", None) is not None:
        backbone.pooler = None
    return backbone
