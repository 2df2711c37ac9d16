"""Ends a step without a traceback on an error that the user can fix."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from metaflow.exception import METAFLOW_EXIT_DISALLOW_RETRY, MetaflowException

from moemoe.errors import MoEMoEError, StorageError, TerminatedError, first_line
from moemoe.redaction import redacted

#: HTTP statuses of a server that may answer another time: it timed out, or had too many requests.
ANOTHER_TIME = (408, 429)

#: The library's errors that another attempt may not meet.
PASSING = (StorageError, TerminatedError)

_happened = {"lasting": False, "terminated": False}
_interrupted_by: list[signal.Signals] = []


class UserError(MetaflowException):
    """An error that the user can fix; Metaflow shows its text only."""

    headline = "Stopped"


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turns the library's own errors, a full disk and an MLflow that fails into UserError."""
    try:
        yield
    except Exception as error:
        if (said := _plainly(error)) is None:
            raise
        # storage and networks may work a minute later, a catalog or a parameter stays wrong
        _happened["lasting"] = isinstance(error, MoEMoEError) and not isinstance(error, PASSING)
        _happened["terminated"] = isinstance(error, TerminatedError)
        # Metaflow takes asterisks for marks of bold print
        raise UserError(redacted(said).replace("*", "\u2217")) from None


@contextmanager
def not_caught_if_terminated() -> Iterator[None]:
    """Ends a task whose training received SIGTERM as failed: @catch would take that for an error of the system."""
    try:
        yield
    except UserError as error:
        if not _happened["terminated"]:
            raise
        print(error.message, file=sys.stderr, flush=True)
        # any other status makes Metaflow start the task again for @catch
        sys.exit(METAFLOW_EXIT_DISALLOW_RETRY)


def is_lasting() -> bool:
    """Whether this process stopped for an error that another attempt would meet again."""
    return _happened["lasting"]


def notice_interrupts() -> None:
    """Records Ctrl-C, on which Metaflow and click only print "Aborted!"."""

    def handler(number: int, frame: Any) -> None:
        _interrupted_by.append(signal.Signals(number))
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, handler)


def end_tasks_on_sigterm() -> None:
    """Makes SIGTERM end this process and its tasks, as Ctrl-C does.

    Ctrl-C reaches a whole process group, but SIGTERM (of ``kill``, ``timeout``, a service manager) may reach this
    process only. Its tasks would go on, and train beside those of a resume.
    """

    def handler(number: int, frame: Any) -> None:
        import psutil

        if not _interrupted_by:  # a second signal is ignored: Metaflow is waiting for its tasks
            _interrupted_by.append(signal.Signals(number))
            for task in psutil.Process().children():
                with suppress(psutil.NoSuchProcess):
                    task.terminate()
            raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, handler)


def interrupted_by() -> signal.Signals | None:
    """The signal that interrupted this process, SIGINT or SIGTERM; None if there was none."""
    return _interrupted_by[0] if _interrupted_by else None


def _plainly(error: Exception) -> str | None:
    from moemoe.storage import no_space_left

    full = no_space_left(error)
    if isinstance(error, MoEMoEError) or full is not None:
        return str(full or error)
    if type(error).__module__.partition(".")[0] not in ("mlflow", "requests"):  # nothing else speaks HTTP by requests
        return None
    reason = first_line(error)
    if _refused(error):
        return (
            f"MLflow refused what it was asked ({reason}); what earlier steps did is kept: put that right, then resume"
        )
    return f"MLflow failed ({reason}); what earlier steps did is kept: resume when it answers again"


def _refused(error: Any) -> bool:
    """Whether MLflow answered with a client error (HTTP 4xx), which another attempt would meet again."""
    response = getattr(error, "response", None)
    status = response.status_code if response is not None else 0
    if hasattr(error, "get_http_status_code"):
        status = error.get_http_status_code()
    return 400 <= status < 500 and status not in ANOTHER_TIME
