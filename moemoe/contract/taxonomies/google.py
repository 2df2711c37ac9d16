"""Google's product taxonomy: categories with ids, no attributes. https://www.google.com/basepages/producttype/"""

import re
from pathlib import Path

from moemoe.contract.taxonomies.files import choose_file, read_text
from moemoe.contract.taxonomies.taxonomy import ARROW, Category, Taxonomy
from moemoe.contract.text import normalize_text
from moemoe.errors import ConfigError

FORM = "Google's taxonomy-with-ids.en-US.txt, lines such as '1604 - Apparel & Accessories > Clothing'"

_LINE = re.compile(r"(\d+) - (\S.*)")
_VERSION = re.compile(r"# Google_Product_Taxonomy_Version: (\S+)")


def read_google(path: Path) -> Taxonomy:
    """Reads the text file, or the one in a folder.

    Raises:
        ConfigError: it is not such a file, or is incomplete.
    """
    file = choose_file(path, ("taxonomy-with-ids*.txt",), FORM)
    text = read_text(file)
    lines = text.splitlines()
    version = _VERSION.match(lines[0]) if lines else None
    categories, known = [], set()
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line.rstrip())
        names = tuple(name.strip() for name in found[2].split(ARROW.strip())) if found else ()
        if not found or not all(map(normalize_text, names)):
            raise ConfigError(f"{file}:{number}: {line[:80]!r} is not a category; expected: {FORM}")
        if len(names) > 1 and names[:-1] not in known:
            raise ConfigError(f"{file}:{number}: {ARROW.join(names[:-1])!r} has no line above; is the file complete?")
        known.add(names)
        categories.append(Category(found[1], names, code=found[1]))
    if not categories:
        raise ConfigError(f"{file} names no category; expected: {FORM}")
    if not text.endswith("\n"):
        raise ConfigError(f"{file} ends within its last line, {lines[-1][:80]!r}: it was cut short; fetch it again")
    return Taxonomy(f"Google's product taxonomy {version[1] if version else 'without a version'}", categories)
