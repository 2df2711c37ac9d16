"""The typed description of an image encoder."""

from dataclasses import dataclass, field
from typing import Any

from moemoe.errors import ConfigError

PACKAGE = "package"
TRAINED_PARTS = ("none", "last", "all")
COLOR_LEVELS = (0, *range(2, 9))


@dataclass(frozen=True)
class ImageConfig:
    """A timm model that gives patch embeddings; ``options`` go to ``timm.create_model`` unchanged.

    Args:
        name: the timm model.
        size: side of the input image, in pixels.
        pretrained: false, true (timm's own weights of ``name``, from its hub), a file of weights (safetensors), or
            ``package`` (see ``moemoe.vision.weights``).
        options: further arguments of ``timm.create_model``.
        trained: the part of the backbone that is trained. ``none``: it is frozen, its features are computed once per
            image, and each patch also carries its own pixels. ``last``: its last layer group; an EfficientNet's
            features before it are computed once, as above. ``all``: all of it.
        color_levels: levels per channel of the colour histogram that is one more patch where features are computed once
            (5: 125 colours); 0: no such patch.
    """

    name: str = "swinv2_tiny_window8_256"
    size: int = 64
    pretrained: bool | str = False
    options: dict[str, Any] = field(default_factory=dict)
    trained: str = "all"
    color_levels: int = 0

    def __post_init__(self):
        if self.trained not in TRAINED_PARTS:
            raise ConfigError(f"image.trained is {self.trained!r}; allowed are {', '.join(TRAINED_PARTS)}")
        if self.color_levels not in COLOR_LEVELS:
            raise ConfigError(
                f"image.color_levels is {self.color_levels!r}; allowed are {', '.join(map(str, COLOR_LEVELS))}"
            )
        if self.trained != "all" and not self.pretrained:
            raise ConfigError(
                f"image.trained is {self.trained}, but image.pretrained is false: random weights would stay as they "
                f"are; set image.trained=all, or image.pretrained to true, {PACKAGE} or a .safetensors file"
            )
