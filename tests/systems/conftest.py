"""Fixtures for committees, on the small shards of their members."""

from tests.baselines.conftest import dataset, manifest  # noqa: F401
