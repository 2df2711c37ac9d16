"""Writes docs/settings.md: every name that ``--set`` takes, of each system, from the dataclasses and the sizes.

``make settings``, or ``python docs/settings.py > docs/settings.md`` from the project's folder.
"""

import dataclasses
import inspect
import re
from typing import Any, get_args, get_type_hints

import yaml

from moemoe.recipes import known_sizes, load_recipe
from moemoe.recipes.settings import Training, allowed_settings

#: Recipe -> what its table is headed; each has a configuration class of its own.
RECIPES = {
    "moemoe": "moemoe, and all recipes of the paper's models",
    "mxt": "mxt",
    "cma-clip": "cma-clip",
    "ner-mqmrc": "ner-mqmrc",
    "knn": "knn",
    "tf-idf": "tf-idf",
    "image-classifier": "image-classifier",
}
#: Settings that the docstrings of their dataclasses do not explain one by one.
ABOUT = {
    "tokenizer": "`catalog`: trained on the training split; or a pretrained one, by hub name or folder",
    "load_balancing_weight": "weight of equation 9 in equation 10 (table 5)",
    "context_length": "most tokens of a product's text; longer ones are cut",
    "question_length": "most tokens of a question; longer ones are cut",
    "answer_length": "most tokens of an answer",
    "text.pretrained": "the checkpoint, by hub name or folder; `--weights` sets it",
    "text.vocab_size": "number of tokens; a tokenizer trained on the catalog sets it",
    "text.d_model": "width of all states",
    "text.d_kv": "width of an attention head",
    "text.d_ff": "width of a feed-forward network, and of an expert",
    "text.num_heads": "attention heads of a layer",
    "text.context_layers": "layers of the context encoder",
    "text.question_layers": "layers of the question encoder",
    "text.decoder_layers": "layers of the decoder",
    "text.feed_forward_proj": "T5's: `relu`, or `gated-gelu` as in Flan-T5",
    "text.dropout_rate": "dropout in all layers",
    "text.tie_word_embeddings": "whether the decoder's output matrix is that of the token embeddings",
    "text.width": "width of all states",
    "text.layers": "layers of the text encoder",
    "text.heads": "attention heads of a layer",
    "text.feed_forward": "width of a feed-forward network",
    "text.positions": "tokens that have a position embedding",
    "layers": "layers of the attention over patches and tokens together",
    "heads": "heads of the attention over patches and tokens together",
    "hidden": "width of the classifiers' hidden layer",
    "dropout_rate": "dropout of the attention over patches and tokens together",
    "k": "neighbours that vote",
    "image_weight": "the image's share of the similarity; the text has the rest",
    "text_width": "components that the TF-IDF vectors are reduced to",
    "ngrams": "most words of an n-gram",
    "min_products": "n-grams that occur in fewer products are left out",
    "max_features": "most n-grams; the most frequent ones are kept",
    "titles": "whether each product is shown a second time by its title alone; in a `committee` it is",
    "penalty": "C of scikit-learn's logistic regression, the inverse of the L2 penalty",
    "max_iterations": "most iterations of a regression",
    "tolerance": "a regression ends when an iteration changes no weight by more than this share of the largest",
}
#: What a checkpoint decides where `text.pretrained` names one.
OF_CHECKPOINT = {
    *("d_model", "d_kv", "d_ff", "num_heads", "context_layers", "question_layers", "decoder_layers"),
    *("feed_forward_proj", "tie_word_embeddings", "width", "layers", "heads", "feed_forward", "positions"),
    "vocab_size",
}
HEAD = """<!-- Written by docs/settings.py from the dataclasses: run `make settings` instead of editing. -->

# All settings

What `--set 'name=value, name=value'` takes, with the value that each `--size` gives it.
[Recipes and settings](recipes-and-settings.md) explains the more important ones. Lists and mappings are written as in
YAML. A model without experts has no `experts.*`. The members of a `committee` have their settings under their names:
`tf-idf.penalty=5`.
"""


def page() -> str:
    """The whole of docs/settings.md."""
    training = {name: kind for name, kind in _allowed("moemoe").items() if not _of_model(name)}
    tables = [HEAD, "## Training, of every model that is trained\n", _table("moemoe", training)]
    for recipe, heading in RECIPES.items():
        own = {name: kind for name, kind in _allowed(recipe).items() if _of_model(name)}
        tables += [f"## {heading}\n", _table(recipe, own)]
    return "\n".join(tables)


def _allowed(recipe: str) -> dict[str, type]:
    loaded = load_recipe(recipe)
    return allowed_settings(type(loaded.config), loaded.fitted)


def _of_model(name: str) -> bool:
    return name.split(".")[0] not in ("training", "tokenizer", "load_balancing_weight")


def _table(recipe: str, allowed: dict[str, type]) -> str:
    """One row a setting: its type, its value in each size, what the docstring of its dataclass says about it."""
    sizes = {size: load_recipe(recipe, size) for size in known_sizes()}
    rows = [f"| setting | type | {' | '.join(sizes)} | |", "| --- | --- |" + " --- |" * (len(sizes) + 1)]
    for name, kind in allowed.items():
        if name.startswith("experts.") and all(loaded.config.experts is None for loaded in sizes.values()):
            continue
        values = [_shown(_value(loaded, name)) for loaded in sizes.values()]
        shown = "" if kind is object else kind.__name__
        rows.append(f"| `{name}` | {shown} | {' | '.join(values)} | {_meaning(type(sizes['tiny'].config), name)} |")
    return "\n".join(rows) + "\n"


def _value(loaded: Any, name: str) -> Any:
    text = getattr(loaded.config, "text", None)
    group, _, own = name.partition(".")
    if group == "text" and own in OF_CHECKPOINT and text is not None and text.pretrained:
        return "its weights'"
    value: Any = loaded.config if _of_model(name) else loaded
    for part in name.split("."):
        value = getattr(value, part, None)
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value  # type: ignore[arg-type]


def _shown(value: Any) -> str:
    if value == "its weights'":
        return value
    value = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").strip()
    return f"`{text}`"


def _meaning(config_class: type, name: str) -> str:
    """The line about a field in the ``Args:`` of its dataclass, or of one that it inherits from."""
    parts = name.split(".")
    holder: Any = config_class
    if parts[0] == "training":
        holder, parts = Training, parts[1:]
    for part in parts[:-1]:
        hint = get_type_hints(holder)[part]
        holder = next(kind for kind in (hint, *get_args(hint)) if dataclasses.is_dataclass(kind))
    for each in inspect.getmro(holder):
        if (about := _arguments(each).get(parts[-1])) is not None:
            return about.removesuffix(".")
    return ABOUT.get(name, "")


def _arguments(config_class: type) -> dict[str, str]:
    """What the Google-style docstring of a class says about each of its arguments."""
    text = inspect.cleandoc(config_class.__doc__ or "")
    if "\nArgs:\n" not in text:
        return {}
    section = text.split("\nArgs:\n")[1].split("\n\n")[0]
    found: dict[str, str] = {}
    for names, about in re.findall(r"^    (\w[\w, ]*): (.+(?:\n {8,}.+)*)", section, re.MULTILINE):
        sentence = " ".join(about.split()).replace("``", "`").replace("|", "\\|")
        found |= dict.fromkeys(re.split(r",\s*", names), sentence)
    return found


if __name__ == "__main__":
    print(page(), end="")
