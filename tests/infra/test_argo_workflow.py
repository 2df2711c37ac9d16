"""The executor of compiled workflows, with workflows of a few lines of shell."""

import pytest

from tests.support.argo_workflow import UnknownFieldError, Workflow, filled, holds, is_true

OUT = {"volumes": [{"name": "out", "emptyDir": {}}], "mounts": [{"name": "out", "mountPath": "/mnt/out"}]}


def container(name, script, inputs=(), outputs=(), **more):
    return {
        "name": name,
        "inputs": {"parameters": [{"name": item} for item in inputs]},
        "outputs": {"parameters": [{"name": o, "valueFrom": {"path": f"/mnt/out/{o}"}} for o in outputs]},
        "container": {"command": ["bash", "-c", script], "volumeMounts": OUT["mounts"]},
        "volumes": OUT["volumes"],
        **more,
    }


def task(name, depends="", given=None, **more):
    parameters = [{"name": key, "value": value} for key, value in (given or {}).items()]
    return {"name": name, "template": name, "depends": depends, "arguments": {"parameters": parameters}, **more}


@pytest.fixture
def run(pods, tmp_path):
    def submit(tasks, *templates, parameters=None, on_line=None, **spec):
        compiled = {
            "metadata": {"name": "small", "namespace": "moemoe"},
            "spec": {
                "entrypoint": "main",
                "arguments": {"parameters": [{"name": "what", "value": '"default"'}]},
                "templates": [{"name": "main", "dag": {"tasks": tasks}}, *templates],
                **spec,
            },
        }
        workflow = Workflow(compiled, tmp_path, {"keys": {"A_KEY": "from the secret"}}, parameters)
        if on_line:
            workflow.on_line = on_line
        return workflow.run()

    return submit


def said(outcome, template):
    return ["".join(attempt.log for attempt in node.attempts).strip() for node in outcome.of(template)]


def test_a_fan_out_passes_each_item_on_and_what_depends_on_it_waits(run):
    outcome = run(
        [
            task("split"),
            task("each", "split.Succeeded", {"item": "{{item}}"}, withParam="{{tasks.split.outputs.parameters.items}}"),
            task("join", "each.Succeeded", {"items": "{{tasks.split.outputs.parameters.items}}"}),
        ],
        container("split", "echo [3,5] > /mnt/out/items", outputs=["items"]),
        container("each", "echo {{inputs.parameters.item}} of {{workflow.parameters.what}}", ["item"]),
        container("join", "echo '{{inputs.parameters.items}}' '{{workflow.name}}'", ["items"]),
        parameters={"what": "given"},
    )
    assert outcome.state == "Succeeded", outcome.told()
    assert sorted(said(outcome, "each")) == ["3 of given", "5 of given"]
    assert said(outcome, "join") == [f"[3,5]\n {outcome.name}"]
    assert [node.template for node in outcome.nodes][-2:] == ["join", "main"]


def test_a_container_is_alone_with_its_image_its_variables_and_its_secrets(run, monkeypatch):
    monkeypatch.setenv("OF_THIS_MACHINE", "1")
    script = "pwd; ls -A /tmp/home /mnt/out; echo ${OF_THIS_MACHINE:-none} $A_KEY $ITS $WHERE $GX_ANALYTICS_ENABLED"
    fields = [
        {"name": "ITS", "value": "{{workflow.namespace}}"},
        {"name": "WHERE", "valueFrom": {"fieldRef": {"fieldPath": "spec.serviceAccountName"}}},
    ]
    template = container("alone", f"{script}; sleep 1000; python -c 'import moemoe'", serviceAccountName="robot")
    template["container"] |= {"env": fields, "envFrom": [{"secretRef": {"name": "keys"}}]}
    outcome = run([task("alone")], template)
    [alone] = said(outcome, "alone")
    assert alone.startswith("/tmp/home\n/mnt/out:\n\n/tmp/home:\nnone from the secret moemoe robot false\n")
    assert "No module named 'moemoe'" in alone
    assert outcome.state == "Failed"


def test_a_killed_attempt_is_tried_again_as_often_as_the_strategy_says(run):
    outcome = run(
        [task("killed"), task("after", "killed.Succeeded")],
        container("killed", "echo attempt {{retries}}; sleep 1; read < <(tail -f /dev/null)",
                  retryStrategy={"limit": 2, "retryPolicy": "Always", "backoff": {"duration": "2m"}}),
        container("after", "echo never"),
        on_line=lambda template, attempt, pod, line: pod.kill(),
    )  # fmt: skip
    [killed] = outcome.of("killed")
    assert [attempt.status for attempt in killed.attempts] == [-9, -9, -9]
    assert [attempt.log for attempt in killed.attempts] == [f"attempt {i}\n" for i in range(3)]
    assert [node.state for node in outcome.of("after")] == ["Omitted"]


