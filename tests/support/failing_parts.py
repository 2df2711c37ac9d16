"""Failing parts of the GPU benchmark; run as a program it prints the runner's result for each.

It is a process of its own, as the benchmark's is: a fork server that pytest starts would outlive what it works in.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support import part_runner


def endless(box: object) -> Iterator[part_runner.Figures]:
    """Measures until it is ended."""
    yield {"first": 1}
    while True:
        yield {"more": 2}


def dies(box: object) -> Iterator[part_runner.Figures]:
    """As of a crash in a library."""
    yield {"first": 1}
    os._exit(3)


def raises(box: object) -> Iterator[part_runner.Figures]:
    """An error of two lines."""
    yield {"first": 1}
    raise ValueError("no such\nthing")


def main() -> None:
    """Runs each; the last is killed as soon as it has begun."""
    part_runner.start_server([part_runner.__name__])
    with tempfile.TemporaryDirectory() as folder:
        run = {"endless": (endless, 0.0), "dies": (dies, 60.0), "raises": (raises, 60.0)}
        found = {
            name: part_runner.run_part(part, None, seconds, Path(folder) / name)
            for name, (part, seconds) in run.items()
        }
        part_runner.GRACE = 0.0
        found["hangs"] = part_runner.run_part(endless, None, 0.0, Path(folder) / "hangs")
    print(json.dumps(found))


if __name__ == "__main__":
    sys.exit(main())
