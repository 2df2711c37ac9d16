"""A committee: an ensemble of systems trained on the same split, which pools their distributions over the values.

Its members are complete systems, each in its own folder under ``members/``. The committee adds a weight per attribute
and member (see ``pooling``). Closed set: it answers only values of the training split, or gives an empty answer if a
member was trained to.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from moemoe.baselines.config import BaselineConfig
from moemoe.baselines.items import NO_ANSWER
from moemoe.batches.collate import ModelInput, item_sources
from moemoe.configs import read_object
from moemoe.errors import ConfigError
from moemoe.model.files import read_config, write_config
from moemoe.model.outputs import Answer, Distribution
from moemoe.sources import IMAGE, kind_of, kinds_of
from moemoe.systems.pooling import AMOUNTS, pooled, pooled_with_nothing, weights_at
from moemoe.systems.saved import load_with_collator, system_of
from moemoe.vision.config import ImageConfig

MEMBERS = "members"
TRAINED_ON = "trained_on.json"


@dataclass(frozen=True)
class CommitteeConfig(BaselineConfig):
    """Its members and their weights.

    Args:
        members: the name of each member's system.
        sources, image: the sources that the members read together.
        values: attribute -> the values that can be answered, those of the training split.
        weights: attribute -> for each amount of text (see ``pooling``) the members' weights, in the order of
            ``members``. Earlier versions have just the members' weights, for all amounts of text.
        short_text: texts of fewer characters are short.
        nothing: the members that were trained to give an empty answer if there is no value.
    """

    nested: ClassVar[dict[str, Any]] = {"image": ImageConfig}

    members: dict[str, str]
    sources: tuple[str, ...] = ()  # type: ignore[misc]
    image: ImageConfig | None = None
    values: dict[str, list[str]] = field(default_factory=dict)
    weights: dict[str, list[list[float]]] = field(default_factory=dict)
    short_text: float = 0.0
    nothing: tuple[str, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "sources", tuple(self.sources))  # JSON has lists
        object.__setattr__(self, "nothing", tuple(self.nothing))
        weights = {name: own if np.ndim(own) == 2 else [own] * AMOUNTS for name, own in self.weights.items()}
        object.__setattr__(self, "weights", weights)
        if len(self.members) < 2:
            raise ConfigError(f"committee: its members are {list(self.members)}; at least two are needed")


@dataclass(frozen=True)
class Member:
    """A member ready to answer, with its system's ``collator``."""

    name: str
    system: Any
    collator: Any


@dataclass
class CommitteeBatch:
    """Every member's batch of the questions that can be answered.

    Args:
        batches: in the order of the members; empty if no question can be answered.
        asked: all questions in order, None for one whose attribute the training split does not have.
        characters: the length of the text of each question's product.
        sees_NM: whether each member has any source of each question's product.
        applies_N: whether the attribute is known to apply, so that its answer must not be empty.
    """

    batches: Sequence[Any]
    asked: Sequence[str | None]
    characters: np.ndarray
    sees_NM: np.ndarray
    applies_N: np.ndarray

    def to(self, device: torch.device) -> "CommitteeBatch":
        """Every member's batch on ``device``."""
        return replace(self, batches=[batch.to(device) for batch in self.batches])


class CommitteeCollator:
    """Builds each member's batch with that member's collator."""

    tokenizer = None

    def __init__(self, committee: "Committee"):
        self.members, self.config = committee.members, committee.config
        #: The image encoder that several members share.
        self.shared = committee.image_encoder if len(committee.readers) > 1 else None

    def __call__(self, items: Sequence[ModelInput]) -> CommitteeBatch:
        """A batch of all questions of all ``items``."""
        if self.shared is not None:
            items = self._seen_once(items)
        known = [[name for name in item.questions if name in self.config.values] for item in items]
        asked = [name if name in self.config.values else None for item in items for name in item.questions]
        kept = [(item, names) for item, names in zip(items, known, strict=True) if names]
        batches = []
        for member in self.members if kept else ():
            own = [ModelInput(self._sources(item, member), names) for item, names in kept]
            batches.append(member.collator(own))
        questions = [len(item.questions) for item in items]
        characters = np.repeat(list(map(longest_text, items)), questions)
        sees = [[any(map(_is_there, self._sources(item, member))) for member in self.members] for item in items]
        sees_IM = np.array(sees, dtype=bool).reshape(len(items), len(self.members))
        applies = np.array([name in item.applies for item in items for name in item.questions], dtype=bool)
        return CommitteeBatch(batches, asked, characters, sees_IM.repeat(questions, axis=0), applies)

    def _seen_once(self, items: Sequence[ModelInput]) -> list[ModelInput]:
        """``items`` with images replaced by their features, which otherwise every member would compute."""
        of_images = [place for place, kind in enumerate(kinds_of(self.config.sources)) if kind == IMAGE]
        sources = [list(item.sources) for item in items]
        seen = [(own, place) for own in sources for place in of_images if own[place] is not None]
        unseen = [(own, place) for own, place in seen if np.asarray(own[place]).dtype == np.uint8]
        if unseen and self.shared is not None:
            features = self.shared.compute(np.stack([np.asarray(own[place]) for own, place in unseen]))
            for (own, place), half_PW in zip(unseen, features, strict=True):
                own[place] = half_PW
        return [replace(item, sources=own) for item, own in zip(items, sources, strict=True)]

    def _sources(self, item: ModelInput, member: Member) -> Sequence[Any]:
        there = dict(zip(self.config.sources, item.sources, strict=True))
        return item_sources(member.system.config.sources, there.__getitem__)


