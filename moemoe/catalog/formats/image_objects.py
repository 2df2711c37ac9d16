"""Images given as objects, as in the APIs of shops."""

import re
from collections.abc import Mapping
from typing import Any

#: Other names for an image's path.
PATHS = ("url", "src", "image_url", "uri", "contentUrl", "MIME_SOURCE", "mime_source")
#: Names of an image's smaller copies, and of the largest.
SMALL = re.compile("thumb|small|vorschau|miniatur", re.IGNORECASE)
_LARGE = re.compile("orig|full|large|big|zoom|hi_?res|max", re.IGNORECASE)
FILE = re.compile(r".*\S\.(?:jpe?g|png|webp|gif|bmp|tiff?|avif)(?:[?#]\S*)?", re.IGNORECASE)
LINK = re.compile(r"(?:https?:)?//\S+", re.IGNORECASE)


def is_image(value: Any) -> bool:
    """Whether an object is one image: it has a path or bytes."""
    return isinstance(value, dict) and bool(value.keys() & {"bytes", "path", *PATHS})


def with_path(given: Mapping[str, Any]) -> dict[str, Any]:
    """An image with its path under our name, whatever name a shop's API gives it."""
    name = next((name for name in PATHS if name in given), None)
    return {**given, "path": given[name]} if name and not given.keys() & {"bytes", "path"} else dict(given)


def named_images(given: Mapping[str, Any]) -> list[Any]:
    """The images of an object with named images: ``{"main": "a.jpg", "others": ["b.jpg"]}``.

    Small copies are left out if there are others. Empty if the object has anything else.
    """
    parts = {str(name): part for name, part in given.items() if not isinstance(part, (str, list)) or part}
    others = {name: part for name, part in parts.items() if not SMALL.search(name)} or parts
    found = [one for part in others.values() for one in (part if isinstance(part, list) else [part]) if one is not None]
    return found if all(is_image(one) or _is_path(one) for one in found) else []


def largest(given: Mapping[str, Any]) -> Any:
    """The largest image of an object with several sizes (``{"large": "a.jpg", "thumb": "b.jpg"}``); else None."""
    found = named_images(given)
    large = {name: part for name, part in given.items() if _LARGE.search(str(name))} if found else {}
    return next(iter(named_images(large) or found), None)


def _is_path(one: Any) -> bool:
    return isinstance(one, str) and (LINK.fullmatch(one) or FILE.fullmatch(one)) is not None
