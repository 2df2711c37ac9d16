"""The typed description of a model: everything needed to build it, nothing of training."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from moemoe.errors import ConfigError

EXPERT_LAYERS = ("odd", "even", "all", "last", "last two")


@dataclass(frozen=True)
class TextConfig:
    """T5 stacks built from scratch, or a T5 checkpoint (hub name or local folder) in ``pretrained``."""

    d_model: int = 128
    d_kv: int = 32
    d_ff: int = 256
    num_heads: int = 4
    context_layers: int = 2
    question_layers: int = 1
    decoder_layers: int = 4
    feed_forward_proj: str = "relu"
    dropout_rate: float = 0.0
    tie_word_embeddings: bool = True
    vocab_size: int = 4096
    pretrained: str | None = None


@dataclass(frozen=True)
class ImageConfig:
    """A timm model that gives patch embeddings; ``options`` go to ``timm.create_model`` unchanged."""

    name: str = "swinv2_tiny_window8_256"
    size: int = 64
    pretrained: bool = False
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ExpertConfig:
    """The sparse mixture of experts in the decoder (section 4.4).

    With ``k = 1`` softmax(top_1(.)) is 1 whatever the router says and its gradient is exactly 0, so k >= 2.
    """

    number: int = 8
    k: int = 2
    noise: bool = True
    layers: str = "odd"

    def __post_init__(self):
        if not 2 <= self.k <= self.number:
            raise ConfigError(
                f"experts: k = {self.k} with {self.number} experts; allowed is 2 <= k <= number "
                "(with k = 1 the router gets no gradient)"
            )
        if self.layers not in EXPERT_LAYERS:
            raise ConfigError(f"experts: layers is {self.layers!r}; allowed are {', '.join(EXPERT_LAYERS)}")

    def decoder_layers(self, count: int) -> list[int]:
        """The 0-indexed decoder layers that hold experts, of ``count`` layers."""
        chosen = {
            "odd": range(1, count, 2),
            "even": range(0, count, 2),
            "all": range(count),
            "last": range(count - 1, count),
            "last two": range(max(count - 2, 0), count),
        }
        return list(chosen[self.layers])


@dataclass(frozen=True)
class ModelConfig:
    """One MoEMoE model.

    Args:
        context_length: k of the paper, in tokens; contexts are cut to it.
        question_in: ``decoder`` puts the question before the answer as an unscored prefix of the decoder;
            ``context`` puts it into the context, which is then encoded once per question (section 3 to the letter).
        experts: None for the dense model (QGA), else where and how many.
    """

    text: TextConfig = field(default_factory=TextConfig)
    image: ImageConfig = field(default_factory=ImageConfig)
    experts: ExpertConfig | None = None
    context_length: int = 96
    question_length: int = 16
    answer_length: int = 16
    question_in: str = "decoder"
    alignment: bool = True

    def __post_init__(self):
        if self.question_in not in ("decoder", "context"):
            raise ConfigError(f"question_in is {self.question_in!r}; allowed are decoder, context")

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary, as written to ``config.json``."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ModelConfig":
        """The inverse of ``to_dict``; raises ConfigError on a key it does not know."""
        nested = {"text": TextConfig, "image": ImageConfig, "experts": ExpertConfig}
        try:
            built = {k: nested[k](**v) if k in nested and v is not None else v for k, v in values.items()}
            return cls(**built)
        except TypeError as error:
            raise ConfigError(f"model configuration: {error}") from error