class Committee(nn.Module):
    """The members and their weights; confidence = the most likely value's pooled probability."""

    config_class = CommitteeConfig
    limits = "answers only values that occur in the training split"

    def __init__(self, config: CommitteeConfig, members: Sequence[Member]):
        super().__init__()
        self.config, self.members = config, list(members)
        self.trained = nn.ModuleList(m.system for m in members if isinstance(m.system, nn.Module))

    @property
    def readers(self) -> list[Any]:
        """The image encoders of the members that have one."""
        found = [getattr(member.system, "image_encoder", None) for member in self.members]
        return [encoder for encoder in found if encoder is not None]

    @property
    def image_encoder(self) -> Any:
        """The image encoder that all members share, whose features are cached; None if their encoders differ."""
        readers = self.readers
        if len(readers) > 1:
            alike = all(encoder.has_features for encoder in readers) and len({own.fingerprint for own in readers}) == 1
            return readers[0] if alike else None
        return readers[0] if readers else None

    @staticmethod
    def check_members(configs: Mapping[str, Any], systems: Mapping[str, Any]) -> ImageConfig | None:
        """The image config of the members, None if no member reads images.

        Args:
            configs: each member's config, by name.
            systems: each member's class, by name.

        Raises:
            ConfigError: a member gives no distribution over values, or members read images of different sizes.
        """
        for name, system in systems.items():
            if not hasattr(system, "distributions"):
                raise ConfigError(f"committee: {name} gives no distribution over values, so it cannot be a member")
        readers = {name: config.image for name, config in configs.items() if "image" in config.sources}
        if len({image.size for image in readers.values()}) > 1:
            sizes = ", ".join(f"{name} {image.size}" for name, image in readers.items())
            raise ConfigError(f"committee: its members read images of different sizes ({sizes}); set one size for all")
        return next(iter(readers.values()), None)

    @classmethod
    def of(
        cls,
        folders: Mapping[str, str | Path],
        values: Mapping[str, Sequence[str]],
        weights: Mapping[str, Sequence[Any]],
        short_text: float = 0.0,
        nothing: Sequence[str] = (),
    ) -> "Committee":
        """A committee of the systems in ``folders``, by name, see ``CommitteeConfig``.

        Raises:
            ConfigError: the members were trained on different splits, or see ``check_members``.
        """
        check_same_split(folders)
        members = [Member(name, *load_with_collator(folder)) for name, folder in folders.items()]
        configs = {member.name: member.system.config for member in members}
        image = cls.check_members(configs, {member.name: type(member.system) for member in members})
        read = dict.fromkeys(name for config in configs.values() for name in config.sources)
        sources = tuple(sorted(read, key=kind_of))  # images first, in the members' order
        systems = {name: system_of(folder) for name, folder in folders.items()}
        config = CommitteeConfig(
            systems,
            sources,
            image,
            {name: list(own) for name, own in values.items()},
            {name: list(own) for name, own in weights.items()},
            short_text,
            tuple(nothing),
        )
        return cls(config, members)

    def collator(self) -> CommitteeCollator:
        """The collator that builds its batches."""
        return CommitteeCollator(self)

    def distributions(self, batch: CommitteeBatch) -> Iterator[tuple[str, list[int], np.ndarray, np.ndarray]]:
        """Per attribute: its questions' indices in the batch, the members' probabilities [M, N, C], not yet pooled, and
        the weights of the committee's sources [M, N, S].

        If a member was trained to give empty answers, the empty answer is the last of the values.
        """
        places = [place for place, name in enumerate(batch.asked) if name is not None]
        if not places:
            return
        asked = [name for name in batch.asked if name is not None]
        values = {name: [*self.config.values[name], *([""] if self.config.nothing else [])] for name in set(asked)}
        given = []
        for member, own in zip(self.members, batch.batches, strict=True):
            taught = member.name in self.config.nothing
            known = values if taught else self.config.values
            found = member.system.distributions(own, member.collator, asked, known)
            pad = (0, len(self.config.nothing) > 0 and not taught)
            given.append([(np.pad(one.probability_C, pad), self._weights(member, one)) for one in found])
        for name in sorted(set(asked)):
            rows = [row for row, other in enumerate(asked) if other == name]
            yield (
                name,
                [places[row] for row in rows],
                np.stack([[own[row][0] for row in rows] for own in given]),
                np.array([[own[row][1] for row in rows] for own in given]),
            )

    def answer(self, batch: CommitteeBatch, collator: CommitteeCollator) -> list[Answer]:
        """The most likely value; for an attribute that the training split lacks an empty answer with confidence 0."""
        answers = [NO_ANSWER] * len(batch.asked)
        taught_M = np.array([member.name in self.config.nothing for member in self.members])
        of_images = np.array([kind == IMAGE for kind in kinds_of(self.config.sources)], bool)
        has_several = len(set(kinds_of(self.config.sources))) < len(of_images)
        for name, places, probability_MNC, weight_MNS in self.distributions(batch):
            values = self.config.values[name]
            weight_NM = weights_at(self.config.weights[name], self.config.short_text, batch.characters[places])
            if taught_M.any():
                pooled_NC, values = pooled_with_nothing(probability_MNC, weight_NM, taught_M), [*values, ""]
                pooled_NC[batch.applies_N[places], -1] = 0
            else:
                pooled_NC = pooled(probability_MNC, weight_NM)
            share_NM = _shares(weight_NM, batch.sees_NM[places])
            weight_NS = np.einsum("mns,nm->ns", weight_MNS, share_NM).clip(0, 1)
            image_N = weight_NS[:, of_images].sum(1).clip(0, 1)
            for place, row_C, image, row_S in zip(places, pooled_NC, image_N.tolist(), weight_NS.tolist(), strict=True):
                best = int(row_C.argmax())
                each = tuple(row_S) if has_several else ()
                answers[place] = Answer(values[best], float(min(row_C[best], 1.0)), image, 1.0 - image, each)
        return answers

    def _weights(self, member: Member, one: Distribution) -> list[float]:
        """A member's weights of the committee's sources, 0 for those that it does not read."""
        answer = Answer("", 0.0, one.image_weight, 1.0 - one.image_weight, one.source_weights)
        own = answer.by_source(member.system.config.sources)
        return [own.get(name, 0.0) for name in self.config.sources]

    @staticmethod
    def save(config: CommitteeConfig, folders: Mapping[str, str | Path], folder: str | Path) -> None:
        """Writes ``config.json`` and a copy of each member's folder."""
        write_config(folder, "committee", config)
        for name, own in folders.items():
            shutil.copytree(own, Path(folder) / MEMBERS / name, dirs_exist_ok=True)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "Committee":
        """The inverse of ``save``. Raises ConfigError if files are missing, or as ``of`` does."""
        config = read_config(folder, CommitteeConfig)
        folders = {name: Path(folder) / MEMBERS / name for name in config.members}
        return cls.of(folders, config.values, config.weights, config.short_text, config.nothing).eval()


