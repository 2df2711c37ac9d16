"""The paper's model, one idea a file: architecture, and nothing of training."""

from moemoe import torchvision_compat  # noqa: F401  (before timm and transformers)
