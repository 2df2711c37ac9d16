"""README and docs/: links lead somewhere, commands and their options exist, the generated page is fresh."""

import functools
import re
import runpy
import subprocess
from pathlib import Path

import pytest
import yaml

from moemoe import cli
from moemoe.recipes import known_recipes, load_recipe
from moemoe.recipes.settings import SEPARATOR, allowed_settings
from moemoe.run_folder import RunFolder
from moemoe.sources import MOST_IMAGES, PARTS, image_name
from tests.support.pages import DOCS, FENCE, PAGES, PROJECT, blocks, command_lines
from tests.support.warm_python import warm_python

README = PROJECT / "README.md"
named = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@named
def test_every_link_leads_somewhere(page):
    text = FENCE.sub("", page.read_text())
    for link in re.findall(r"\]\(\s*([^)\s]+)\s*\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_readme_is_an_entrance_that_leads_to_every_page():
    lines = README.read_text().splitlines()
    assert len(lines) <= 150
    linked = set(re.findall(r"\(docs/([\w-]+\.md)\)", README.read_text()))
    assert linked == {page.name for page in DOCS} - {"index.md"}


def test_readmes_result_is_what_stands_in_the_results_log():
    result = README.read_text().split("\n## A real result\n")[1].split("\n## ")[0]
    log = (PROJECT / "tests" / "benchmarks" / "RESULTS.md").read_text()
    today = log.split("\n## What stands today")[1].split("\n## ")[0]
    result, today = (" ".join(text.replace("**", "").split()) for text in (result, today))
    numbers = re.findall(r"[+-]?\d+\.\d(?: ?\[[^]]+\])?|\d+ of \d+ cells|\d+ minutes", result)
    assert len(numbers) > 10
    assert [number for number in numbers if number not in today] == []


def test_the_site_has_every_page():
    site = yaml.safe_load((PROJECT / "mkdocs.yml").read_text())
    assert sorted(path for entry in site["nav"] for path in entry.values()) == [page.name for page in DOCS]


def test_all_settings_is_what_the_dataclasses_say():
    page = runpy.run_path(str(PROJECT / "docs" / "settings.py"))["page"]()
    assert page == (PROJECT / "docs" / "settings.md").read_text(), "stale: run `make settings`"
    without_meaning = [row for row in page.splitlines() if row.startswith("| `") and row.endswith(" |  |")]
    assert without_meaning == [], "a line in the docstring's Args, or in ABOUT of docs/settings.py, is missing"


def test_run_folder_lists_every_file():
    listed = re.findall(r"^\| `(\w+)`", (PROJECT / "docs" / "run-folder.md").read_text(), re.MULTILINE)
    assert listed
    assert [name for name in listed if not hasattr(RunFolder, name)] == []


LINES = [(page, words) for page in PAGES for words in command_lines(page)]
MOEMOE = [(page, words[1:]) for page, words in LINES if words[0] == "moemoe"]
FLOWS = [(page, words[1:]) for page, words in LINES if words[0] == "python" and words[1].startswith("flows/")]


@pytest.mark.parametrize(("page", "words"), MOEMOE, ids=lambda given: getattr(given, "name", None))
def test_a_moemoe_command_of_the_pages_is_one(page, words):
    if words[0] in ("COMMAND", "--help"):
        return
    assert words[0] in cli.COMMANDS
    parser = cli._parser_of(words[0])
    assert {word for word in words if word.startswith("-")} <= set(parser._option_string_actions)  # no abbreviations
    if len(words) > 1:  # else its name in a sentence
        parser.parse_args(words[1:])


def test_the_pages_name_every_moemoe_command():
    assert {words[0] for page, words in MOEMOE if page.name == "command-line.md"} >= set(cli.COMMANDS)


@functools.cache
def options_of(flow: str, command: str) -> set[str]:
    """The options that the help of a flow's command names."""
    line = [warm_python(), str(PROJECT / flow), command, "--help"]
    shown = subprocess.run(line, capture_output=True, text=True, cwd=PROJECT, check=True)
    return set(re.findall(r"--[a-z][\w-]*", shown.stdout))


@pytest.mark.parametrize("flow", ["train_flow", "compare_flow", "backfill_flow"])
def test_options_of_a_flow_in_the_pages_exist_and_all_are_listed(flow):
    used = [words[1:] for _, words in FLOWS if words[0] == f"flows/{flow}.py"]
    runs = [words for words in used if words[0] == "run"]
    assert runs
    assert {words[0] for words in used} <= {"run", "resume", "card"}
    known = options_of(f"flows/{flow}.py", "run")
    for words in runs:
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known, words
    named = re.findall(r"`(--[a-z-]+)`", (PROJECT / "docs" / "command-line.md").read_text())
    source = "".join((PROJECT / "flows" / name).read_text() for name in (f"{flow}.py", "base_flow.py"))
    parameters = {f"--{name}" for name in re.findall(r'Parameter\(\s*"([\w-]+)"', source)}
    assert parameters
    assert parameters - set(named) == set()


def test_a_setting_of_the_pages_exists():
    loaded = [load_recipe(name) for name in known_recipes() if name != "committee"]
    known = set().union(*(allowed_settings(type(recipe.config), recipe.fitted) for recipe in loaded))
    known |= {f"{recipe.name}.{name}" for recipe in loaded for name in allowed_settings(type(recipe.config))}
    given = []
    for page in PAGES:
        text = page.read_text()
        given += re.findall(r"--set\s+'([^']+)'", text) + re.findall(r"--set\s+([\w.]+=\S+?)`", text)
        given += re.findall(r"`((?:training|experts|image|text)\.[\w.]+)[`=]", text)
    names = {part.partition("=")[0].strip() for each in given for part in SEPARATOR.split(each)} - {"name"}
    assert len(names) > 15
    sources = {*(f"text.{part}" for part in PARTS), *(image_name(index) for index in range(MOST_IMAGES))}
    assert names - known - sources == set()


def test_targets_of_make_in_the_pages_exist():
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    used = {word for _, words in LINES if words[0] == "make" for word in words[1:] if re.fullmatch("[a-z-]+", word)}
    assert {"demo", "ui", "settings"} <= used
    assert used <= targets


@named
def test_python_of_the_pages_compiles(page):
    for block in blocks(page, "python"):
        compile(block, str(page), "exec")
