"""Runs one part of the GPU benchmark in its own process: an error, crash or time-out ends only that part.

A CUDA error leaves its process useless, and memory that an allocator holds is only surely free when its process has
ended. Processes come from multiprocessing's fork server, which has imported what all of them need, and no GPU.
"""

import importlib
import json
import multiprocessing
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from moemoe.atomic_files import replacing

DONE, CUT, FAILED = "done", "cut short", "failed"
#: Seconds that a part gets beyond its limit, to come to the end of the measurement that it is in.
GRACE = 10.0

Figures = dict[str, Any]
#: A part yields each figure, by name, as soon as it is measured.
Part = Callable[[Any], Iterator[Figures]]


def start_server(preloaded: Sequence[str]) -> None:
    """Names the modules that the server imports for all parts; before the first part runs."""
    multiprocessing.set_forkserver_preload(list(preloaded))


def measure(module: str, box: Any) -> Iterator[Figures]:
    """The part that ``module`` holds; only its own process imports it."""
    yield from importlib.import_module(module).measure(box)


def run_part(part: Part, box: Any, seconds: float, path: Path) -> Figures:
    """Runs ``part(box)`` for at most about ``seconds``.

    Args:
        part: a function of a module, or a partial of one.
        box: what it is given; pickled.
        path: where its process keeps what it has measured so far.

    Returns:
        ``status`` (DONE, CUT or FAILED), ``seconds``, ``error`` (of FAILED, one line), ``note`` (of CUT) and
        ``figures``, those that were measured.
    """
    start = time.monotonic()
    process = multiprocessing.get_context("forkserver").Process(target=_work, args=(part, box, seconds, path))
    process.start()
    process.join(seconds + GRACE)
    late = process.is_alive()
    if late:
        process.kill()
        process.join()
    found = _read(path)
    if late:
        found |= {"status": CUT, "note": f"ended after its {seconds:.0f} s and {GRACE:.0f} s more"}
    elif "status" not in found:
        found |= {"status": FAILED, "error": f"its process ended with exit code {process.exitcode}"}
    return {**found, "seconds": round(time.monotonic() - start, 1)}


def _work(part: Part, box: Any, seconds: float, path: Path) -> None:
    """What the process does."""
    start = time.monotonic()
    found: Figures = {"figures": {}}
    try:
        for figures in part(box):
            found["figures"] |= figures
            _write(path, found)
            if time.monotonic() - start > seconds:
                found |= {"status": CUT, "note": f"ended after its {seconds:.0f} s"}
                break
        else:
            found["status"] = DONE
    except Exception as error:
        traceback.print_exc()
        last = traceback.extract_tb(error.__traceback__)[-1]
        said = " ".join(traceback.format_exception_only(error)[-1].split())
        found |= {"status": FAILED, "error": f"{said} ({Path(last.filename).name}, line {last.lineno})"}
    _write(path, found)


def _write(path: Path, found: Figures) -> None:
    with replacing(path) as temporary:
        Path(temporary).write_text(json.dumps(found))


def _read(path: Path) -> Figures:
    return json.loads(path.read_text()) if path.is_file() else {"figures": {}}
