"""The environment of a workflow in a cluster: S3, Metaflow's service, MLflow, a webhook, secrets; all on loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from moemoe import s3
from tests.support.argo_pod import HERE, Pod
from tests.support.argo_workflow import Outcome, Workflow
from tests.support.hook import Hook
from tests.support.metadata_service import metadata_service
from tests.support.mlflow_server import mlflow_behind_a_gate
from tests.support.s3 import s3_server

BUCKET = "moemoe-cluster"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@dataclass
class Cluster:
    """Deploys flows and runs what was compiled.

    Args:
        environment: that of whoever deploys, and of a process on this machine that reads the bucket.
        tracking_uri: MLflow's, with a password in it.
        hook: where failures are told of.
    """

    folder: Path
    environment: dict[str, str]
    tracking_uri: str
    hook: Hook
    s3: Any

    def deploy(self, flow: str, **config: Any) -> dict[str, Any]:
        """The WorkflowTemplate of ``make deploy-argo FLOW=flows/FLOW_flow.py`` with such a config."""
        names = ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "OMP_NUM_THREADS", "HF_HUB_OFFLINE")
        own = {
            "environment": {"MLFLOW_TRACKING_URI": self.tracking_uri, **{n: self.environment[n] for n in names}},
            "kubernetes": {"image": "registry.shop/moemoe:cpu", "secrets": ["moemoe"]},
            "notify": {"url_from": "MOEMOE_WEBHOOK"},
        }
        file, given = self.folder / f"{flow}.json", self.folder / f"{flow}.yaml"
        given.write_text(yaml.safe_dump(own | config))
        variables = {"BIN": Path(sys.executable).parent, "FLOW": f"flows/{flow}_flow.py", "CONFIG": given, "JSON": file}
        command = ["make", "--no-print-directory", "--old-file=.venv/.ready", "deploy-argo"]
        command += [f"{name}={value}" for name, value in variables.items()]
        done = subprocess.run(command, cwd=HERE, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(file.read_text())["items"][0]

    def run(
        self, compiled: dict[str, Any], on_line: Callable[[str, int, Pod, str], None] | None = None, **parameters: Any
    ) -> Outcome:
        """Submits a compiled workflow, with other values for some of its parameters, and waits for its end."""
        secrets = {"moemoe": {**KEYS, "MOEMOE_WEBHOOK": self.hook.url}}
        given = {name.replace("_", "-"): value for name, value in parameters.items()}
        workflow = Workflow(compiled, self.folder / "pods", secrets, given)
        if on_line:
            workflow.on_line = on_line
        return workflow.run()

    def keys(self, prefix: str = "") -> list[str]:
        """The keys of the bucket's objects."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def put(self, path: Path, key: str) -> str:
        """Uploads a file; returns its URI."""
        self.s3.upload_file(str(path), BUCKET, key)
        return f"s3://{BUCKET}/{key}"

    def copy(self, prefix: str, to: str) -> None:
        """Copies the objects of a prefix to another one."""
        for key in self.keys(prefix):
            self.s3.copy_object(Bucket=BUCKET, Key=to + key.removeprefix(prefix), CopySource=f"{BUCKET}/{key}")

    def delete(self, keys: list[str]) -> None:
        """Loses objects, as a store does that promised to keep them."""
        assert keys
        for key in keys:
            self.s3.delete_object(Bucket=BUCKET, Key=key)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A cluster whose services end with the block; this process reads its bucket meanwhile."""
    import boto3

    with (
        pytest.MonkeyPatch.context() as patch, s3_server() as endpoint, metadata_service() as (service, _),
        mlflow_behind_a_gate(folder) as mlflow, Hook() as hook,
    ):  # fmt: skip
        aws = {**KEYS, "AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1"}
        for name, value in aws.items():
            patch.setenv(name, value)
        s3.client.cache_clear()
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        boto3.resource("s3").Bucket(BUCKET).objects.delete()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("METAFLOW_")}, **aws,
            "METAFLOW_USER": "tests", "METAFLOW_HOME": str(folder / "home"), "METAFLOW_DEFAULT_METADATA": "service",
            "METAFLOW_SERVICE_URL": service, "METAFLOW_S3_ENDPOINT_URL": endpoint,
            "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{BUCKET}/metaflow", "METAFLOW_KUBERNETES_NAMESPACE": "moemoe",
        }  # fmt: skip
        yield Cluster(folder, environment, mlflow.url, hook, client)


def killing_once(template: str, words: str) -> Callable[[str, int, Pod, str], None]:
    """Kills the first pod of a template that says ``words``; for ``Cluster.run``."""
    killed: list[Pod] = []

    def on_line(its: str, attempt: int, pod: Pod, line: str) -> None:
        if its == template and words in line and not killed:
            killed.append(pod)
            pod.kill()

    return on_line
