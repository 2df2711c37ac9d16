"""Installing with uv from pip's configured indexes, and with pip if uv cannot: a real environment, real wheels."""

import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.install import pip_options, uv_environment, uv_flags
from tests.infra.conftest import HERE

BIN = Path(sys.executable).parent


def make_wheel(folder: Path, name: str, version: str) -> None:
    """A wheel of one module that says its version."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """The Python of a fresh environment that has pip, and sees uv where the tests have it."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    [site] = folder.glob("lib/*/site-packages")
    found = find_spec("uv")
    assert found is not None, "uv is not installed: pip install -c constraints.txt uv"
    assert found.origin is not None
    (site / "uv").symlink_to(Path(found.origin).parent)
    (folder / "bin" / "uv").symlink_to(BIN / "uv")
    return folder / "bin" / "python"


def install(python: Path, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    command = [python, HERE / "infra" / "install.py", *arguments]
    return subprocess.run(command, env={**clean, **variables}, capture_output=True, text=True)


def version(python: Path, name: str) -> str:
    asked = [python, "-c", f"import {name}; print({name}.VERSION)"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def compiled(python: Path, name: str) -> bool:
    return any(python.parent.parent.glob(f"lib/*/site-packages/__pycache__/{name}.*.pyc"))


def test_wheels_come_from_the_folder_that_pip_is_told_of(python, tmp_path):
    make_wheel(tmp_path / "wheels", "drawer", "1.0")
    # Longer than 1.0: Python takes a module of the same second and size for the one that it has compiled.
    make_wheel(tmp_path / "others", "drawer", "2.0.1")
    pinned = tmp_path / "constraints.txt"
    pinned.write_text("drawer==1.0\n")
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\nno-index = true\nfind-links =\n  {tmp_path / 'wheels'}\n  {tmp_path / 'others'}\n")
    done = install(python, "-c", pinned, "drawer", PIP_CONFIG_FILE=str(config))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not compiled(python, "drawer")  # 25,000 modules take longer than all else, and a run imports a quarter
    assert version(python, "drawer") == "1.0"
    assert compiled(python, "drawer")
    assert install(python, "drawer>=2", PIP_CONFIG_FILE=str(config)).returncode == 0
    assert version(python, "drawer") == "2.0.1"


def test_where_python_keeps_nothing_that_it_compiles_all_is_compiled(python, tmp_path):
    make_wheel(tmp_path, "shelf", "1.0")
    options = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
    assert install(python, "shelf", **options, PYTHONDONTWRITEBYTECODE="1").returncode == 0
    assert compiled(python, "shelf")


def test_pip_does_what_uv_cannot(python, tmp_path):
    make_wheel(tmp_path / "wheels", "cupboard", "1.0")
    options = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels"), "PIP_CONFIG_FILE": os.devnull}
    done = install(python, "cupboard", **options, UV_FIND_LINKS=str(tmp_path / "nowhere"))
    assert done.returncode == 0
    assert "uv could not install this (above); pip does it now" in done.stderr
    assert version(python, "cupboard") == "1.0"


def test_what_neither_finds_is_an_error(python, tmp_path):
    (tmp_path / "wheels").mkdir()
    options = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels"), "PIP_CONFIG_FILE": os.devnull}
    done = install(python, "wardrobe", **options)
    assert done.returncode == 1
    assert "No matching distribution found for wardrobe" in done.stderr


def test_a_later_section_of_pips_configuration_wins():
    lines = [
        ":env:.index-url='https://mirror/simple'",
        "global.index-url='https://old/simple'",
        "install.trusted-host='mirror\\nother'",
        "global.timeout='60'",
        "freeze.all='true'",
        "no such line",
    ]
    options = pip_options(lines)
    assert options == {"index-url": "https://mirror/simple", "trusted-host": "mirror\nother", "timeout": "60"}
    assert uv_flags(options) == ["--allow-insecure-host", "mirror", "--allow-insecure-host", "other"]
    expected = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_DEFAULT_INDEX": "https://mirror/simple"}
    assert uv_environment(options) == expected


@pytest.mark.parametrize("off", ["", "0", "false", "no"])
def test_an_index_that_is_not_refused(off):
    assert uv_flags({"no-index": off}) == []


@given(
    st.dictionaries(st.sampled_from(["extra-index-url", "find-links"]), st.lists(st.sampled_from("abc"), max_size=3))
)
def test_every_place_is_handed_on(places):
    variables = uv_environment({name: "\n".join(values) for name, values in places.items()})
    assert variables.get("UV_INDEX", "").split() == places.get("extra-index-url", [])
    assert [x for x in variables.get("UV_FIND_LINKS", "").split(",") if x] == places.get("find-links", [])
