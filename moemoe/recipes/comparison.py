"""The recipes of a comparison, all loaded and checked before any training begins."""

from moemoe.recipes import Recipe, load_recipe


def recipe_to_compare(
    model: str,
    settings: str,
    as_long_as: str | None,
    size: str,
    weights: str | None,
    epochs: int | None,
    batch_size: int | None,
) -> Recipe:
    """The recipe ``model`` with a comparison's common options; a fitted system takes only ``size`` and ``settings``.

    Args:
        settings: changes to this recipe only, see ``moemoe.recipes.settings``.
        as_long_as: another recipe's name: each phase trains for as many epochs as all phases of that one together.

    Raises:
        ConfigError: see ``load_recipe``.
    """
    own = load_recipe(model, size, settings=settings)
    if own.fitted:
        return own
    if as_long_as is not None:
        epochs = sum(load_recipe(as_long_as, size, epochs=epochs).epochs)
    has_text_encoder = any("text" in recipe.model for recipe in (own, *own.members))
    return load_recipe(model, size, weights if has_text_encoder else None, None, epochs, batch_size, settings)
