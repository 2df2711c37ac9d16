"""The flow compiled for both schedulers by the Makefile's own targets, offline: AWS is a moto server on loopback."""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.argo_cluster import Cluster, cluster
from tests.support.argo_pod import why_not
from tests.support.s3 import s3_server

HERE = Path(__file__).parents[2]
BUCKET, QUEUE = "moemoe-compile", "moemoe"


@dataclass
class Compiled:
    """What a target wrote, the code package that it uploaded, and the job definitions that it registered."""

    written: dict[str, Any]
    package: dict[str, bytes]
    images: set[str]


@pytest.fixture(scope="session")
def aws(tmp_path_factory) -> Iterator[dict[str, str]]:
    """The environment of a machine that deploys."""
    with s3_server() as endpoint:
        yield {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "METAFLOW_"))},
            "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1", "METAFLOW_USER": "tests", "METAFLOW_DEFAULT_METADATA": "local",
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(tmp_path_factory.mktemp("metaflow")),
            "METAFLOW_HOME": str(tmp_path_factory.mktemp("home")),
            "METAFLOW_S3_ENDPOINT_URL": endpoint, "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{BUCKET}/metaflow",
            "METAFLOW_KUBERNETES_NAMESPACE": "moemoe",
        }  # fmt: skip


def client(aws: dict[str, str], service: str) -> Any:
    import boto3

    return boto3.client(
        service, endpoint_url=aws["AWS_ENDPOINT_URL"], region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip


@pytest.fixture(scope="session")
def roles(aws) -> dict[str, str]:
    """A bucket, a Batch queue and the roles that Metaflow's profile names on AWS."""
    client(aws, "s3").create_bucket(Bucket=BUCKET)
    iam, ec2, batch = client(aws, "iam"), client(aws, "ec2"), client(aws, "batch")
    role = iam.create_role(RoleName="moemoe", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    profile = iam.create_instance_profile(InstanceProfileName="moemoe")["InstanceProfile"]["Arn"]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    environment = batch.create_compute_environment(
        computeEnvironmentName="moemoe", type="MANAGED", state="ENABLED", serviceRole=role,
        computeResources={
            "type": "EC2", "minvCpus": 0, "maxvCpus": 4, "instanceTypes": ["optimal"], "instanceRole": profile,
            "subnets": [ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]],
            "securityGroupIds": [ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]],
        },
    )["computeEnvironmentArn"]  # fmt: skip
    batch.create_job_queue(
        jobQueueName=QUEUE, state="ENABLED", priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
    )  # fmt: skip
    names = ("METAFLOW_ECS_S3_ACCESS_IAM_ROLE", "METAFLOW_SFN_IAM_ROLE", "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE")
    return {**dict.fromkeys(names, role), "METAFLOW_SFN_DYNAMO_DB_TABLE": "moemoe", "METAFLOW_BATCH_JOB_QUEUE": QUEUE}


def make(aws: dict[str, str], target: str, **variables: str) -> subprocess.CompletedProcess:
    """``make TARGET`` in the repository, with this interpreter for the environment that make would build."""
    given = [f"{name}={value}" for name, value in {"BIN": str(Path(sys.executable).parent), **variables}.items()]
    command = ["make", "--no-print-directory", "--old-file=.venv/.ready", target, *given]
    return subprocess.run(command, cwd=HERE, env=aws, capture_output=True, text=True, timeout=300)


def with_own_values(example: str, folder: Path) -> Path:
    """A copy of one of infra's configs with values of one's own."""
    text = (HERE / "infra" / example).read_text()
    for placeholder, own in (("my-bucket", "shop-data"), ("registry.example.com", "registry.shop")):
        text = text.replace(placeholder, own)
    (folder / example).write_text(text)
    return folder / example


@pytest.fixture(scope="session")
def own_config(tmp_path_factory) -> Path:
    """That of infra/schedule.yaml."""
    return with_own_values("schedule.yaml", tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="session")
def compiled(aws, roles, own_config, tmp_path_factory):
    """``compiled(target, **variables)`` with one's own config; each combination is compiled once."""
    known: dict[tuple, Compiled] = {}
    s3, batch = client(aws, "s3"), client(aws, "batch")

    def keys() -> set[str]:
        return {item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}

    def get(target: str, **variables: str) -> Compiled:
        variables = {"CONFIG": str(own_config), **variables}
        name = (target, *variables.items())
        if name not in known:
            for key in keys():
                s3.delete_object(Bucket=BUCKET, Key=key)
            file = tmp_path_factory.mktemp("compiled") / "sub" / "deployment.json"
            done = make({**aws, **roles}, target, JSON=str(file), **variables)
            assert done.returncode == 0, done.stdout + done.stderr
            [key] = keys()
            body = io.BytesIO(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
            with tarfile.open(fileobj=body) as archive:
                package = {m.name: archive.extractfile(m).read() for m in archive.getmembers() if m.isfile()}
            definitions = batch.describe_job_definitions()["jobDefinitions"]
            images = {definition["containerProperties"]["image"] for definition in definitions}
            known[name] = Compiled(json.loads(file.read_text()), package, images)
        return known[name]

    return get


@pytest.fixture(scope="session")
def pods() -> None:
    """Skips what needs pods, with the reason, where a machine cannot run them."""
    if reason := why_not():
        pytest.skip(reason)


@pytest.fixture(scope="module")
def place(pods, tmp_path_factory) -> Iterator[Cluster]:
    """A cluster of a test module's own."""
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made