def _is_there(source: Any) -> bool:
    return source is not None and not (isinstance(source, str) and not source)


def _shares(weight_NM: np.ndarray, sees_NM: np.ndarray) -> np.ndarray:
    """Each member's share, sum 1; a member without any source of a product has 0, unless no member has one."""
    counts_NM = np.where(sees_NM | ~sees_NM.any(1, keepdims=True), weight_NM, 0.0)
    return counts_NM / counts_NM.sum(1, keepdims=True)


def longest_text(item: ModelInput) -> int:
    """Length in characters of an item's longest text, 0 if it has none."""
    return max((len(own) for own in item.sources if isinstance(own, str)), default=0)


def check_same_split(folders: Mapping[str, str | Path]) -> None:
    """Raises ConfigError if the members in ``folders`` were trained on different data, or on unknown data."""
    data = {}
    for name, folder in folders.items():
        path = Path(folder) / TRAINED_ON
        if not path.is_file():
            raise ConfigError(f"committee: the training data of member {name} are unknown; {path} is missing")
        data[name] = read_object(path)
    first, *others = data
    for name in others:
        if data[name] != data[first]:
            raise ConfigError(
                f"committee: members {first} and {name} were trained on different data or splits (manifests "
                f"{data[first]['manifest'][:12]} and {data[name]['manifest'][:12]}); train them on one manifest"
            )
