import pytest

from moemoe.errors import ConfigError
from moemoe.sources import image_index, images_read, kinds_of, named_sources, reads_title, text_parts


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["image", "text"], ("image", "text")),
        (["text"], ("text",)),
        (["image", "image", "text"], ("image", "image.2", "text")),
        (["image", "text", "image", "image"], ("image", "text", "image.2", "image.3")),
        (["image", "image", "text", "text"], ("image", "image.2", "text.title+bullets", "text.description")),
        (["text", "text", "text"], ("text.title", "text.bullets", "text.description")),
        (["image.2", "image", "text.title"], ("image.2", "image", "text.title")),
    ],
)
def test_sources_have_names(given, named):
    assert named_sources(given) == named
    assert named_sources(named) == named


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], r"sources are \[\]; allowed are image, image.2, ... image.16 and text, or its parts: text.title, "),
        (["sound"], "source 'sound' is unknown; allowed are image, image.2, "),
        (["image", "image.1"], "source 'image.1' is unknown"),
        (["image", "image.02"], "source 'image.02' is unknown"),
        (["image", "image.17"], "source 'image.17' is unknown"),
        (["image", "image.two"], "source 'image.two' is unknown"),
        (["image.title"], "source 'image.title' is unknown"),
        (["text.brand"], "source 'text.brand' is unknown"),
        (["text."], "source 'text.' is unknown"),
        (["text.bullets+title"], "source 'text.bullets\\+title' is unknown"),
        ([None], "source None is unknown"),
        ([2], "source 2 is unknown"),
        (["text.title", "text.title"], "text.title is listed twice; list each source once"),
        (["image", "image", "image.2"], "image.2 is listed twice"),
        (["text"] * 4, "text is listed twice"),
        (["image.2", "text"], "image.2 without image; number images from the first on"),
        (["image", "image.3"], "image.3 without image.2"),
        (["image"] * 17, "source 'image.17' is unknown"),
    ],
)
def test_sources_that_cannot_be(given, message):
    with pytest.raises(ConfigError, match=message):
        named_sources(given)


def test_what_a_name_says():
    sources = named_sources(["image", "image", "text.title", "text.bullets+description"])
    assert kinds_of(sources) == ("image", "image", "text", "text")
    assert [image_index(name) for name in sources[:2]] == [0, 1]
    assert images_read(sources) == 2
    assert [list(text_parts(name)) for name in (*sources[2:], "text")] == [
        ["title"], ["bullets", "description"], ["title", "bullets", "description"],
    ]  # fmt: skip
    assert reads_title(sources)
    assert not reads_title(["image", "text.description"])
