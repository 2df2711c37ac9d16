"""The three encoders (section 4.1): T5 for the context and for the question, unshared; timm for the image.

Shapes: B contexts, K context tokens, U questions, J question tokens, I images, P patches, D d_model, L positions.
"""

import timm
import torch
from timm.models.swin_transformer_v2 import SwinTransformerV2Block
from torch import Tensor, nn
from transformers import T5Config
from transformers.models.t5.modeling_t5 import T5Stack

from moemoe.errors import ConfigError
from moemoe.model.config import ImageConfig, TextConfig


def t5_stack(text: TextConfig, layers: int, is_decoder: bool, embedding: nn.Embedding) -> T5Stack:
    """One T5 stack of ``layers`` layers over ``embedding``, initialised as transformers does.

    Every stack gets a config of its own: T5Stack changes the one it is given.
    """
    config = T5Config(
        vocab_size=text.vocab_size,
        d_model=text.d_model,
        d_kv=text.d_kv,
        d_ff=text.d_ff,
        num_layers=layers,
        num_heads=text.num_heads,
        feed_forward_proj=text.feed_forward_proj,
        dropout_rate=text.dropout_rate,
        is_decoder=is_decoder,
        is_encoder_decoder=False,
        use_cache=False,
    )
    config._attn_implementation = "sdpa"
    stack = T5Stack(config)
    stack.set_input_embeddings(embedding)
    return stack


class TextEncoder(nn.Module):
    """Equation 1: a T5 encoder; states on padding are 0."""

    def __init__(self, stack: T5Stack):
        super().__init__()
        self.stack = stack

    def forward(self, ids_BK: Tensor, mask_BK: Tensor) -> Tensor:
        """States [B, K, D] of token ids int64 [B, K]; ``mask_BK`` is true on real tokens."""
        states_BKD = self.stack(input_ids=ids_BK, attention_mask=mask_BK.long()).last_hidden_state
        return states_BKD * mask_BK.unsqueeze(-1)


class ImageEncoder(nn.Module):
    """Equation 2: a timm model's patch embeddings, projected to d_model where its width differs.

    Raises:
        ConfigError: the timm model is unknown or gives no patch embeddings.
    """

    def __init__(self, image: ImageConfig, d_model: int):
        super().__init__()
        options = {"num_classes": 0, **image.options}
        if "img_size" not in options:
            options["img_size"] = image.size
        try:
            self.backbone = timm.create_model(image.name, pretrained=False, **options)
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
        if x.dim() == 4:  # SwinV2 gives NHWC
            x = x.flatten(1, 2)
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
