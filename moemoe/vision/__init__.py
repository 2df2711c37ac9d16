"""The image encoder, and its pretrained weights."""

from moemoe import torchvision_compat  # noqa: F401  (before timm and transformers)
