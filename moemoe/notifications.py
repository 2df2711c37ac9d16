"""Sends notifications to people, through a webhook or a command from the config."""

import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Mapping
from typing import Any

from moemoe.redaction import redacted

#: The keys of a hook: the name of the environment variable with the webhook's URL, or a command that gets the payload
#: on its standard input.
KEYS = ("url_from", "command")
#: A hook's time-out, the longest that a run waits for it.
SECONDS = 5

FAILED, REFUSED, NOTHING_NEW, DRIFT = "failed", "promotion refused", "nothing new", "drift"

#: What the reader should do about each kind of notification; infra/README.md explains them.
WHAT_TO_DO = {
    FAILED: "The champion still serves. Fix the cause that the message names, then: "
    "python flows/{file} resume --origin-run-id {id}",
    REFUSED: "The champion still serves. See the card of the step register: "
    "python flows/{file} card view {run}/register",
    NOTHING_NEW: "Nothing, if no new data was due; otherwise check the delivery of the catalog.",
    DRIFT: "See the card of the step split before you trust the new metrics: python flows/{file} card view {run}/split",
}


def notify(hook: Mapping[str, Any] | None, kind: str, run: str, message: str) -> bool:
    """Sends one notification; returns whether it arrived, and never raises: a run does not depend on it.

    Args:
        hook: ``notify`` of the config; None or empty: nothing is sent.
        kind: FAILED, REFUSED, NOTHING_NEW or DRIFT.
        run: the run's pathspec, ``TrainFlow/123``.
        message: what happened, in words; secrets in it are redacted.
    """
    if not hook:
        return False
    flow, _, number = run.partition("/")
    file = re.sub("(?<!^)(?=[A-Z])", "_", flow).lower() + ".py"
    what_to_do = WHAT_TO_DO[kind].format(file=file, run=run, id=number)
    message = redacted(message)
    payload = {"kind": kind, "run": run, "message": message, "what_to_do": what_to_do}
    payload["text"] = f"{run}: {kind}. {message}\n{what_to_do}"  # the field that Slack, Mattermost and Teams show
    problems: list[str] = []
    sending = threading.Thread(target=_send, args=(hook, json.dumps(payload).encode(), problems), daemon=True)
    sending.start()
    sending.join(SECONDS + 1)
    if sending.is_alive():
        problems.append(f"no answer within {SECONDS} seconds")
    if problems:
        print(f"notification not sent ({redacted(problems[0])}): {kind}: {message}", file=sys.stderr, flush=True)
    return not problems


def _send(hook: Mapping[str, Any], payload: bytes, problems: list[str]) -> None:
    try:
        if hook.get("url_from"):
            _post(str(hook["url_from"]), payload)
        if hook.get("command"):
            subprocess.run(list(hook["command"]), input=payload, timeout=SECONDS, check=True, capture_output=True)
    except Exception as error:
        problems.append(f"{type(error).__name__}: {error}")


def _post(variable: str, payload: bytes) -> None:
    url = os.environ.get(variable, "")
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"the environment variable {variable} is not set to an http(s) URL")
    request = urllib.request.Request(url, payload, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=SECONDS):
        pass
