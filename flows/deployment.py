"""How a deployed flow runs: infra/schedule.yaml becomes decorators and parameters' defaults.

Without a config TrainFlow and BackfillFlow keep a weekly schedule, which only a deployment reads, and nothing else: a
local run needs no cluster. ``--config deployment FILE`` gives the config, ``--config-value compute kubernetes`` (or
``batch``) says where the steps run.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from metaflow import FlowMutator, Parameter, current
from metaflow.exception import MetaflowException
from metaflow.packaging_sys import MetaflowCodeContent

from moemoe import notifications
from moemoe.redaction import SECRET_NAME

COMPUTE = ("local", "kubernetes", "batch")
WEEKLY = "0 0 ? * SUN *"
#: Parts of the values in infra/schedule.yaml that stand for a user's own bucket and registry.
PLACEHOLDERS = ("my-bucket", "example.com")

#: Every key of the config, and the keys allowed under it; None: any.
KEYS: dict[str, tuple[str, ...] | None] = {
    "project": None,
    "schedule": ("cron", "timezone"),
    "parameters": None,
    "environment": None,
    "secrets": None,
    "steps": None,
    "kubernetes": None,
    "batch": None,
    "nodes": None,
    "notify": notifications.KEYS,
}
STEP_KEYS = ("cpu", "memory", "gpu", "shared_memory", "retries", "minutes_between_retries", "hours")
EVERY_STEP = "every"


class BadDeployment(MetaflowException):
    """A config that cannot work; Metaflow shows it without a traceback."""

    headline = "Deployment config"


def read(text: str) -> dict[str, Any]:
    """The config from YAML text; missing keys get the values of a local run.

    Raises:
        BadDeployment: a key that does not exist (the message lists those that do), or a secret in the file.
    """
    given = yaml.safe_load(text) or {}
    if not isinstance(given, dict):
        raise BadDeployment("it must be a mapping, like infra/schedule.yaml")
    _check_keys("", given, tuple(KEYS))
    for key, allowed in KEYS.items():
        if allowed is not None:
            _check_keys(f"{key}.", given.get(key) or {}, allowed)
    for step, values in (given.get("steps") or {}).items():
        _check_keys(f"steps.{step}.", values or {}, STEP_KEYS)
    for name in given.get("environment") or {}:
        if SECRET_NAME.search(name):
            raise BadDeployment(
                f"environment.{name} looks like a secret, and everybody who may read the deployment reads its "
                "environment; put it into a Kubernetes secret and name that under kubernetes.secrets"
            )
    nodes = given.get("nodes", 1)
    if not isinstance(nodes, int) or nodes < 1:
        raise BadDeployment(f"nodes is {nodes!r}; allowed is 1 or more")
    schedule = {"cron": WEEKLY, "timezone": None, **(given.get("schedule") or {})}
    return {"project": "moemoe", "nodes": nodes, **given, "schedule": schedule}


def _check_keys(where: str, values: Any, allowed: tuple[str, ...]) -> None:
    if not isinstance(values, dict):
        raise BadDeployment(f"{where.rstrip('.')} is {values!r}; a mapping is needed")
    if unknown := sorted(set(values) - set(allowed)):
        raise BadDeployment(f"unknown key {where}{unknown[0]}; allowed are {', '.join(allowed)}")


class deployed(FlowMutator):  # noqa: N801 - Metaflow's decorators are lower case
    """Adds decorators and defaults to a flow from its config ``deployment``, for the machines named by ``compute``."""

    def pre_mutate(self, mutable_flow):
        """Metaflow calls this once the configs are read."""
        configs = dict(mutable_flow.configs)
        config, compute = configs["deployment"], configs["compute"]
        if compute not in COMPUTE:
            raise BadDeployment(f"compute is {compute!r}; allowed are {', '.join(COMPUTE)}")
        if "create" in sys.argv:  # deploys to a scheduler
            _check_placeholders(config, compute)
        parameters = dict(config.get("parameters") or {})
        if compute != "local" and (gpus := _values_of(config, "train").get("gpu")):
            parameters.setdefault("nproc", gpus)  # the step that starts the training may have no GPU
        _set_defaults(mutable_flow, parameters)
        steps, known = config.get("steps") or {}, dict(mutable_flow.steps)
        if unknown := sorted(set(steps) - {EVERY_STEP, *known}):
            raise BadDeployment(f"unknown step steps.{unknown[0]}; allowed are {', '.join([EVERY_STEP, *known])}")
        if config["nodes"] > 1 and "trained" not in known:
            raise BadDeployment(f"nodes is {config['nodes']}; deploy flows/multi_node_train_flow.py, or set it to 1")
        for name, step in known.items():
            _add_to_step(step, _values_of(config, name), config, compute)
        if config.get("notify") and compute != "batch":  # Step Functions has no exit hooks
            mutable_flow.add_decorator("exit_hook", deco_kwargs={"on_error": [_exit_hook()]})


def _check_placeholders(config: Any, compute: str) -> None:
    """Raises BadDeployment if the deployment would use a placeholder of infra/schedule.yaml."""
    used = {name: value for name, value in config.items() if name not in COMPUTE or name == compute}
    found = [f"{key}: {value}" for key, value in _leaves("", used) if any(word in value for word in PLACEHOLDERS)]
    if found:
        raise BadDeployment(
            f"{'; '.join(found)}: these are placeholders of infra/schedule.yaml. Copy that file, set your own values, "
            "and deploy with CONFIG=the copy"
        )


def _leaves(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text of a config with its key, as steps.train.gpu."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _leaves(f"{key}.{name}".lstrip("."), each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(key, each)
    elif isinstance(value, str):
        yield key, value


def _exit_hook() -> str:
    """The name by which the calling process finds ``notify_failure``: Argo in the flow's file, else in this module."""
    if "argo-workflows" in sys.argv:  # whose names have no dots
        return "notify_failure"
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return "deployment.notify_failure"


