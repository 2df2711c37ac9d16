"""Restores the previous champion: ``moemoe rollback NAME``."""

import argparse
import sys
from datetime import UTC, datetime
from tempfile import TemporaryDirectory

from moemoe.cli import main
from moemoe.errors import ConfigError
from moemoe.inference.thresholds import THRESHOLDS
from moemoe.registry.promote import PREVIOUS, alias_lock
from moemoe.registry.tracking import check_tracking, client, default_tracking_uri
from moemoe.registry.versions import CHAMPION, Version, alias_of, fetch_version, find_version, no_champion


def roll_back(uri: str, name: str) -> tuple[Version, Version]:
    """Moves the alias ``champion`` back; returns the version that had it and the one that has it now.

    A second call goes back one more version. The version that loses the alias gets the tag ``rolled_back``.

    Raises:
        ConfigError: there is no champion, or no previous one.
        StorageError: the files of the previous one are gone.
    """
    with alias_lock(uri, name):
        champion = alias_of(uri, name, CHAMPION)
        if champion is None:
            raise ConfigError(f"{no_champion(uri, name)}; nothing can be rolled back")
        if PREVIOUS not in champion.tags:
            raise ConfigError(
                f"version {champion.version} of {name} is its first champion; there is none to go back to"
            )
        previous = find_version(uri, f"models:/{name}/{champion.tags[PREVIOUS]}")
        with TemporaryDirectory(prefix="moemoe-") as scratch:
            fetch_version(uri, previous, scratch, THRESHOLDS)  # else serving and backfill would fail
        now = datetime.now(UTC).isoformat(timespec="seconds")
        client(uri).set_registered_model_alias(name, CHAMPION, previous.version)
        client(uri).set_model_version_tag(name, champion.version, "rolled_back", now)
    return champion, previous


def command(chosen: argparse.Namespace) -> None:
    """Runs ``moemoe rollback``."""
    uri = default_tracking_uri()
    check_tracking(uri)
    was, now = roll_back(uri, chosen.name)
    print(f"champion of {chosen.name} is version {now.version} again; it was version {was.version}")
    print("a running server still serves the model that it has loaded: restart it")


if __name__ == "__main__":
    sys.exit(main(["rollback", *sys.argv[1:]]))
