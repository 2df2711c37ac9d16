"""The names of a model's sources: which of a product's images, which of its texts.

``image`` is the product's first image, ``image.2`` its second one, and so on. ``text`` is its whole text;
``text.title``, ``text.bullets`` and ``text.description`` are parts of it, and ``text.title+bullets`` is two parts in
one source. The word before the dot is the source's kind; sources of one kind share an encoder.
"""

from collections.abc import Iterable, Sequence

from moemoe.errors import ConfigError

IMAGE, TEXT = "image", "text"
#: The parts of a product's text, in their order.
PARTS = ("title", "bullets", "description")
#: The most images of a product that a model reads, and that a converted catalog keeps.
MOST_IMAGES = 16
ALLOWED = (
    f"allowed are image, image.2, ... image.{MOST_IMAGES} and text, or its parts: "
    f"{', '.join(f'text.{part}' for part in PARTS)}, or several as text.title+bullets"
)
#: The meaning of a repeated plain ``text``, by its number: the whole text divided into that many parts.
_SEVERAL_TEXTS = {2: ("text.title+bullets", "text.description"), 3: tuple(f"text.{part}" for part in PARTS)}


def named_sources(given: Iterable[str]) -> tuple[str, ...]:
    """The names of a recipe's sources, with repeated names made distinct.

    A repeated ``image`` means ``image``, ``image.2``, ``image.3`` ...; two ``text`` mean title and bullet points, and
    the description; three mean each part alone.

    Raises:
        ConfigError: the list is empty, or has an unknown name, a name twice, or a gap in its images.
    """
    sources = list(given)
    several = sources.count(TEXT)
    texts = iter(_SEVERAL_TEXTS.get(several, (TEXT,) * several))
    if sources.count(IMAGE) > 1:
        images = iter([IMAGE, *(f"{IMAGE}.{number}" for number in range(2, sources.count(IMAGE) + 1))])
    else:
        images = iter([IMAGE])
    named = [next(images) if name == IMAGE else next(texts) if name == TEXT else name for name in sources]
    if not named:
        raise ConfigError(f"sources are []; {ALLOWED}")
    for name in named:
        _check(name)
        if named.count(name) > 1:
            raise ConfigError(f"sources are {sources}: {name} is listed twice; list each source once")
    numbers = sorted(image_index(name) for name in named if kind_of(name) == IMAGE)
    if numbers != list(range(len(numbers))):
        missing = image_name(next(i for i, number in enumerate(numbers) if number != i))
        last = image_name(numbers[-1])
        raise ConfigError(f"sources are {sources}: {last} without {missing}; number images from the first on")
    return tuple(named)


def _check(name: str) -> None:
    kind, dot, rest = str(name).partition(".")
    if kind == IMAGE:
        known = not dot or (rest.isdecimal() and rest == str(int(rest)) and 2 <= int(rest) <= MOST_IMAGES)
    else:
        parts = rest.split("+")
        known = kind == TEXT and (not dot or parts == [part for part in PARTS if part in parts])
    if not known:
        raise ConfigError(f"source {name!r} is unknown; {ALLOWED}")


def kind_of(name: str) -> str:
    """``image`` or ``text``."""
    return name.partition(".")[0]


def kinds_of(sources: Iterable[str]) -> tuple[str, ...]:
    """The kind of each source."""
    return tuple(map(kind_of, sources))


def image_name(index: int) -> str:
    """The source that is a product's image at ``index``, counted from 0."""
    return IMAGE if index == 0 else f"{IMAGE}.{index + 1}"


def image_index(name: str) -> int:
    """Which of a product's images a source is, counted from 0."""
    return int(name.partition(".")[2] or 1) - 1


def images_read(sources: Iterable[str]) -> int:
    """How many images of a product a model with these sources reads."""
    return kinds_of(sources).count(IMAGE)


def text_parts(name: str) -> Sequence[str]:
    """Which of PARTS a text source consists of."""
    rest = name.partition(".")[2]
    return rest.split("+") if rest else PARTS


def reads_title(sources: Iterable[str]) -> bool:
    """Whether a text source has the title."""
    return any("title" in text_parts(name) for name in sources if kind_of(name) == TEXT)
