import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a worker per core: more threads would only wait for each other
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("METAFLOW_USER", "tests")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("DO_NOT_TRACK", "true")

from hypothesis import settings

import moemoe.model  # noqa: F401 - mends a torchvision without operators, before transformers looks for it

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")
