"""A committee is tested on the small shards of the systems that it consists of."""

from tests.baselines.conftest import dataset, manifest  # noqa: F401
