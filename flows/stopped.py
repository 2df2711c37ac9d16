"""Errors that are meant for the person who started a run leave a step without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

from metaflow.exception import MetaflowException

from moemoe.errors import MoEMoEError
from moemoe.notifications import redacted


class Stopped(MetaflowException):
    """Such an error; Metaflow shows its text alone."""

    headline = "Stopped"


@contextmanager
def said_plainly() -> Iterator[None]:
    """Turns the library's own errors into Stopped."""
    try:
        yield
    except MoEMoEError as error:
        # Metaflow takes asterisks for marks of bold print
        raise Stopped(redacted(str(error)).replace("*", "∗")) from None
