"""README and the pages of docs/ and infra/: their code blocks, and the commands in them."""

import re
import shlex
from pathlib import Path

PROJECT = Path(__file__).parents[2]
DOCS = sorted((PROJECT / "docs").glob("*.md"))
PAGES = [*sorted(PROJECT.glob("*.md")), *DOCS, *sorted((PROJECT / "infra").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The texts of a page's code blocks in a language."""
    return [text for given, text in FENCE.findall(page.read_text()) if given == language]


def command_lines(page: Path) -> list[list[str]]:
    """The words of every command in the shell blocks of a page, and of every ``moemoe ...`` within a sentence."""
    found = []
    for block in blocks(page, "sh"):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            if line.startswith(("moemoe ", "python ", "make ")):
                found.append(shlex.split(line, comments=True))
    prose = FENCE.sub("", page.read_text())
    return found + [shlex.split(text) for text in re.findall(r"`((?:moemoe|make) [a-z-][^`]*)`", prose)]
