"""MXT (Khandelwal et al. 2023): the image shifts T5's input embeddings, and T5's encoder output attends to its patches.

One joint encoder reads question, product type and text; the image enters twice. A multimodal adaptation gate (Rahman
et al. 2020) adds the global vector of ResNet-152 to every token embedding. After T5's encoder each token attends to
Xception's feature map. T5's decoder answers greedily. The backbones are trained too.

The paper's two networks take 224 and 299 pixels; here both see the same image of ``image.size``.

Shapes: B examples, K tokens, D d_model, V width of the global vector, P positions of the feature map.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from moemoe.batches.batch import Batch, Source
from moemoe.configs import check_sizes, config_from_dict
from moemoe.errors import ConfigError
from moemoe.model.config import ExpertConfig, ModelConfig, TextConfig
from moemoe.model.moemoe import Encoded, MoEMoE
from moemoe.model.source_attention import SourceMemory
from moemoe.vision.config import ImageConfig
from moemoe.vision.image_encoder import ImageEncoder
from moemoe.vision.weights import load_backbone_weights, load_timm


@dataclass(frozen=True)
class MXTConfig(ModelConfig):
    """``image`` is the network of the global vector, ``features`` that of the feature map.

    Args:
        gate_bound: beta of the gate: the shift's norm is at most this many times that of the token's embedding.
        gate_dropout: dropout after the gate's normalisation.
        heads: heads of the attention to the feature map.
    """

    question_in: str = "context"
    question_guidance: bool = False
    alignment: bool = False
    features: ImageConfig = field(default_factory=lambda: ImageConfig(name="legacy_xception"))
    gate_bound: float = 1.0
    gate_dropout: float = 0.1
    heads: int = 4

    def __post_init__(self):
        super().__post_init__()
        fixed = ("image", "text"), "context", False, False, None
        if (self.sources, self.question_in, self.question_guidance, self.alignment, self.experts) != fixed:
            raise ConfigError("mxt reads one image and one text, with the question in the context, and nothing more")
        if self.text.encoder is not None:
            raise ConfigError("mxt shifts T5's token embeddings by the image; leave out text.encoder")
        if self.features.size != self.image.size:
            object.__setattr__(self, "features", replace(self.features, size=self.image.size))
        if {self.image.trained, self.features.trained} != {"all"} and self.features != self.image:
            raise ConfigError("mxt: both parts read the features of one network; set features.* as image.*")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "MXTConfig":
        """The inverse of ``to_dict``; raises ConfigError on a key it does not know, or a value that cannot be."""
        nested = {"text": TextConfig, "image": ImageConfig, "experts": ExpertConfig, "features": ImageConfig}
        config: MXTConfig = config_from_dict(cls, values, **nested)
        check_sizes(config)
        return config


class AdaptationGate(nn.Module):
    """Rahman et al. 2020: g = ReLU(W_g [T; V] + b_g), H = g * W_H V + b_H, out = LayerNorm(T + a H).

    a = min(bound |T| / |H|, 1) per token. Without an image, H is 0.
    """

    def __init__(self, width: int, d_model: int, bound: float, dropout: float):
        super().__init__()
        self.bound = bound
        self.gate = nn.Linear(d_model + width, d_model)
        self.shift = nn.Linear(width, d_model, bias=False)
        self.bias = nn.Parameter(torch.zeros(d_model))
        self.norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, text_BKD: Tensor, global_BV: Tensor, there_B: Tensor) -> tuple[Tensor, Tensor]:
        """Shifted embeddings [B, K, D], and the shift's share |a H| / (|T| + |a H|) per token [B, K]."""
        global_BKV = global_BV[:, None].expand(-1, text_BKD.shape[1], -1)
        gate_BKD = torch.relu(self.gate(torch.cat([text_BKD, global_BKV], dim=-1)))
        shift_BKD = (gate_BKD * self.shift(global_BKV) + self.bias) * there_B[:, None, None]
        text_BK1, length_BK1 = text_BKD.norm(dim=-1, keepdim=True), shift_BKD.norm(dim=-1, keepdim=True)
        shift_BKD = shift_BKD * (self.bound * text_BK1 / length_BK1.clamp(min=1e-6)).clamp(max=1.0)
        return self.dropout(self.norm(text_BKD + shift_BKD)), share(text_BKD, shift_BKD)


