"""Runs a compiled Argo WorkflowTemplate on this machine, task by task, as Argo's controller would.

What a template says is done (containers, dags, steps, ``depends``, ``when``, ``withParam``, retries, time limits,
inputs and outputs, lifecycle and exit hooks), or has no meaning on one machine and is named in IGNORED, or is an
``UnknownFieldError``: so that a field that a later Metaflow compiles does not go unnoticed. Pauses between attempts are
not waited for. A hook's ``http`` is noted and not called: Metaflow compiles one to a public address as a placeholder.
"""

import json
import re
import threading
import uuid
from base64 import b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.argo_pod import Ended, Pod

SUCCEEDED, FAILED, SKIPPED, OMITTED = "Succeeded", "Failed", "Skipped", "Omitted"
PARALLEL = 2
#: What each part of a workflow may hold: what is done here, and what has no meaning on one machine.
DONE = {
    "spec": {"entrypoint", "templates", "arguments", "hooks", "onExit"},
    "template": {"name", "inputs", "outputs", "container", "dag", "steps", "http", "retryStrategy", "volumes",
                 "activeDeadlineSeconds"},
    "container": {"command", "args", "env", "envFrom", "volumeMounts"},
    "dag": {"tasks"},
    "task": {"name", "template", "depends", "arguments", "when", "withParam"},
    "retryStrategy": {"limit"},
    "volume": {"name", "emptyDir"},
    "volumeMount": {"name", "mountPath"},
    "hook": {"template", "expression"},
}  # fmt: skip
IGNORED = {
    "spec": {"parallelism", "workflowMetadata", "podMetadata"},
    "template": {"serviceAccountName", "failFast", "metadata", "nodeSelector", "tolerations"},  # failFast: always true
    "container": {"name", "image", "resources", "terminationMessagePolicy"},
    "dag": {"failFast"},
    "retryStrategy": {"retryPolicy", "backoff"},  # Always is what Metaflow compiles
}
FIELDS = {
    "metadata.name": "pod", "metadata.namespace": "namespace", "metadata.uid": "uid",
    "spec.serviceAccountName": "service_account", "status.hostIP": "address",
}  # fmt: skip
SWITCH = re.compile(
    r"\{\{=\(tasks\['([^']+)'\]\.status == 'Succeeded' \? "
    r"tasks\['\1'\]\.outputs\.parameters\['switch-step'\] : nil\) == '([^']+)'\}\}"
)


class UnknownFieldError(Exception):
    """A template says something that this executor does not know."""


@dataclass
class Node:
    """What became of a task: its state, what it passed on, and how each attempt of its container ended."""

    name: str
    template: str
    state: str
    outputs: dict[str, str] = field(default_factory=dict)
    attempts: list[Ended] = field(default_factory=list)
    message: str = ""


@dataclass
class Outcome:
    """How a workflow ended: its state and all its nodes, hooks among them, in the order in which they ended."""

    name: str
    state: str
    nodes: list[Node]

    def of(self, template: str) -> list[Node]:
        """The nodes of a template."""
        return [node for node in self.nodes if node.template == template]

    def told(self) -> str:
        """The end of what each failed node wrote."""
        failed = [node for node in self.nodes if node.state == FAILED and node.attempts]
        return "\n".join(f"--- {node.name}: {node.message}\n{node.attempts[-1].log[-4000:]}" for node in failed)


