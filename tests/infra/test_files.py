"""The files of infra/, each checked by a validator for its format."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.infra.conftest import HERE

INFRA = HERE / "infra"
BIN = Path(sys.executable).parent


def run(*command: str | Path, stdin: str | None = None) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, input=stdin, cwd=HERE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((INFRA / "compose.yaml").read_text())


def test_every_yaml_is_tidy():
    others = (HERE / ".pre-commit-config.yaml", HERE / "CITATION.cff")
    run(BIN / "yamllint", "--strict", "-c", HERE / ".yamllint.yaml", INFRA, *others)


def test_the_citation_is_one():
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.citation-file-format", HERE / "CITATION.cff")


def test_hooks_before_a_commit_run_what_the_environment_has():
    [local] = yaml.safe_load((HERE / ".pre-commit-config.yaml").read_text())["repos"]
    for hook in local["hooks"]:
        path, *_ = hook["entry"].split()
        assert (BIN / path.removeprefix(".venv/bin/")).is_file(), hook
        assert hook["language"] == "system"


def test_the_compose_file_is_one():
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", INFRA / "compose.yaml")


def test_compose_services_are_watched_and_listen_on_loopback_alone(compose):
    for name, service in compose["services"].items():
        ends = service["restart"] == "on-failure"  # does one thing and is done
        assert ends or service["healthcheck"]["test"], name
        for port in service.get("ports", []):
            assert port.startswith("${LISTEN:-127.0.0.1}:"), f"{name} {port}"
        assert "image" in service or "build" in service
        assert ":latest" not in service.get("image", ""), name
        for other, condition in service.get("depends_on", {}).items():
            ends = compose["services"][other]["restart"] == "on-failure"
            assert condition["condition"] == ("service_completed_successfully" if ends else "service_healthy")


def test_no_file_holds_a_password():
    for path in [p for p in INFRA.rglob("*") if p.is_file() and p.suffix not in (".png", ".pyc")]:
        for line in re.sub(r"\$\{[^}]*\}", "$", path.read_text()).splitlines():
            if line.lstrip().startswith("#"):
                continue
            found = re.search(r"(?i)(password|pswd|secret_key|access_key(_id)?)\w*[:=]\s*[\"']?([^\s\"']*)", line)
            assert found is None or not found[3] or found[3].startswith("$"), f"{path.name}: {line.strip()}"
    example = (INFRA / "env.example").read_text()
    for name in set(re.findall(r"\$\{(\w+):\?", (INFRA / "compose.yaml").read_text())):
        assert f"\n{name}=\n" in example, name
    assert ".env" in (HERE / ".gitignore").read_text().split()


def test_the_manifests_are_what_kubernetes_knows(tmp_path):
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl, which has kustomize, is not installed")
    manifests = tmp_path / "manifests.yaml"
    manifests.write_text(run("kubectl", "kustomize", INFRA / "kubernetes"))
    run(BIN / "kubernetes-validate", "--strict", manifests)
    kinds = [m["kind"] for m in yaml.safe_load_all(manifests.read_text())]
    assert {"Namespace", "ServiceAccount", "RoleBinding", "Deployment", "Service", "NetworkPolicy"} <= set(kinds)
    for manifest in yaml.safe_load_all(manifests.read_text()):
        if manifest["kind"] == "Service":
            assert manifest["spec"]["type"] == "ClusterIP"
        if manifest["kind"] == "Deployment":
            [container] = manifest["spec"]["template"]["spec"]["containers"]
            assert container["readinessProbe"]
            assert container["livenessProbe"]
            assert ":latest" not in container["image"]


def test_every_manifest_alone_is_what_kubernetes_knows():
    for path in sorted((INFRA / "kubernetes").rglob("*.yaml")):
        if path.name != "kustomization.yaml":
            run(BIN / "kubernetes-validate", "--strict", path)


def test_terraform_is_formatted():
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    run("terraform", "fmt", "-check", "-diff", INFRA / "aws")


def test_the_dockerfile_names_files_that_are_there_and_sent():
    text = (INFRA / "Dockerfile").read_text()
    sent = (HERE / ".dockerignore").read_text().split()
    copied = [name for line in re.findall(r"^COPY (.+)$", text, re.M) for name in line.split()[:-1]]
    assert {"constraints.txt", "moemoe", "data_contracts", "flows"} <= set(copied)
    for name in copied:
        assert (HERE / name).exists(), name
        assert f"!{name}" in sent, name
    assert re.findall(r"^FROM .* AS (\w+)$", text, re.M) == ["mlflow", "moemoe"]
    assert text.count("\nUSER ") == 2  # neither runs as root
    pinned = dict(line.split("==") for line in (HERE / "constraints.txt").read_text().split())
    assert {"torch", "torchvision", "mlflow", "psycopg2-binary", "kubernetes"} <= set(pinned)


def test_the_readme_names_what_is_there():
    text = (INFRA / "README.md").read_text()
    for name in set(re.findall(r"`((?:infra|flows)/[\w./-]+)`", text)):
        assert (HERE / name).exists() or name == "infra/.env", name
