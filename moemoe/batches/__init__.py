"""Items -> batches: tokens, images and the values that answers are restricted to, as tensors."""

from moemoe import torchvision_compat  # noqa: F401  (before timm and transformers)
