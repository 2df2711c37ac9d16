"""Trials of the GPU benchmark, one after the other: ``python -m tests.support.gpu_trials COMMAND_LINES``.

Each is what ``python -m tests.benchmarks.gpu`` does, but all have one process and one fork server, which take many
seconds to start; the server has ``gpu_watch``. COMMAND_LINES is JSON; the last line printed is JSON of the exit codes.
"""

import json
import runpy
import sys
from unittest import mock

from tests.support import part_runner


def trial(command_line: list[str]) -> object:
    """Its exit code."""
    with mock.patch.object(sys, "argv", ["gpu", *command_line]):
        try:
            runpy.run_module("tests.benchmarks.gpu", run_name="__main__")
        except SystemExit as end:
            return end.code
    return "it did not exit"


def main(command_lines: str) -> None:
    """The fork server is started by the first of them, with the modules that this one names."""
    serve = part_runner.start_server
    with mock.patch.object(part_runner, "start_server", lambda names: serve(["tests.support.gpu_watch", *names])):
        print(json.dumps([trial(command_line) for command_line in json.loads(command_lines)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
