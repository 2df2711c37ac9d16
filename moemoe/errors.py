"""Errors that the user can fix, each saying in one sentence what is wrong, where, and what is allowed."""


class MoEMoEError(Exception):
    """Base of every error whose text is meant for the person who started the run."""


class ConfigError(MoEMoEError):
    """A parameter, recipe or environment setting that cannot work."""


class ContractError(MoEMoEError):
    """A contract YAML that breaks its own rules; the text begins with ``file:line:``."""


class CatalogError(MoEMoEError):
    """A catalog that cannot be read, or that breaks its contract."""


class StorageError(MoEMoEError):
    """A file under the root (or an s3:// object) that cannot be read or written."""


class TerminatedError(MoEMoEError):
    """A training that received SIGTERM and wrote its checkpoint; nothing is wrong, and a resume goes on."""


def first_line(error: BaseException) -> str:
    """What another library's error says, in one line, cut short; its class if it says nothing (a bare ``assert``)."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
