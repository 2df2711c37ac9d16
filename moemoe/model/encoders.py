"""The three encoders (section 4.1): T5 for the context and for the question, unshared; timm for the image.

Shapes: B contexts, K context tokens, U questions, J question tokens, I images, P patches, D d_model, L positions.
"""

import torch
from timm.models.swin_transformer_v2 import SwinTransformerV2Block
from torch import Tensor, nn
from transformers.models.t5.modeling_t5 import T5Stack

from moemoe.errors import ConfigError
from moemoe.model.config import ImageConfig, NgramConfig
from moemoe.model.mixture_of_experts import RouterLoad
from moemoe.model.ngrams import HashedNgrams
from moemoe.model.pretrained import create_timm
from moemoe.model.t5_layers import feed_forward, position_bias, real_places, run_layer, self_attention


class TextEncoder(nn.Module):
    """Equation 1: a T5 encoder, some of its feed-forward layers possibly experts; states on padding are 0."""

    def __init__(self, stack: T5Stack, ngrams: NgramConfig | None = None):
        super().__init__()
        self.stack = stack
        self.ngrams = HashedNgrams(ngrams, stack.config.d_model) if ngrams is not None and ngrams.orders else None
        self.recompute = False

    def forward(self, ids_BK: Tensor, mask_BK: Tensor) -> tuple[Tensor, list[RouterLoad]]:
        """States [B, K, D] of token ids int64 [B, K], and the routers' loads; ``mask_BK`` is true on real tokens."""
        return self.encode_embeddings(self.embed(ids_BK), mask_BK)

    def embed(self, ids_BK: Tensor) -> Tensor:
        """Embeddings [B, K, D] of the tokens, with those of the n-grams that end there."""
        x_BKD = self.stack.embed_tokens(ids_BK)
        return x_BKD if self.ngrams is None else x_BKD + self.ngrams(ids_BK)

    def encode_embeddings(self, x_BKD: Tensor, mask_BK: Tensor) -> tuple[Tensor, list[RouterLoad]]:
        """The same from embeddings [B, K, D]."""
        x_BKD = self.stack.dropout(x_BKD)
        mask_BHKK = position_bias(self.stack, mask_BK[:, None].expand(-1, mask_BK.shape[1], -1), 0, x_BKD)
        real = real_places(mask_BK)

        def layer(block: nn.Module, x_BKD: Tensor) -> tuple[Tensor, RouterLoad | None]:
            return feed_forward(block.layer[-1], self_attention(block.layer[0], x_BKD, mask_BHKK), real)

        loads = []
        for block in self.stack.block:
            x_BKD, load = run_layer(self.recompute, layer, block, x_BKD)
            loads += [] if load is None else [load]
        states_BKD = self.stack.dropout(self.stack.final_layer_norm(x_BKD))
        return states_BKD * mask_BK.unsqueeze(-1), loads


class ImageEncoder(nn.Module):
    """Equation 2: a timm model's patch embeddings, projected to d_model where its width differs.

    A convolutional network's patches are the places of its last feature map.

    Raises:
        ConfigError: the timm model is unknown or gives no patch embeddings.
    """

    def __init__(self, image: ImageConfig, d_model: int):
        super().__init__()
        try:
            self.backbone = create_timm(image, pretrained=False)
        except (RuntimeError, TypeError, AssertionError, ValueError) as error:
            raise ConfigError(f"image encoder {image.name}: timm cannot build it ({error})") from error
        _open_residual_branches(self.backbone)
        width = self.backbone.num_features
        self.project = nn.Identity() if width == d_model else nn.Linear(width, d_model)
        mean, std = self.backbone.default_cfg["mean"], self.backbone.default_cfg["std"]
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1) * 255, persistent=False)

    def forward(self, images_I3HW: Tensor) -> Tensor:
        """Patch embeddings [I, P, D] of uint8 RGB images [I, 3, H, W]."""
        x = self.backbone.forward_features((images_I3HW.float() - self.mean) / self.std)
        if x.dim() == 4:  # SwinV2 gives NHWC, a convolutional network NCHW
            last = x.shape[-1] == self.backbone.num_features
            x = x.flatten(1, 2) if last else x.flatten(2).transpose(1, 2)
        elif x.dim() == 3:
            x = x[:, getattr(self.backbone, "num_prefix_tokens", 0) :]
        return self.project(x)


def _open_residual_branches(backbone: nn.Module) -> None:
    """SwinV2 starts with every residual branch at 0; half open, short training from scratch learns faster."""
    for module in backbone.modules():
        if isinstance(module, SwinTransformerV2Block):
            nn.init.constant_(module.norm1.weight, 0.5)
            nn.init.constant_(module.norm2.weight, 0.5)


def repeat_patches(patches_IPD: Tensor, length: int) -> Tensor:
    """Equation 3: I_j = patch[j mod P] for j < ``length``, [I, length, D], also where P does not divide it."""
    if patches_IPD.shape[1] == length:
        return patches_IPD
    index = torch.arange(length, device=patches_IPD.device) % patches_IPD.shape[1]
    return patches_IPD[:, index]
