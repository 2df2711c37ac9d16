"""Loaded before a run's tasks are forked: which package each module comes from, as MLflow registers a model.

MLflow reads all files of all packages for it, once a process and for seconds.
"""

from mlflow.utils.requirements_utils import warn_dependency_requirement_mismatches

warn_dependency_requirement_mismatches(["mlflow"])
