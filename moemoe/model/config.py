"""The typed description of a model: everything needed to build it, nothing about training."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from moemoe.configs import check_sizes, config_from_dict
from moemoe.errors import ConfigError
from moemoe.sources import kinds_of, named_sources
from moemoe.vision.config import ImageConfig

EXPERT_LAYERS = ("none", "odd", "even", "all", "last", "last two")


@dataclass(frozen=True)
class NgramConfig:
    """Hashed n-grams of context tokens (see ``moemoe.model.ngrams``).

    Args:
        orders: numbers of tokens in an n-gram; empty: no n-grams.
        buckets: embeddings per order; n-grams with the same hash share one.
    """

    orders: tuple[int, ...] = ()
    buckets: int = 32_768

    def __post_init__(self):
        object.__setattr__(self, "orders", tuple(self.orders))  # JSON and YAML have lists
        if self.buckets < 1 or any(not 1 <= order <= 8 for order in self.orders):
            raise ConfigError(
                f"text.ngrams: orders are {list(self.orders)}, buckets {self.buckets}; "
                "allowed are orders from 1 to 8 and 1 or more buckets"
            )


@dataclass(frozen=True)
class TextConfig:
    """T5 stacks built from scratch, or a T5 checkpoint (hub name or local folder) in ``pretrained``.

    Args:
        encoder: hub name or folder of another encoder for context and question, see
            ``moemoe.model.auto_text_encoder``; None for T5's.
        encoder_trained: whether it is trained. Frozen, context and question share it; trained, each has its own.
        encoder_config: its configuration as transformers has it; filled in from its checkpoint.
    """

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
    ngrams: NgramConfig = field(default_factory=NgramConfig)
    encoder: str | None = None
    encoder_trained: bool = False
    encoder_config: dict[str, Any] | None = None

    def __post_init__(self):
        if isinstance(self.ngrams, dict):
            object.__setattr__(self, "ngrams", config_from_dict(NgramConfig, self.ngrams))


@dataclass(frozen=True)
class ExpertConfig:
    """The sparse mixture of experts (section 4.4).

    Args:
        num_experts, top_k: number of experts, and how many of them each token is routed to. For top_k = 1,
            softmax(top_1(.)) is always 1 and its gradient exactly 0, so top_k >= 2.
        noise: whether the router's logits get noise in training.
        decoder, encoder: layers with experts: none, odd, even, all, last or last two; ``encoder``: both text encoders.
        init: ``upcycled`` (copies of the dense layer) or ``random``.
    """

    num_experts: int = 8
    top_k: int = 2
    noise: bool = True
    decoder: str = "odd"
    encoder: str = "none"
    init: str = "upcycled"

    FORMER: ClassVar = {"number": "num_experts", "k": "top_k"}  #: names in models and settings of earlier versions

    def __post_init__(self):
        if not 2 <= self.top_k <= self.num_experts:
            raise ConfigError(
                f"experts: top_k is {self.top_k} with {self.num_experts} experts; allowed is from 2 to num_experts "
                "(with 1 the router gets no gradient)"
            )
        for side in ("decoder", "encoder"):
            if getattr(self, side) not in EXPERT_LAYERS:
                raise ConfigError(f"experts: {side} is {getattr(self, side)!r}; allowed are {', '.join(EXPERT_LAYERS)}")
        if self.init not in ("upcycled", "random"):
            raise ConfigError(f"experts: init is {self.init!r}; allowed are upcycled, random")


def expert_layers(which: str, count: int) -> list[int]:
    """The 0-indexed layers, of ``count``, that ``which`` of EXPERT_LAYERS names: odd is 1, 3, 5, ..."""
    chosen = {
        "none": range(0),
        "odd": range(1, count, 2),
        "even": range(0, count, 2),
        "all": range(count),
        "last": range(count - 1, count),
        "last two": range(max(count - 2, 0), count),
    }
    return list(chosen[which])


@dataclass(frozen=True)
class ModelConfig:
    """One MoEMoE model.

    Args:
        sources: what the model reads, by the names of ``moemoe.sources``, in the order of ``Batch.sources``; sources
            of one kind (``image``, ``text``) share an encoder.
        context_length: k of the paper, in tokens; texts are cut to it.
        question_in: ``decoder`` puts the question before the answer as an unscored prefix of the decoder;
            ``context`` puts it into the texts, which are then encoded once per question (exactly section 3).
        question_guidance: whether the question weighs the sources (equation 4); if not, each weight is 1/S.
        alignment: whether equations 6 and 7 are trained.
        experts: None for the dense model (QGA), else where and how many.
    """

    text: TextConfig = field(default_factory=TextConfig)
    image: ImageConfig = field(default_factory=ImageConfig)
    experts: ExpertConfig | None = None
    sources: tuple[str, ...] = ("image", "text")
    context_length: int = 96
    question_length: int = 16
    answer_length: int = 16
    question_in: str = "decoder"
    question_guidance: bool = True
    alignment: bool = True

    def __post_init__(self):
        object.__setattr__(self, "sources", named_sources(self.sources))
        if self.question_in not in ("decoder", "context"):
            raise ConfigError(f"question_in is {self.question_in!r}; allowed are decoder, context")
        if self.text.encoder_trained and self.text.encoder is None:
            raise ConfigError("text.encoder_trained is for a text.encoder; T5's encoders are always trained")
        if self.text.encoder is not None and self.experts is not None and self.experts.encoder != "none":
            raise ConfigError(
                f"experts.encoder is {self.experts.encoder!r}; with text.encoder the allowed value is none "
                "(experts take the place of T5's layers)"
            )

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kind of each source, ``image`` or ``text``."""
        return kinds_of(self.sources)

    @property
    def has_question_encoder(self) -> bool:
        """False if nothing would read its states (S-Enc)."""
        return self.question_guidance or self.alignment

    def with_catalog(self, tokens: int, values: Mapping[str, Sequence[str]]) -> "ModelConfig":
        """With the vocabulary of a tokenizer of ``tokens``, rounded up to a multiple of 8.

        ``values`` (``Config.with_catalog``) change nothing: any text may be an answer.
        """
        if self.text.pretrained is not None:
            return self
        return replace(self, text=replace(self.text, vocab_size=-tokens // 8 * -8))

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary, as written to ``config.json``."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ModelConfig":
        """The inverse of ``to_dict``; raises ConfigError on a key it does not know, or a value that cannot be."""
        config = config_from_dict(cls, values, text=TextConfig, image=ImageConfig, experts=ExpertConfig)
        check_sizes(config)
        return config