class Workflow:
    """A submitted workflow.

    Args:
        compiled: the WorkflowTemplate.
        folder: where its pods' volumes and logs lie.
        secrets: Kubernetes' secrets by name.
        on_line: gets the template's name, the attempt, the pod and each line as a container writes it.
    """

    def __init__(
        self,
        compiled: Mapping[str, Any],
        folder: Path,
        secrets: Mapping[str, Mapping[str, str]],
        parameters: Mapping[str, Any] | None = None,
        on_line: Callable[[str, int, Pod, str], None] = lambda template, attempt, pod, line: None,
    ):
        self.spec, self.folder, self.secrets, self.on_line = compiled["spec"], folder, secrets, on_line
        known(self.spec, "spec")
        self.templates = {template["name"]: template for template in self.spec["templates"]}
        for template in self.templates.values():
            check(template)
        given = {name: json.dumps(value) for name, value in (parameters or {}).items()}
        arguments = {item["name"]: item.get("value") for item in self.spec["arguments"]["parameters"]}
        if unknown := set(given) - set(arguments):
            raise UnknownFieldError(f"parameters {sorted(unknown)} are not the workflow's")
        self.parameters = {**arguments, **given}
        self.name = f"{compiled['metadata']['name']}-{uuid.uuid4().hex[:5]}"
        self.namespace = compiled["metadata"]["namespace"]
        self.scope = {
            "workflow.name": self.name, "workflow.namespace": self.namespace,
            "workflow.creationTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            **{f"workflow.parameters.{name}": value for name, value in self.parameters.items()},
        }  # fmt: skip
        self.nodes: list[Node] = []
        self.machines = threading.Semaphore(PARALLEL)
        self.failed = threading.Event()

    def run(self) -> Outcome:
        """Runs the entrypoint, then the hooks that its state calls for."""
        state = self._run("", self.spec["entrypoint"], {}).state
        self.failed.clear()
        failures = [
            {"displayName": node.name, "message": node.message, "templateName": node.template, "phase": FAILED,
             "podName": node.name, "finishedAt": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
            for node in self.nodes if node.state == FAILED
        ]  # fmt: skip
        # a JSON text within a JSON text, as Argo passes it
        self.scope |= {"workflow.status": state, "workflow.failures": json.dumps(json.dumps(failures))}
        hooks = [hook["template"] for hook in (self.spec.get("hooks") or {}).values() if self._is_due(hook)]
        for template in [*filter(None, [self.spec.get("onExit")]), *hooks]:
            self._run("", template, {})
        return Outcome(self.name, state, self.nodes)

    def _is_due(self, hook: Mapping[str, Any]) -> bool:
        """Whether a lifecycle hook is called, now that the workflow has ended; one without expression always is."""
        known(hook, "hook")
        if not (expression := hook.get("expression")):
            return True
        states = [re.fullmatch(r"workflow\.status == '(\w+)'", each.strip()) for each in expression.split("||")]
        if None in states:
            raise UnknownFieldError(f"the expression {expression!r} of a hook")
        return self.scope["workflow.status"] in {state[1] for state in states}

    def _run(self, prefix: str, name: str, inputs: Mapping[str, str]) -> Node:
        """One node: a container with its attempts, or the tasks of a dag or of steps."""
        template = self.templates[name]
        node = Node(f"{prefix}.{name}".lstrip("."), name, SUCCEEDED)
        wanted = [item["name"] for item in (template.get("inputs") or {}).get("parameters") or []]
        if missing := [item for item in wanted if item not in inputs]:
            raise UnknownFieldError(f"the task {node.name} gets no {missing[0]}")
        scope = self.scope | {f"inputs.parameters.{item}": inputs[item] for item in wanted}
        if template.get("container"):
            self._run_attempts(node, template, scope)
        elif template.get("dag"):
            scope |= self._run_dag(node, template["dag"]["tasks"], scope)
        elif template.get("steps"):
            for tasks in template["steps"]:  # groups one after the other; a group is a dag without edges
                scope |= self._run_dag(node, [{**task, "depends": ""} for task in tasks], scope)
        if node.state == SUCCEEDED:
            for item in (template.get("outputs") or {}).get("parameters") or []:
                if "parameter" in item["valueFrom"]:
                    node.outputs[item["name"]] = filled(item["valueFrom"]["parameter"], scope)
        self.nodes.append(node)
        return node

    def _run_attempts(self, node: Node, template: Mapping[str, Any], scope: Mapping[str, str]) -> None:
        limit = int((template.get("retryStrategy") or {}).get("limit") or 0)
        for attempt in range(limit + 1):
            with self.machines:
                ended = self._run_container(node, template, {**scope, "retries": str(attempt)}, attempt)
            node.attempts.append(ended)
            node.state = SUCCEEDED if ended.status == 0 else FAILED
            if ended.status == 0:
                return
            node.message = f"Error (exit code {ended.status})"

    def _run_container(self, node: Node, template: Mapping[str, Any], scope: dict[str, str], attempt: int) -> Ended:
        container = template["container"]
        pod = Pod(
            self.folder / self.name / f"{len(self.nodes):03d}-{node.template}-{attempt}-{uuid.uuid4().hex[:8]}",
            self._environment(container, template, scope),
            [mount["mountPath"] for mount in container.get("volumeMounts") or []],
        )
        command = [filled(word, scope) for word in [*container["command"], *(container.get("args") or [])]]
        seconds = template.get("activeDeadlineSeconds")
        ended = pod.run(command, seconds, lambda line: self.on_line(node.template, attempt, pod, line))
        for item in (template.get("outputs") or {}).get("parameters") or [] if ended.status == 0 else []:
            value = pod.read(item["valueFrom"]["path"])
            if value is None:
                return Ended(64, f"{ended.log}\nthere is no {item['valueFrom']['path']} for output {item['name']}")
            node.outputs[item["name"]] = value
        return ended

    def _environment(
        self, container: Mapping[str, Any], template: Mapping[str, Any], scope: Mapping[str, str]
    ) -> dict[str, str]:
        pod = {"pod": f"pod-{uuid.uuid4().hex[:8]}", "uid": str(uuid.uuid4()), "namespace": self.namespace,
               "service_account": template.get("serviceAccountName") or "default", "address": "127.0.0.1"}  # fmt: skip
        environment: dict[str, str] = {}
        for source in container.get("envFrom") or []:
            environment |= self.secrets[source["secretRef"]["name"]]  # Kubernetes starts no pod without it
        for item in container.get("env") or []:
            source = {name: value for name, value in (item.get("valueFrom") or {}).items() if value}
            if not source:
                environment[item["name"]] = filled(item.get("value") or "", scope)
            elif set(source) == {"fieldRef"} and source["fieldRef"]["fieldPath"] in FIELDS:
                environment[item["name"]] = pod[FIELDS[source["fieldRef"]["fieldPath"]]]
            else:
                raise UnknownFieldError(f"the variable {item['name']} comes from {source}")
        return environment

    def _run_dag(self, node: Node, tasks: list[dict[str, Any]], scope: dict[str, str]) -> dict[str, str]:
        """Runs tasks as soon as what they depend on has ended; returns what later tasks and outputs may refer to."""
        states: dict[str, str] = {}
        found: dict[str, str] = {}
        running: dict[Future, str] = {}
        waiting = {task["name"]: task for task in tasks}
        with ThreadPoolExecutor(len(tasks)) as threads:
            while waiting or running:
                for name, task in list(waiting.items()):
                    depends = task.get("depends") or ""
                    if not all(other in states for other in re.findall(r"([\w-]+)\.\w+", depends)):
                        continue
                    del waiting[name]
                    if self.failed.is_set() or (depends and not holds(depends, states)):
                        states[name] = OMITTED
                    elif task.get("when") and not is_true(task["when"], scope | found, states):
                        states[name] = SKIPPED
                    else:
                        running[threads.submit(self._run_task, node.name, task, scope | found)] = name
                        continue
                    found[f"tasks.{name}.status"] = states[name]
                    self.nodes.append(Node(f"{node.name}.{name}", task["template"], states[name]))
                    break  # what waited for it may go on
                else:
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        name, done = running.pop(future), future.result()
                        states[name] = found[f"tasks.{name}.status"] = done.state
                        found |= {f"tasks.{name}.outputs.parameters.{key}": v for key, v in done.outputs.items()}
        if FAILED in states.values():
            node.state = FAILED
        return found

    def _run_task(self, prefix: str, task: Mapping[str, Any], scope: dict[str, str]) -> Node:
        """A task of a dag, or one for each item of its ``withParam``."""
        items = json.loads(filled(task["withParam"], scope)) if task.get("withParam") else [None]
        with ThreadPoolExecutor(max(len(items), 1)) as threads:
            done = list(threads.map(lambda item: self._run_item(prefix, task, scope, item), items))
        if FAILED in [each.state for each in done]:
            self.failed.set()  # failFast
            return Node(prefix, task["template"], FAILED)
        return done[0] if task.get("withParam") is None else Node(prefix, task["template"], SUCCEEDED)

    def _run_item(self, prefix: str, task: Mapping[str, Any], scope: dict[str, str], item: Any) -> Node:
        own = scope if item is None else {**scope, "item": str(item)}
        given = (task.get("arguments") or {}).get("parameters") or []
        return self._run(prefix, task["template"], {each["name"]: filled(each["value"], own) for each in given})


def filled(text: str, scope: Mapping[str, str]) -> str:
    """A text with the values of its ``{{tags}}``; those of a task that did not run stay as they are, as in Argo."""

    def value(match: re.Match) -> str:
        tag = match[1].strip()
        if encoded := re.fullmatch(r"=toBase64\((\w+\.parameters)\['([^']+)'\]\)", tag):
            return b64encode(scope[f"{encoded[1]}.{encoded[2]}"].encode()).decode()
        if tag in scope:
            return scope[tag]
        if tag.startswith("tasks."):
            return match[0]
        raise UnknownFieldError(f"the tag {match[0]} in {text[:200]!r}")

    return re.sub(r"\{\{(.+?)\}\}", value, text)


def holds(depends: str, states: Mapping[str, str]) -> bool:
    """Whether ``a.Succeeded && (b.Succeeded || c.Skipped)`` does."""
    return _evaluated(re.sub(r"([\w-]+)\.(\w+)", lambda match: str(states[match[1]] == match[2]), depends))


def is_true(when: str, scope: Mapping[str, str], states: Mapping[str, str]) -> bool:
    """Whether a ``when`` is: comparisons of words, and the ones by which Metaflow follows a switch."""

    def chosen(match: re.Match) -> str:
        return str(
            states.get(match[1]) == SUCCEEDED
            and scope.get(f"tasks.{match[1]}.outputs.parameters.switch-step") == match[2]
        )

    compared = filled(SWITCH.sub(chosen, when), scope)
    return _evaluated(
        re.sub(r"([\w.{}-]+) ?(==|!=) ?([\w.-]+)", lambda m: str((m[1] == m[3]) == (m[2] == "==")), compared)
    )


def _evaluated(formula: str) -> bool:
    words = formula.replace("&&", " and ").replace("||", " or ").replace("!", " not ")
    if not re.fullmatch(r"(True|False|and|or|not|[()\s])+", words):
        raise UnknownFieldError(f"the condition {formula!r}")
    return bool(eval(words, {"__builtins__": {}}))


def check(template: Mapping[str, Any]) -> None:
    """Raises UnknownFieldError where a template, or a part of it, says something that nothing here does."""
    known(template, "template")
    for volume in template.get("volumes") or []:
        known(volume, "volume")
    known(template.get("retryStrategy") or {}, "retryStrategy")
    if container := template.get("container"):
        known(container, "container")
        for mount in container.get("volumeMounts") or []:
            known(mount, "volumeMount")
    tasks = [task for group in template.get("steps") or [] for task in group]
    if dag := template.get("dag"):
        known(dag, "dag")
        tasks = dag["tasks"]
    for task in tasks:
        known(task, "task")


def known(part: Mapping[str, Any], kind: str) -> None:
    """Raises UnknownFieldError where a part holds a field of neither list; None and empty ones say nothing."""
    given = {name for name, value in part.items() if value not in (None, {}, [])}
    if unknown := given - DONE[kind] - IGNORED.get(kind, set()):
        raise UnknownFieldError(f"{kind} {part.get('name', '')} has the field {sorted(unknown)[0]}")