def share(own_BKD: Tensor, added_BKD: Tensor) -> Tensor:
    """|added| / (|own| + |added|), [B, K]."""
    own, added = own_BKD.detach().norm(dim=-1), added_BKD.detach().norm(dim=-1)
    return added / (own + added).clamp(min=1e-12)


class MXT(MoEMoE):
    """Shares T5's encoder and decoder, the loss, the decoding and the files with MoEMoE; only ``encode`` differs."""

    name = "mxt"
    config_class = MXTConfig
    config: MXTConfig

    def __init__(self, config: MXTConfig):
        super().__init__(config)
        d_model = config.text.d_model
        self.image_encoder.unproject()  # the gate takes the global vector unprojected
        shared = self.image_encoder.backbone if self.image_encoder.has_features else None
        self.feature_encoder = ImageEncoder(config.features, d_model, shared)
        width = self.image_encoder.width
        self.gate = AdaptationGate(width, d_model, config.gate_bound, config.gate_dropout)
        self.attend = nn.MultiheadAttention(d_model, config.heads, config.text.dropout_rate, batch_first=True)
        self.attend_norm = nn.LayerNorm(d_model)

    @classmethod
    def create(cls, config: ModelConfig) -> "MXT":
        """A new model; weights of pretrained parts that the config names are loaded."""
        model = super().create(config)
        assert isinstance(model, MXT)
        load_backbone_weights(model.feature_encoder.backbone, model.config.features)
        return model

    @classmethod
    def check(cls, config: ModelConfig) -> None:
        """Raises ConfigError if ``config`` names pretrained weights that cannot be loaded."""
        super().check(config)
        assert isinstance(config, MXTConfig)
        if config.features.pretrained:
            load_timm(config.features)

    def recompute_activations(self) -> None:
        """Enables gradient checkpointing of T5's stacks and both backbones."""
        super().recompute_activations()
        self.feature_encoder.recompute_activations()

    def encode(self, batch: Batch) -> Encoded:
        """The joint encoder's states, one row per example, as the decoder's one source."""
        image, text = batch.sources
        there_B, real_BK = image.mask[image.row_of], text.mask
        patches_IPV, features_IPD = self._read(image)
        global_BV, features_BPD = patches_IPV.mean(1)[image.row_of], features_IPD[image.row_of]
        x_BKD, shift_BK = self.gate(self.context_encoder.embed(text.data), global_BV, there_B)
        states_BKD, loads = self.context_encoder.encode_embeddings(x_BKD, real_BK)
        seen_BKD = self.attend(states_BKD, features_BPD, features_BPD, need_weights=False)[0] * there_B[:, None, None]
        seen_BK = share(states_BKD, seen_BKD)
        states_BKD = self.attend_norm(states_BKD + seen_BKD) * real_BK[..., None]

        weights_NLS = states_BKD.new_ones(*real_BK.shape, 1)
        keys, values = self.decoder.project_sources([states_BKD])
        image_B = ((shift_BK + seen_BK) / 2 * real_BK).sum(1) / real_BK.sum(1).clamp(min=1)
        memory = SourceMemory(keys, values, weights_NLS, real_BK, batch.product_of)
        return Encoded(memory, torch.stack([image_B, 1 - image_B], dim=1), None, loads)

    def _read(self, image: Source) -> tuple[Tensor, Tensor]:
        """The patches of both networks [I, P, V] and [I, P, D]; one network that both share runs once."""
        encoders = self.image_encoder, self.feature_encoder
        if not self.image_encoder.has_features:
            return tuple(encoder(image.data) for encoder in encoders)
        seen = self.image_encoder.read(image.data, image.mask)
        return tuple(encoder.embed(seen) for encoder in encoders)
