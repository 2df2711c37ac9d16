import contextlib
import gc
import os
import shutil
import sys
import tempfile

# where bytecode is not to be kept, each of the suite's many processes would compile the project anew
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # a worker per core: more threads would only wait for each other
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("METAFLOW_USER", "tests")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("DO_NOT_TRACK", "true")

import pytest
from hypothesis import settings

from tests.support.warm_python import SHARED

sys.dont_write_bytecode = False
gc.set_threshold(50_000, 20, 20)  # as flows do: each full collection looks through all that a worker has loaded

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")

#: What takes longest comes first, so that no worker begins it when the others have nothing left.
FIRST = ("tests/flows/", "tests/faults/", "tests/infra/", "tests/registry/")
#: Files that share what takes long to make: runs of flows, the stages' run, an MLflow store, an unbroken flow.
GROUPS = {
    "scheduled": ("tests/flows/test_retraining.py", "tests/flows/test_s3_root.py", "tests/flows/test_sources.py"),
    "shop": ("tests/flows/test_backfill_flow.py", "tests/flows/test_shoes_flow.py"),
    "stages": ("tests/flows/stages/",),
    "registry": ("tests/registry/",),
    "faults": ("tests/faults/test_broken_flow.py", "tests/faults/test_killed_flow.py"),
}
OURS = "MOEMOE_TESTS_TEMPORARY"


def pytest_configure(config):
    """Temporary files of all that the tests start lie in one folder: what is killed cannot remove its own."""
    if not config.getoption("numprocesses", None):  # else the workers run the tests
        import moemoe.model  # noqa: F401 - mends a torchvision without operators, before transformers is imported
    if OURS not in os.environ:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = tempfile.gettempdir()  # pytest's own folders stay where they are
        os.environ[OURS] = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="moemoe-tests-")
        os.chmod(os.environ["TMPDIR"], 0o755)  # PostgreSQL runs as a user of its own
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(OURS), ignore_errors=True))
    tempfile.tempdir = os.environ[OURS]
    if config.getoption("numprocesses", None) and config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        share_warm_python(config)


def share_warm_python(config):
    """The whole suite's workers need it all, so there is one process with the libraries loaded for all of them."""
    import warm_python as of_flows

    kept = contextlib.ExitStack()
    os.environ[SHARED] = kept.enter_context(of_flows.warm_python(of_flows.LIBRARIES))
    config.add_cleanup(kept.close)
    config.add_cleanup(lambda: os.environ.pop(SHARED))


def pytest_collection_modifyitems(items):
    """What takes longest comes first."""
    items.sort(key=lambda item: next((i for i, folder in enumerate(FIRST) if item.nodeid.startswith(folder)), 99))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests of a file stay together on one worker, and those of files that share their fixtures.

    By a scheduler of our own: pytest 9.2 knows nothing of how xdist's ``loadgroup`` passes the groups on.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFixtures(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.partition("::")[0]
            return next((group for group, files in GROUPS.items() if file.startswith(files)), file)

    return ByFixtures(config, log)
