"""The scheduled training, compiled for Argo Workflows and Step Functions."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.infra.conftest import HERE, make, with_own_values
from tests.support.hook import Hook
from tests.support.warm_python import warm_python

IMAGE = "registry.shop/moemoe:cuda"


def template_of(compiled, name):
    [template] = [t for t in compiled.written["items"][0]["spec"]["templates"] if t["name"] == name]
    return template


def environment_of(template):
    return {item["name"]: item["value"] for item in template["container"]["env"] if item.get("value") is not None}


@pytest.fixture(scope="module")
def argo(compiled):
    return compiled("deploy-argo")


@pytest.fixture(scope="module")
def step_functions(compiled):
    return compiled("deploy-step-functions")


@pytest.fixture(scope="module")
def states(step_functions):
    return json.loads(step_functions.written["Resources"]["StateMachine"]["Properties"]["DefinitionString"])["States"]


def test_argo_gets_the_workflow_and_its_schedule(argo):
    template, cron = argo.written["items"]
    assert (template["kind"], cron["kind"]) == ("WorkflowTemplate", "CronWorkflow")
    assert json.loads(template["metadata"]["annotations"]["metaflow/cron"])["schedule"] == "0 3 ? * SUN"
    assert cron["spec"]["schedules"] == ["0 3 * * SUN"]
    assert cron["spec"]["workflowSpec"]["workflowTemplateRef"]["name"] == template["metadata"]["name"]
    assert cron["metadata"]["name"] == template["metadata"]["name"] == "moemoe.prod.trainflow"
    assert "PLACEHOLDER" not in json.dumps(argo.written)


def test_hera_reads_the_argo_template(argo):
    """In a process of its own: Metaflow brings typing_extensions that hera's types do not bear."""
    read = """
import json, sys
from hera.workflows import CronWorkflow, WorkflowTemplate
template, cron = json.load(sys.stdin)["items"]
names = [each.name for each in WorkflowTemplate.from_dict(template).templates]
print(json.dumps({"templates": names, "schedules": CronWorkflow.from_dict(cron).schedules}))
"""
    done = subprocess.run(
        [sys.executable, "-c", read], input=json.dumps(argo.written), capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert {"train", "evaluate", "register"} <= set(found["templates"])
    assert found["schedules"] == ["0 3 * * SUN"]


def test_argo_trains_on_a_gpu_in_the_image_with_retries_and_a_limit(argo):
    train = template_of(argo, "train")
    assert train["container"]["image"] == IMAGE
    resources = train["container"]["resources"]
    assert resources["limits"]["nvidia.com/gpu"] == "1"
    assert (resources["requests"]["cpu"], resources["requests"]["memory"]) == ("8.0", "32000.0M")
    assert train["retryStrategy"]["limit"] == 4
    assert train["activeDeadlineSeconds"] == 24 * 3600
    assert train["serviceAccountName"] == "moemoe"
    assert environment_of(train)["MLFLOW_TRACKING_URI"] == "http://mlflow.moemoe.svc:5000"
    assert [source["secretRef"]["name"] for source in train["container"]["envFrom"]] == ["moemoe"]
    normalize = template_of(argo, "normalize")
    assert "nvidia.com/gpu" not in json.dumps(normalize)
    assert normalize["retryStrategy"]["limit"] == 2


def test_argo_tells_somebody_when_a_run_fails(argo):
    hooks = argo.written["items"][0]["spec"]["hooks"]
    assert "Failed" in hooks["error-notify-failure"]["expression"]
    hook = template_of(argo, "error-notify-failure")["container"]
    assert "train_flow.py notify_failure" in hook["command"][-1]
    assert hook["image"] == IMAGE
    assert [source["secretRef"]["name"] for source in hook["envFrom"]] == ["moemoe"]  # the webhook's URL is in there


def test_argo_runs_with_the_configs_parameters(argo):
    parameters = {p["name"]: p["value"] for p in argo.written["items"][0]["spec"]["arguments"]["parameters"]}
    assert json.loads(parameters["catalog"]) == "s3://shop-data/catalog/"
    assert json.loads(parameters["only-if-new"]) is True
    assert json.loads(parameters["warm-start"]) == "champion"
    assert json.loads(parameters["nproc"]) == 1  # the GPUs of the step train


def test_the_code_package_holds_what_a_step_needs(argo, step_functions):
    for package in (argo.package, step_functions.package):
        for path in [*HERE.glob("moemoe/**/*"), *HERE.glob("data_contracts/**/*")]:
            if path.suffix in (".py", ".yaml", ".json", ".html", ".css", ".js"):
                assert package[str(path.relative_to(HERE))] == path.read_bytes(), path
        assert {"train_flow.py", "base_flow.py", "deployment.py", "retraining.py"} <= set(package)
        for path in [*HERE.glob("flows/stages/*.py"), *HERE.glob("flows/cards/*.py")]:
            assert package[f"{path.parent.name}/{path.name}"] == path.read_bytes(), path


def test_the_unpacked_package_answers_without_the_repository(argo, tmp_path):
    for name, data in argo.package.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    ask = "import moemoe, data_contracts, moemoe.recipes as r; print(moemoe.__file__); data_contracts.load('30pt')"
    ask += "; print(r.load_recipe('moemoe').name, data_contracts.__file__)"
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PATH": ""}
    said = subprocess.run([warm_python(), "-c", ask], cwd=tmp_path, capture_output=True, text=True, env=env)
    assert said.returncode == 0, said.stderr
    assert said.stdout.count(str(tmp_path)) == 2


def test_step_functions_gets_the_machine_and_its_schedule(step_functions, states):
    rule = step_functions.written["Resources"]["Schedule"]["Properties"]
    assert rule["ScheduleExpression"] == "cron(0 3 ? * SUN *)"
    assert rule["Targets"][0]["Arn"] == {"Ref": "StateMachine"}
    assert {"start", "train", "register", "end"} <= set(states)


def test_step_functions_has_no_hook_for_a_failed_run(states):
    """So the step itself tells of its last failed attempt, and the README says what nobody tells of."""
    assert not any("Catch" in state for state in states.values())
    assert "add an EventBridge rule" in " ".join((HERE / "infra" / "README.md").read_text().split())


def test_cfn_lint_accepts_the_step_functions_template(step_functions, tmp_path):
    (tmp_path / "template.json").write_text(json.dumps(step_functions.written))
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--regions", "us-east-1", "--"]
    done = subprocess.run([*command, "template.json"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_step_functions_trains_on_a_gpu_in_the_image_with_retries_and_a_limit(step_functions, states):
    train = states["train"]["Parameters"]
    resources = {item["Type"]: item["Value"] for item in train["ContainerOverrides"]["ResourceRequirements"]}
    assert resources == {"GPU": "1", "VCPU": "8", "MEMORY": "32000"}
    assert train["RetryStrategy"]["Attempts"] == 5
    assert train["Timeout"]["AttemptDurationSeconds"] == 24 * 3600
    assert train["JobQueue"] == "moemoe"
    assert step_functions.images == {IMAGE}
    environment = {item["Name"]: item.get("Value") for item in train["ContainerOverrides"]["Environment"]}
    assert environment["MLFLOW_TRACKING_URI"] == "http://mlflow.moemoe.svc:5000"


def test_training_on_several_nodes_is_a_choice_of_the_same_config(compiled, own_config, tmp_path):
    config = yaml.safe_load(own_config.read_text()) | {"nodes": 2}
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(config))
    many = compiled("deploy-argo", FLOW="flows/multi_node_train_flow.py", CONFIG=str(tmp_path / "two.yaml"))
    manifest = json.loads(json.dumps(template_of(many, "train")["resource"]))["manifest"]
    assert "JobSet" in manifest
    assert manifest.count("nvidia.com/gpu") == 2  # the control node's pod and the workers'
    assert "multi_node_train_flow.py" in many.package
    assert "notify_failure" in template_of(many, "error-notify-failure")["container"]["command"][-1]


def test_a_backfill_is_deployed_as_the_training_is(compiled, tmp_path):
    given = {"FLOW": "flows/backfill_flow.py", "CONFIG": str(with_own_values("backfill.yaml", tmp_path))}
    made = compiled("deploy-argo", **given)
    template, cron = made.written["items"]
    assert template["metadata"]["name"] == "moemoe.prod.backfillflow"
    assert cron["spec"]["schedules"] == ["0 1 * * *"]
    parameters = {p["name"]: json.loads(p["value"]) for p in template["spec"]["arguments"]["parameters"]}
    assert (parameters["model"], parameters["tasks"]) == ("models:/moemoe-30pt@champion", 8)
    assert template_of(made, "backfill")["container"]["resources"]["requests"]["cpu"] == "8.0"
    assert "notify_failure" in template_of(made, "error-notify-failure")["container"]["command"][-1]
    assert "moemoe/inference/backfill.py" in made.package
    rule = compiled("deploy-step-functions", **given).written["Resources"]["Schedule"]["Properties"]
    assert rule["ScheduleExpression"] == "cron(0 1 * * ? *)"


def test_a_comparison_is_deployed_without_a_schedule(compiled, tmp_path):
    (tmp_path / "compare.yaml").write_text("kubernetes: {image: registry.shop/moemoe:cuda}\n")
    made = compiled("deploy-argo", FLOW="flows/compare_flow.py", CONFIG=str(tmp_path / "compare.yaml"))
    assert [item["kind"] for item in made.written["items"]] == ["WorkflowTemplate"]
    assert template_of(made, "train")["container"]["image"] == IMAGE


def test_a_run_of_which_no_step_began_is_told_of(argo, tmp_path):
    """The hook is called as in its pod, where Metaflow's service knows of no such run."""
    for name, data in argo.package.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    with Hook() as hook:
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "USERNAME": "tests", "MOEMOE_WEBHOOK": hook.url,
               "METAFLOW_DEFAULT_METADATA": "local", "METAFLOW_EXTRACTED_ROOT": str(tmp_path),
               "PYTHONPATH": str(tmp_path / ".mf_code"), "RUN_PATHSPEC": "TrainFlow/argo-x"}  # fmt: skip
        command = ["-m", "metaflow.plugins.exit_hook.exit_hook_script", "train_flow.py", "notify_failure"]
        done = subprocess.run(
            [sys.executable, *command, env["RUN_PATHSPEC"]], cwd=tmp_path, env=env, capture_output=True, text=True
        )
    assert done.returncode == 0, done.stdout + done.stderr
    [told] = hook.payloads
    assert (told["kind"], told["run"]) == ("failed", "TrainFlow/argo-x")
    assert "no step of it began" in told["message"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shedule": {}}, "unknown key shedule; allowed are project, schedule"),
        ({"steps": {"train": {"gpus": 1}}}, "unknown key steps.train.gpus; allowed are cpu, memory, gpu"),
        ({"environment": {"AWS_SECRET_ACCESS_KEY": "x"}}, "looks like a secret"),
        ({"nodes": 0}, "nodes is 0; allowed is 1 or more"),
        ({"notify": "https://hooks.example.com"}, "notify is 'https://hooks.example.com'; a mapping is needed"),
        ([1], "it must be a mapping"),
    ],
)
def test_a_config_that_cannot_be_read_is_answered_by_one_sentence(monkeypatch, change, message):
    monkeypatch.syspath_prepend(str(HERE / "flows"))
    import deployment

    with pytest.raises(deployment.BadDeployment, match=re.escape(message)):
        deployment.read(yaml.safe_dump(change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": {"trian": {"gpu": 1}}}, "unknown step steps.trian; allowed are every, "),
        ({"parameters": {"datset": "30pt"}}, "unknown parameter parameters.datset; allowed are allow-private-hosts"),
        ({"nodes": 2}, "nodes is 2; deploy flows/multi_node_train_flow.py"),
    ],
)
def test_a_config_that_does_not_fit_the_flow_is_answered_by_one_sentence(aws, tmp_path, change, message):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(change))
    command = [sys.executable, str(HERE / "flows" / "train_flow.py"), "--config", "deployment", "config.yaml", "show"]
    done = subprocess.run(command, cwd=tmp_path, env=aws, capture_output=True, text=True)
    assert done.returncode != 0
    assert message in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr


def test_a_target_that_compiles_nothing_leaves_no_file(aws, tmp_path):
    (tmp_path / "config.yaml").write_text("nodes: many\n")
    done = make(aws, "deploy-argo", CONFIG=str(tmp_path / "config.yaml"), JSON=str(tmp_path / "argo.json"))
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "argo.json").exists()


def test_the_placeholders_of_the_example_are_not_deployed(aws, roles, tmp_path):
    done = make({**aws, **roles}, "deploy-argo", JSON=str(tmp_path / "argo.json"))
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    for named in ("parameters.catalog: s3://my-bucket/catalog/", "parameters.root: s3://my-bucket/moemoe",
                  "kubernetes.image: registry.example.com/moemoe:cuda"):  # fmt: skip
        assert named in said
    assert "batch.image" not in said  # which Argo does not use
    assert not (tmp_path / "argo.json").exists()
