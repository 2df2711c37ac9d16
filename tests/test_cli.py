"""The ``moemoe`` command: its help, its errors, and that a mistake is reported before anything large is imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from moemoe import __version__, cli
from moemoe.errors import ConfigError
from tests.support.warm_python import warm_python

PROJECT = Path(__file__).parents[1]
LARGE = {"torch", "transformers", "timm", "mlflow", "metaflow", "great_expectations", "pandas", "scipy"}


def imported_by(*arguments: str) -> tuple[set[str], int, str]:
    """The top-level packages that a command line imports, its exit code and what it says on stderr."""
    code = (
        "import json, sys\nfrom moemoe.cli import main\ncode = 0\n"
        f"try: code = main({list(arguments)!r})\n"
        "except SystemExit as end:\n"
        "    code = end.code if isinstance(end.code, int) else 1\n"
        "    print(end.code, file=sys.stderr)\n"
        "print(json.dumps([sorted({name.partition('.')[0] for name in sys.modules}), code]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True)
    names, code = json.loads(done.stdout.splitlines()[-1])
    return set(names), code, done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--help"], 0, ""),
        (["train", "--help"], 0, ""),
        (["thresholds", "--help"], 0, ""),
        (["proflie"], 2, "moemoe: unknown command 'proflie'; did you mean 'profile'"),
        (["train", "shards", "--sise", "tiny"], 2, "moemoe: unknown option '--sise'; did you mean '--size'"),
        (["train", "shards"], 2, "required: --output; see moemoe train --help"),
    ],
)
def test_a_command_line_is_read_without_large_packages(arguments, code, message):
    names, ended, said = imported_by(*arguments)
    assert ended == code
    assert message in said
    assert sorted(names & {*LARGE, "pyarrow", "numpy"}) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--model", "moemo"], "moemoe: unknown model 'moemo'; did you mean 'moemoe'"),
        (["--size", "tinny"], "moemoe: unknown size 'tinny'; did you mean 'tiny'"),
    ],
)
def test_a_name_is_checked_without_torch(given, message):
    names, code, said = imported_by("train", "shards", "--output", "out", *given)
    assert code == 1
    assert message in said
    assert sorted(names & LARGE) == []


def test_help_has_one_line_for_every_command(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    for name, command in cli.COMMANDS.items():
        assert sum(line.split() == [name, *command.about.split()] for line in lines) == 1


def test_the_version_is_the_packages(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"moemoe {__version__}\n"


@pytest.mark.parametrize("module", ["moemoe", "moemoe.labels.drift", "moemoe.training"])
def test_python_m_is_the_same_command(module):
    done = subprocess.run([warm_python(), "-m", module, "--help"], capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: moemoe")


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_commands_module_can_be_run_alone(name):
    text = (PROJECT / f"{cli.COMMANDS[name].module.replace('.', '/')}.py").read_text()
    assert "def command(chosen: argparse.Namespace) -> " in text
    assert f'if __name__ == "__main__":\n    sys.exit(main(["{name}", *sys.argv[1:]]))' in text


class TestErrors:
    @pytest.fixture
    def failing(self, monkeypatch):
        """Makes ``moemoe drift`` end with an error."""
        from moemoe.labels import drift

        def fail_with(error: BaseException) -> None:
            def command(chosen):
                raise error

            monkeypatch.setattr(drift, "command", command)

        return fail_with

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (ConfigError("the contract is empty"), "moemoe: the contract is empty"),
            (ConfigError("http://user:secret@host refuses"), r"moemoe: http://user:\*\*\*@host refuses"),
            (PermissionError(13, "Permission denied", "/shop/x"), "moemoe: /shop/x: Permission denied"),
        ],
    )
    def test_an_error_that_can_be_fixed_is_one_sentence(self, failing, error, said):
        failing(error)
        with pytest.raises(SystemExit, match=f"^{said}$"):
            cli.main(["drift", "a", "b"])

    def test_a_fault_of_the_program_keeps_its_traceback(self, failing):
        failing(KeyError("x"))
        with pytest.raises(KeyError):
            cli.main(["drift", "a", "b"])

    def test_an_interrupt_is_said(self, failing, capsys):
        failing(KeyboardInterrupt())
        assert cli.main(["drift", "a", "b"]) == cli.INTERRUPTED
        assert capsys.readouterr().err == "moemoe: interrupted\n"
