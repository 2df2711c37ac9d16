"""Errors that are meant for the person who started a run leave a step without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

from metaflow.exception import MetaflowException

from moemoe.errors import MoEMoEError
from moemoe.notifications import redacted
from moemoe.storage import no_space_left


class Stopped(MetaflowException):
    """Such an error; Metaflow shows its text alone."""

    headline = "Stopped"


@contextmanager
def said_plainly() -> Iterator[None]:
    """Turns the library's own errors, a full disk and an MLflow that fails into Stopped."""
    try:
        yield
    except Exception as error:
        if (said := _plainly(error)) is None:
            raise
        # Metaflow takes asterisks for marks of bold print
        raise Stopped(redacted(said).replace("*", "∗")) from None


def _plainly(error: Exception) -> str | None:
    full = no_space_left(error)
    if isinstance(error, MoEMoEError) or full is not None:
        return str(full or error)
    if type(error).__module__.partition(".")[0] in ("mlflow", "requests"):  # nothing else here speaks HTTP by requests
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return f"MLflow failed ({reason[:300]}); what earlier steps did is kept: resume when it answers again"
    return None
