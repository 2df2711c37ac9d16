"""Every Python process with this folder on PYTHONPATH sees only the packages in MOEMOE_BARE_BOX, and no network."""

import os
import sys
from importlib.machinery import PathFinder

ALLOWED = frozenset(os.environ["MOEMOE_BARE_BOX"].split(","))


class BareFinder:
    """Finds what ``PathFinder`` finds, but for packages that are not there."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        """None of a package that a bare box lacks, as if it were not installed."""
        package = name.partition(".")[0]
        known = package in ALLOWED or package in sys.stdlib_module_names or package.startswith("_sysconfigdata")
        return PathFinder.find_spec(name, path, target) if known else None

    invalidate_caches = PathFinder.invalidate_caches
    find_distributions = PathFinder.find_distributions


def refuse_network(event, arguments):
    """Raises OSError on a connection to another machine, or a look for its address."""
    if event == "socket.getaddrinfo" or (event == "socket.connect" and not isinstance(arguments[1], str | bytes)):
        raise OSError(f"no network: {event} {arguments[1:]}")


sys.meta_path[:] = [BareFinder if finder is PathFinder else finder for finder in sys.meta_path]
sys.addaudithook(refuse_network)