def test_a_container_that_outlives_its_deadline_is_killed(run):
    outcome = run([task("long")], container("long", "read < <(tail -f /dev/null)", activeDeadlineSeconds=1))
    assert outcome.of("long")[0].attempts[0].status == -9


def test_a_task_that_leaves_no_output_has_failed(run):
    outcome = run([task("none")], container("none", "true", outputs=["task_id"]))
    assert outcome.state == "Failed"
    assert "there is no /mnt/out/task_id for output task_id" in outcome.told()


@pytest.mark.parametrize(("status", "called"), [(0, ["always"]), (1, ["always", "told"])])
def test_hooks_are_called_for_the_states_that_they_name(run, status, called):
    when = {"name": "told", "template": "told", "when": "{{workflow.status}} != Succeeded"}
    outcome = run(
        [task("work")], container("work", f"exit {status}"), container("told", "echo '{{workflow.failures}}'"),
        container("always", "echo {{workflow.status}}"), {"name": "exit", "steps": [[when]]},
        onExit="exit", hooks={"any": {"template": "always"}},
    )  # fmt: skip
    assert sorted({node.template for node in outcome.nodes if node.attempts} - {"work"}) == called
    assert said(outcome, "always") == ["Failed" if status else "Succeeded"]


def test_only_the_branch_that_a_switch_has_chosen_runs(run):
    given = "tasks['switch'].outputs.parameters['switch-step']"
    chosen = "({{=(tasks['switch'].status == 'Succeeded' ? " + given + " : nil) == '%s'}})"
    switch = container("switch", "printf left > /mnt/out/switch_step")
    switch["outputs"]["parameters"] = [{"name": "switch-step", "valueFrom": {"path": "/mnt/out/switch_step"}}]
    outcome = run(
        [
            task("switch"),
            task("left", "switch.Succeeded", when=chosen % "left"),
            task("right", "switch.Succeeded", when=chosen % "right"),
            task("join", "left.Succeeded || right.Succeeded"),
        ],
        switch, container("left", "true"), container("right", "true"), container("join", "true"),
    )  # fmt: skip
    states = {node.template: node.state for node in outcome.nodes}
    assert states == {"switch": "Succeeded", "left": "Succeeded", "right": "Skipped", "join": "Succeeded",
                      "main": "Succeeded"}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"synchronization": {"mutex": {}}}, "template one has the field synchronization"),
        ({"retryStrategy": {"limit": 1, "expression": "false"}}, "retryStrategy  has the field expression"),
        ({"volumes": [{"name": "out", "persistentVolumeClaim": {"claimName": "x"}}]}, "field persistentVolumeClaim"),
        ({"dag": {"tasks": [{"name": "a", "template": "one", "continueOn": {"failed": True}}]}}, "field continueOn"),
    ],
)
def test_a_field_that_is_not_known_is_an_error(tmp_path, change, message):
    compiled = {
        "metadata": {"name": "small", "namespace": "moemoe"},
        "spec": {"entrypoint": "one", "templates": [container("one", "true") | change]},
    }
    with pytest.raises(UnknownFieldError, match=message):
        Workflow(compiled, tmp_path, {})


def test_tags_and_conditions():
    scope = {"inputs.parameters.a": "x y", "workflow.status": "Failed", "tasks.b.status": "Succeeded"}
    assert filled("{{inputs.parameters.a}} {{=toBase64(inputs.parameters['a'])}}", scope) == "x y eCB5"
    assert filled("{{tasks.c.outputs.parameters.id}}", scope) == "{{tasks.c.outputs.parameters.id}}"  # as Argo does
    with pytest.raises(UnknownFieldError, match=r"the tag \{\{pod.name\}\}"):
        filled("{{pod.name}}", scope)
    states = {"a": "Succeeded", "b-c": "Skipped"}
    assert holds("(a.Succeeded) && (b-c.Succeeded || b-c.Skipped)", states)
    assert not holds("a.Succeeded && !b-c.Skipped", states)
    assert is_true("{{workflow.status}} != Succeeded", scope, states)
    assert is_true("({{tasks.b.status}}==Succeeded) || ({{tasks.b.status}}==Failed)", scope, states)
    with pytest.raises(UnknownFieldError, match="the condition"):
        is_true("{{workflow.status}} =~ 'F.*'", scope, states)