def _values_of(config: Any, step: str) -> dict[str, Any]:
    """The config's values for every step, overridden by those for this one."""
    steps = config.get("steps") or {}
    return {**(steps.get(EVERY_STEP) or {}), **(steps.get(step) or {})}


def _set_defaults(flow: Any, values: dict[str, Any]) -> None:
    """Makes the config's values the defaults of the flow's parameters."""
    known = {parameter.name: (attribute, parameter) for attribute, parameter in flow.parameters}
    for name, value in values.items():
        if name not in known:
            raise BadDeployment(f"unknown parameter parameters.{name}; allowed are {', '.join(sorted(known))}")
        attribute, parameter = known[name]
        parameter.init()
        changed = Parameter(name, default=value, help=parameter.kwargs.get("help"))
        flow.add_parameter(attribute, changed, overwrite=True)


def _add_to_step(step: Any, values: Mapping[str, Any], config: Any, compute: str) -> None:
    """Adds resources, retries, a time limit, environment, secrets and the place where it runs to one step.

    Args:
        values: the config's values for this step.
    """
    resources = {name: values[name] for name in ("cpu", "memory", "gpu", "shared_memory") if name in values}
    if resources:
        step.add_decorator("resources", deco_kwargs=resources)
    if values.get("retries"):
        pause = values.get("minutes_between_retries", 2)
        step.add_decorator("retry", deco_kwargs={"times": values["retries"], "minutes_between_retries": pause})
    if values.get("hours"):
        step.add_decorator("timeout", deco_kwargs={"hours": values["hours"]})
    if config.get("environment"):
        step.add_decorator("environment", deco_kwargs={"vars": dict(config["environment"])})
    if config.get("secrets"):
        step.add_decorator("secrets", deco_kwargs={"sources": list(config["secrets"])})
    if compute != "local":
        step.add_decorator(compute, deco_kwargs=dict(config.get(compute) or {}))


def notify(flow: Any, kind: str, message: str) -> None:
    """Sends one notification of a step through the hook of the flow's config."""
    config = getattr(flow, "deployment", {})
    notifications.notify(config.get("notify"), kind, current.pathspec.rsplit("/", 2)[0], message)


def notify_last_attempt(flow: Any, error: BaseException) -> None:
    """Notifies of a failed step on Step Functions, which do not call ``notify_failure``."""
    if getattr(flow, "compute", "local") != "batch":
        return
    if current.retry_count >= _values_of(flow.deployment, current.step_name).get("retries", 0):
        notify(flow, notifications.FAILED, f"step {current.step_name}: {error}")


def notify_failure(run: Any) -> None:
    """Notifies of a failed run; called by Metaflow and Argo, also if a machine was lost.

    Args:
        run: Metaflow's object; None if Metaflow's service does not know the run, as none of its steps began.
    """
    if run is None:
        name, message = os.environ["RUN_PATHSPEC"], "no step of it began; see the logs of its pods"
    else:
        name, message = run.pathspec, _failure(run)
    packaged = (MetaflowCodeContent.get_config() or {}).get("user_configs", {}).get("deployment")
    if packaged:  # in a cluster; unlike an artifact it cannot be lost
        config, _ = packaged  # the value, and whether it is plain text
    else:
        config = run["_parameters"].task["deployment"].data
    notifications.notify(config.get("notify"), notifications.FAILED, name, message)


def _failure(run: Any) -> str:
    """Which step of a run failed, and why."""
    try:
        failed = [task for step in run for task in step if not task.successful]
        if not failed:
            return "it failed without an error message; see the logs"
        error = failed[0].exception  # none if the process was killed
        return f"step {failed[0].path_components[2]}: {error.exception if error else 'its process was killed'}"
    except Exception as error:  # Metaflow's client raises all kinds if the datastore has lost artifacts
        return f"the results of its steps cannot be read ({type(error).__name__}: {error}); see the logs"
