"""Secrets that a test plants in a run's environment, and the search for them in all that the run has written."""

import gzip
from pathlib import Path

#: What the environment of a run knows and nothing that it writes may.
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI-planted",
    "MLFLOW_TRACKING_PASSWORD": "password-planted-2718281",
    "MOEMOE_WEBHOOK_URL": "https://hooks.invalid/planted-1414213",
}


def places_of(folder: Path, secrets: list[str]) -> list[Path]:
    """The files in and below ``folder`` that hold one of ``secrets``, in compressed artifacts too."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if content[:2] == b"\x1f\x8b":
                content += gzip.decompress(content)
            if any(secret.encode() in content for secret in secrets):
                found.append(path)
    return found
