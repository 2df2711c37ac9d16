"""The command line of every flow: Metaflow's, with clearer messages.

- An error that the same step would meet again (a bad catalog, a bad parameter) is not retried by @retry.
- Ctrl-C and SIGTERM end the running tasks, and print how to continue.
- ``resume`` of a run that has finished says so, instead of copying it.
- A task in a cluster that has another code package than it was compiled with says so, instead of running it.
"""

import gc
import hashlib
import os
import shlex
import sys
import traceback
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

import user_errors
from metaflow import FlowSpec, Run, current, namespace
from metaflow.exception import METAFLOW_EXIT_DISALLOW_RETRY, MetaflowNotFound
from metaflow.util import get_latest_run_id
from warm_python import LIBRARIES, warm_tasks

#: Python's thresholds of garbage collection (``gc``) in a process of a flow. With the default (700, 10, 10) a task that
#: loads libraries searches all their objects dozens of times, a tenth of its work and more.
COLLECTED_AFTER = (50_000, 20, 20)
#: A shell's exit status of a process that a signal ended is this plus the signal's number.
BY_SIGNAL = 128
#: The advice if Metaflow's own folder cannot be written.
WHERE_ELSE = "Begin in a folder that you may write to, or name one in METAFLOW_DATASTORE_SYSROOT_LOCAL"
#: Metaflow's module that reads artifacts.
ARTIFACTS = os.path.join("datastore", "content_addressed_store.py")
#: The code package as a task in a cluster has downloaded it, and the variable with the SHA-1 that it was stored under.
PACKAGE, PACKAGE_SHA = Path("job.tar"), "METAFLOW_CODE_SHA"


def run_flow(flow: type[FlowSpec], one_task_at_a_time: bool = False, libraries: Iterable[str] = LIBRARIES) -> None:
    """Runs what the command line asks of a flow.

    Args:
        one_task_at_a_time: tasks of a foreach run one after the other, unless --max-workers says otherwise.
        libraries: what its tasks load; they are forks of one process that has loaded it (``warm_python``).
    """
    gc.set_threshold(*COLLECTED_AFTER)
    if os.environ.get("USER", "root") == "root":  # Metaflow runs neither as root nor without a user, as in cron
        os.environ.setdefault("USERNAME", "moemoe")
    os.environ.setdefault("METAFLOW_PYLINT", "0")  # the project's own checks are stricter, and its lines are noise
    if one_task_at_a_time:
        for command in ("RUN", "RESUME"):
            os.environ.setdefault(f"METAFLOW_{command}_MAX_WORKERS", "1")
    if {"init", "step"} & set(sys.argv):
        _check_package()
    if "resume" in sys.argv and (finished := _finished(flow, sys.argv)):
        print(f"run {finished} has finished: there is nothing to resume. `resume STEP` repeats its steps from STEP on")
        return
    runs_tasks = bool({"run", "resume"} & set(sys.argv))
    try:
        user_errors.notice_interrupts()
        if runs_tasks:
            user_errors.end_tasks_on_sigterm()
        with warm_tasks(libraries) if runs_tasks else nullcontext():
            flow()
    except SystemExit as end:
        if "step" in sys.argv and (lost := _lost_artifact(end.__context__)):
            print(lost, file=sys.stderr, flush=True)
        if runs_tasks and isinstance(end.__context__, OSError):
            print(f"Stopped: Metaflow cannot keep its runs: {end.__context__}. {WHERE_ELSE}", file=sys.stderr)
        if "step" in sys.argv and end.code and user_errors.is_lasting() and _would_be_retried(flow):
            sys.exit(METAFLOW_EXIT_DISALLOW_RETRY)
        if end.code and runs_tasks and (number := user_errors.interrupted_by()) is not None:
            print(f"interrupted; finished work is kept. Continue with: {resume_command()}", file=sys.stderr)
            sys.exit(BY_SIGNAL + number)
        raise


def _check_package() -> None:
    """Ends a task whose code package is not the one that it was compiled with, which Metaflow does not check."""
    wanted = os.environ.get(PACKAGE_SHA)
    if wanted is None or not PACKAGE.is_file():
        return
    found = hashlib.sha1(PACKAGE.read_bytes(), usedforsecurity=False).hexdigest()
    if found != wanted:
        sys.exit(
            f"the code package at {os.environ.get('METAFLOW_CODE_URL', PACKAGE)} has the SHA-1 {found}; this task was "
            f"compiled with {wanted}. Deploy the flow again (make deploy-argo)"
        )


def _lost_artifact(error: BaseException | None) -> str | None:
    """A sentence if a task could not read an earlier task's artifact, on which Metaflow raises TypeError; else None."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)] if isinstance(error, TypeError) else []
    if not frames or not frames[-1].f_code.co_filename.endswith(ARTIFACTS):
        return None
    return (
        f"Stopped: the artifact {frames[-1].f_locals.get('path_key')} of an earlier task is lost: the datastore no "
        "longer has it. No resume brings it back; begin a new run"
    )


def resume_command() -> str:
    """The command that continues the latest run of this flow."""
    return shlex.join(["python", sys.argv[0], "resume"])


def _finished(flow: type[FlowSpec], arguments: list[str]) -> str | None:
    """The run that a bare ``resume`` would continue, if it has finished; else None.

    Raises:
        SystemExit: there is no such run, on which Metaflow raises an UnboundLocalError.
    """
    rest = arguments[arguments.index("resume") + 1 :]
    if "--help" in rest:
        return None
    origin, named_step = None, False
    while rest:
        option, _, value = rest.pop(0).partition("=")
        if not option.startswith("-"):
            named_step = True  # it runs again even in a finished run
            continue
        value = value or (rest.pop(0) if rest and not rest[0].startswith("-") else "")
        if option == "--origin-run-id":
            origin = value
    origin = origin or get_latest_run_id(lambda *_, **__: None, flow.__name__)
    if origin is None:
        return None
    namespace(None)
    try:
        is_over = Run(f"{flow.__name__}/{origin}").successful
    except MetaflowNotFound:
        if any(word.startswith("--metadata") for word in arguments):  # the run may be known to another service
            return None
        sys.exit(f"{flow.__name__} has no run {origin}: there is nothing to resume")
    return origin if is_over and not named_step else None


def _would_be_retried(flow: type[FlowSpec]) -> bool:
    """Whether the step that has failed has retries left, and is not caught (@catch), which waits for the last one."""
    decorators = {each.name: each for each in getattr(getattr(flow, current.step_name), "decorators", ())}
    retry = decorators.get("retry")
    return retry is not None and "catch" not in decorators and current.retry_count < int(retry.attributes["times"])
