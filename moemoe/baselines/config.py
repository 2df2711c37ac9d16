"""Base classes of the baselines' configs."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from moemoe.configs import check_sizes, config_from_dict
from moemoe.errors import ConfigError
from moemoe.model.config import NgramConfig

C = TypeVar("C", bound="BaselineConfig")
T = TypeVar("T", bound="TextWithNgrams")


class BaselineConfig:
    """A frozen dataclass; ``values`` maps each attribute to its values in the training split."""

    sources: ClassVar[tuple[str, ...]]
    nested: ClassVar[dict[str, Any]] = {}

    def with_catalog(self: C, tokens: int, values: Mapping[str, Sequence[str]]) -> C:
        """A copy with the training split's values, and ``tokens`` rounded up to a multiple of 8 as vocabulary size."""
        changes: dict[str, Any] = {"values": {name: list(known) for name, known in values.items()}}
        text = getattr(self, "text", None)
        if text is not None and text.pretrained is None:
            changes["text"] = dataclasses.replace(text, vocab_size=-tokens // 8 * -8)
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary, as written to ``config.json``."""
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls: type[C], values: dict[str, Any]) -> C:
        """The inverse of ``to_dict``; raises ConfigError on a key it does not know, or a value that cannot be."""
        config: C = config_from_dict(cls, values, **cls.nested)
        check_sizes(config)
        return config


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextWithNgrams:
    """The n-gram setting of a text encoder, from scratch or with ``pretrained`` weights."""

    pretrained: str | None = None
    ngrams: NgramConfig = dataclasses.field(default_factory=NgramConfig)

    def __post_init__(self):
        if isinstance(self.ngrams, dict):  # JSON and YAML
            object.__setattr__(self, "ngrams", config_from_dict(NgramConfig, self.ngrams))
        if self.pretrained is not None and self.ngrams.orders:
            name = type(self).__name__
            raise ConfigError(f"text.ngrams: {name} cannot add n-grams to the weights {self.pretrained}; leave one out")

    def with_sizes_of(self: T, own: Any) -> T:
        """As the encoder with transformers' config ``own`` is, whose weights are loaded then."""
        sizes: dict[str, Any] = {
            "vocab_size": own.vocab_size, "width": own.hidden_size, "layers": own.num_hidden_layers,
            "heads": own.num_attention_heads, "feed_forward": own.intermediate_size,
            "positions": own.max_position_embeddings, "pretrained": None,
        }  # fmt: skip
        return dataclasses.replace(self, **sizes)
