"""Notifications against a real HTTP server on loopback, and to a real command."""

import json
import socket
import sys
import time

import pytest

from moemoe import notifications
from moemoe.notifications import DRIFT, FAILED, NOTHING_NEW, REFUSED, notify
from moemoe.redaction import redacted
from tests.support.hook import Hook

RUN = "TrainFlow/1234"


@pytest.fixture
def hook(monkeypatch):
    with Hook() as hook:
        monkeypatch.setenv("THE_WEBHOOK", hook.url)
        yield hook


@pytest.mark.parametrize("kind", [FAILED, REFUSED, NOTHING_NEW, DRIFT])
def test_a_webhook_gets_what_happened_where_and_what_to_do(hook, kind):
    assert notify({"url_from": "THE_WEBHOOK"}, kind, RUN, "the loss is not finite")
    [payload] = hook.payloads
    assert payload["kind"] == kind
    assert payload["run"] == RUN
    assert payload["message"] == "the loss is not finite"
    assert "{" not in payload["what_to_do"]
    assert all(payload[name] in payload["text"] for name in ("kind", "run", "message", "what_to_do"))


def test_a_command_gets_the_payload_on_its_standard_input(tmp_path):
    save = f"import sys; open({str(tmp_path / 'got.json')!r}, 'w').write(sys.stdin.read())"
    assert notify({"command": [sys.executable, "-c", save]}, FAILED, RUN, "it broke")
    payload = json.loads((tmp_path / "got.json").read_text())
    assert payload["message"] == "it broke"
    assert "--origin-run-id 1234" in payload["what_to_do"]


def test_what_to_do_names_the_flow_that_failed(hook):
    notify({"url_from": "THE_WEBHOOK"}, FAILED, "MultiNodeTrainFlow/argo-1", "step train: no")
    notify({"url_from": "THE_WEBHOOK"}, FAILED, "BackfillFlow/argo-2", "step report: no")
    said = [payload["what_to_do"] for payload in hook.payloads]
    assert "python flows/multi_node_train_flow.py resume --origin-run-id argo-1" in said[0]
    assert "python flows/backfill_flow.py resume --origin-run-id argo-2" in said[1]


def test_nobody_asked_for_it():
    assert not notify(None, FAILED, RUN, "it broke")
    assert not notify({}, FAILED, RUN, "it broke")


@pytest.mark.parametrize(
    ("hook", "url", "reason"),
    [
        ({"url_from": "THE_WEBHOOK"}, "", "the environment variable THE_WEBHOOK is not set to an http(s) URL"),
        ({"url_from": "THE_WEBHOOK"}, "file:///etc/passwd", "is not set to an http(s) URL"),
        ({"url_from": "THE_WEBHOOK"}, "http://127.0.0.1:9/very-secret-path", "refused"),
        ({"command": ["no-such-program"]}, "", "no-such-program"),
        ({"command": [sys.executable, "-c", "raise SystemExit(3)"]}, "", "exit status 3"),
    ],
    ids=["no URL", "not http", "nobody there", "no program", "failing program"],
)
def test_a_hook_that_does_not_work_is_said_and_stops_nothing(monkeypatch, capsys, hook, url, reason):
    monkeypatch.setenv("THE_WEBHOOK", url)
    assert not notify(hook, FAILED, RUN, "it broke")
    said = capsys.readouterr().err
    assert reason in said
    assert "it broke" in said
    assert "very-secret-path" not in said


def test_a_hook_that_does_not_answer_is_left_behind(monkeypatch, capsys):
    monkeypatch.setattr(notifications, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("THE_WEBHOOK", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        started = time.monotonic()
        assert not notify({"url_from": "THE_WEBHOOK"}, FAILED, RUN, "it broke")
    assert time.monotonic() - started < 30  # a hang would last for ever
    assert "timed out" in capsys.readouterr().err


def test_secrets_are_blacked_out(hook, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.setenv("MY_COLOUR", "magenta-red")
    message = "no answer from postgresql://moemoe:hunter2@db/mlflow with wJalrXUtnFEMI in magenta-red"
    notify({"url_from": "THE_WEBHOOK"}, FAILED, RUN, message)
    [payload] = hook.payloads
    assert "hunter2" not in json.dumps(payload)
    assert "wJalrXUtnFEMI" not in json.dumps(payload)
    assert "postgresql://moemoe:***@db/mlflow with *** in magenta-red" in payload["message"]
    assert redacted(hook.url) == "***"  # the URL of the webhook is one itself
