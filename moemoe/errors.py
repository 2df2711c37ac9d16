"""Errors that the user can fix, each saying in one sentence what is wrong, where, and what is allowed."""


class MoEMoEError(Exception):
    """Base of every error whose text is meant for the person who started the run."""


class ConfigError(MoEMoEError):
    """A parameter, recipe or environment setting is invalid."""


class ContractError(MoEMoEError):
    """A contract's YAML is invalid; the text begins with ``file:line:``."""


class CatalogError(MoEMoEError):
    """A catalog cannot be read, or breaks its contract."""


class StorageError(MoEMoEError):
    """A file under the root (or an s3:// object) cannot be read or written."""


class TerminatedError(MoEMoEError):
    """A training received SIGTERM and wrote its checkpoint; nothing is wrong, and it can be resumed."""


def first_line(error: BaseException) -> str:
    """The message of another library's error, shortened to one line; its class if empty (a bare ``assert``)."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
