"""The version of the running code, for the model card, a version's tags and the report."""

import subprocess
from pathlib import Path


def git_commit() -> str:
    """The commit of the running code, with ``-dirty`` if files differ from it; ``unknown`` outside a checkout."""
    try:
        git = ["git", "-C", str(Path(__file__).parent)]
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True)
        changed = subprocess.run(
            [*git, "status", "--porcelain"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return commit.stdout.strip() + ("-dirty" if changed.stdout.strip() else "")
