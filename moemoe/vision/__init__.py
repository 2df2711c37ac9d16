"""The image encoder, and where its weights come from."""

from moemoe import torchvision_compat  # noqa: F401  (before timm and transformers)
