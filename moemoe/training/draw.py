"""Numbers that training draws for a product: a function of only seed, epoch and row, the same on every machine."""

import hashlib


def draw(key: str) -> float:
    """A number in [0, 1); CRCs of like keys are not independent, so a cryptographic hash."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) / 2**32
