"""A product's texts as model input."""

from moemoe.catalog.context import plain_text


def test_what_was_escaped_twice_is_resolved_twice():
    """As in a feed's title that was saved in a plain table."""
    assert plain_text("Tom &amp;amp; Co &amp;lt;b&amp;gt;soft&amp;lt;/b&amp;gt; &lt;5") == "Tom & Co soft <5"
