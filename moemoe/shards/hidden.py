"""Hides words or values from the model for an experiment. Shards stay unchanged; data are filtered as they are read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from moemoe.catalog.context import plain_text
from moemoe.contract.contract import Contract
from moemoe.contract.spellings import spellings, words_pattern
from moemoe.errors import ConfigError
from moemoe.names import did_you_mean
from moemoe.words import with_one_i

_SPACE = re.compile(r"\s+")
_FORM = "allowed is 'attribute=value, value; attribute=value'"


@dataclass(frozen=True)
class Hidden:
    """What an experiment hides; nothing by default.

    Args:
        words: spellings removed from every text of every split (the **withheld** setting), so that only the image
            shows the value.
        values: per attribute, the values whose labels are removed from the training split (**zero-shot**: the model
            never sees them in training; validation and test keep them).
    """

    words: tuple[str, ...] = ()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, contract: Contract, withhold: str = "", unseen: str = "") -> "Hidden":
        """Builds it from the options of a run.

        Args:
            withhold: an attribute's name: all spellings of all its values are removed from the texts.
            unseen: ``attribute=value, value; attribute=value``: values to keep out of training.

        Raises:
            ConfigError: an unknown attribute or value; the message lists the known ones.
        """
        words: tuple[str, ...] = ()
        if withhold:
            attribute = contract.attributes[_known(withhold, contract.attributes, "withhold: attribute")]
            if attribute.measurement:
                raise ConfigError(f"withhold: {withhold!r} is a measurement; only named values can be cut out of texts")
            words = tuple(spellings(attribute))
        values: dict[str, tuple[str, ...]] = {}
        for part in filter(None, (part.strip() for part in unseen.split(";"))):
            name, equals, listed = (text.strip() for text in part.partition("="))
            if not equals:
                raise ConfigError(f"unseen is {part!r}; {_FORM}")
            attribute = contract.attributes[_known(name, contract.attributes, "unseen: attribute")]
            if attribute.measurement:
                raise ConfigError(f"unseen: {name!r} is a measurement; only named values can be kept out of training")
            wanted = (value.strip() for value in listed.split(","))
            known = (_known(value, attribute.values, f"unseen: {name}") for value in wanted)
            values[name] = tuple(dict.fromkeys([*values.get(name, ()), *known]))
        if unseen and not values:
            raise ConfigError(f"unseen is {unseen!r}; {_FORM}")
        return cls(words, values)

    @classmethod
    def from_dict(cls, values: Mapping) -> "Hidden":
        """The inverse of ``dataclasses.asdict``, also after JSON."""
        return cls(tuple(values.get("words", ())), {k: tuple(v) for k, v in values.get("values", {}).items()})

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return words_pattern(self.words)

    def cut(self, text: str | None) -> str | None:
        """``text`` without the hidden words."""
        if not text or not self.words:
            return text
        plain, kept, end = plain_text(text).replace("i\u0307", "i"), [], 0
        for found in self._pattern.finditer(with_one_i(plain)):
            kept.append(plain[end : found.start()])
            end = found.end()
        return _SPACE.sub(" ", " ".join([*kept, plain[end:]])).strip()

    def labels(self, labels: pa.Table) -> pa.Table:
        """``labels``, a table with the columns of LABELS, without the hidden values in the training split."""
        if not self.values:
            return labels
        rows = []
        for row in labels.to_pylist():
            if row["split"] == "train":
                hidden = self.values.get(row["attribute"], ())
                row["values"] = [value for value in row["values"] if value not in hidden]
            if row["values"]:
                rows.append(row)
        return pa.Table.from_pylist(rows, labels.schema)


def _known(name: str, allowed: Mapping, what: str) -> str:
    if name not in allowed:
        raise ConfigError(f"{what} {name!r} is unknown{did_you_mean(name, allowed)}")
    return name
