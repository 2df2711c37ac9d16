"""The paper's model, one idea per file: only the architecture, no training."""

from moemoe import torchvision_compat  # noqa: F401  (before timm and transformers)
