"""A named model in one size: its system, architecture, phases and training."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from moemoe.configs import config_from_dict
from moemoe.errors import ConfigError, MoEMoEError
from moemoe.recipes.settings import Training
from moemoe.sources import images_read
from moemoe.systems import FITTED, load_system


@dataclass(frozen=True)
class Recipe:
    """A named model in one size.

    Args:
        model: the input of ``from_dict`` of the system's config.
        phases: see ``moemoe.training.phases``; for a fitted system, only ``fit``.
        load_balancing_weight: the weight of equation 9 in equation 10 (table 5).
        tokenizer: ``catalog`` (trained on the training split) or a pretrained one's hub name or folder.
        parent: the recipe whose model the second phase starts from, None for dense recipes.
        system: see ``moemoe.systems``.
        members: the recipes of a committee's members; then ``training`` is that of the first trained member.
    """

    name: str
    size: str
    description: str
    model: dict[str, Any]
    phases: tuple[str, ...]
    load_balancing_weight: float
    tokenizer: str
    training: Training
    parent: str | None = None
    system: str = "moemoe"
    members: "tuple[Recipe, ...]" = ()

    @property
    def config(self) -> Any:
        """The system's typed config."""
        return load_system(self.system).config_class.from_dict(self.model)

    @property
    def fitted(self) -> bool:
        """Whether the system is fitted in one pass over the training split, without epochs."""
        return self.system in FITTED

    @property
    def epochs(self) -> tuple[int, ...]:
        """How often each of ``phases`` sees the training split."""
        if self.members:
            return tuple(epochs for member in self.members for epochs in member.epochs)
        return (1,) if self.fitted else tuple(map(self.training.epochs_of, self.phases))

    @property
    def images(self) -> int:
        """How many images of a product the system reads; for a committee, the most that a member reads."""
        return max(images_read(recipe.config.sources) for recipe in self.members or (self,))

    @property
    def generates(self) -> bool:
        """Whether the system generates its answers, so that they can be restricted to values (canonical decoding)."""
        return hasattr(getattr(load_system(self.system), "collator_class", None), "restrict_answers")

    @property
    def limits(self) -> str:
        """What the system can and cannot answer."""
        return load_system(self.system).limits

    def check(self) -> None:
        """Raises ConfigError if weights, a tokenizer or packages that the recipe needs cannot be loaded."""
        if self.members:
            for member in self.members:
                member.check()
            configs = {member.name: member.config for member in self.members}
            systems = {member.name: load_system(member.system) for member in self.members}
            load_system(self.system).check_members(configs, systems)
            return
        load_system(self.system).check(self.config)
        self._check_sizes()
        if self.tokenizer != "catalog":
            from moemoe.batches.tokenizer import load_tokenizer  # lazy: it imports transformers

            load_tokenizer(self.tokenizer)

    def _check_sizes(self) -> None:
        """Raises ConfigError if no model of these sizes can be built, as of a width that its heads cannot share."""
        text = getattr(self.config, "text", None)
        if self.fitted or text is None or text.pretrained or getattr(text, "encoder", None):
            return  # a fitted system is built by its own check; pretrained weights bring their sizes
        import torch  # lazy: a recipe is read without it

        try:
            with torch.device("meta"):  # takes no memory
                load_system(self.system)(self.config)
        except MoEMoEError:
            raise
        except Exception as error:  # whatever transformers and timm say
            reason = " ".join(str(error).split())[:300]
            raise ConfigError(f"model {self.name} cannot be built with these settings ({reason})") from error

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary, as written beside checkpoints and models."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Recipe":
        """The inverse of ``to_dict``."""
        members = tuple(map(cls.from_dict, values.get("members", ())))
        training = config_from_dict(Training, values["training"])
        return cls(**{**values, "phases": tuple(values["phases"]), "training": training, "members": members})
