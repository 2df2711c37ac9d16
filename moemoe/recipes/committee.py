"""The recipe of a committee: its members' recipes, each with the options that apply to it."""

from collections.abc import Callable, Sequence
from typing import Any

from moemoe.errors import ConfigError
from moemoe.recipes.recipe import Recipe
from moemoe.recipes.settings import SEPARATOR


def load_committee(
    load_recipe: Callable[..., Recipe],
    name: str,
    description: str,
    members: Sequence[str],
    size: str,
    weights: str | None,
    question_in: str | None,
    epochs: int | None,
    batch_size: int | None,
    settings: str,
) -> Recipe:
    """The recipe of a committee of ``members``, names of recipes; see ``moemoe.recipes.load_recipe``, which loads them.

    An option applies to every member that has it, a setting to the member that it names.

    Raises:
        ConfigError: a setting names no member, or ``load_recipe`` raises it for a member.
    """
    own = _settings_of_members(members, settings)
    recipes = []
    for member in members:
        plain = load_recipe(member, size, settings=own[member])
        options: dict[str, Any] = {"settings": own[member]}
        if "text" in plain.model:
            options["weights"] = weights
        if "question_in" in plain.model:
            options["question_in"] = question_in
        if not plain.fitted:
            options |= {"epochs": epochs, "batch_size": batch_size}
        recipes.append(load_recipe(member, size, **options))
    leading = next((recipe for recipe in recipes if not recipe.fitted), recipes[0])
    return Recipe(
        name=name,
        size=size,
        description=description,
        model={"members": {recipe.name: recipe.system for recipe in recipes}},
        phases=tuple(phase for recipe in recipes for phase in recipe.phases),
        load_balancing_weight=leading.load_balancing_weight,
        tokenizer=leading.tokenizer,
        training=leading.training,
        system="committee",
        members=tuple(recipes),
    )


def _settings_of_members(members: Sequence[str], settings: str) -> dict[str, str]:
    found: dict[str, list[str]] = {member: [] for member in members}
    for setting in filter(None, (part.strip() for part in SEPARATOR.split(settings))):
        member, dot, rest = setting.partition(".")
        if not dot or member not in found:
            raise ConfigError(
                f"setting {setting!r}: a committee takes MEMBER.name=value; its members are {', '.join(members)}"
            )
        found[member].append(rest)
    return {member: ", ".join(own) for member, own in found.items()}
