"""The registered model over HTTP, served by ``mlflow models serve``."""

import base64
import io
import json
import os
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.served import SHIRT, ask, jpeg
from tests.support.warm_python import warm_python


class Server:
    """``mlflow models serve`` of one model; ``said`` is what it wrote."""

    LISTENS = "Uvicorn running on"  # one worker says "Application startup complete" before its socket is bound

    def __init__(self, uri: str, model_uri: str, programs: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url, self.said = f"http://127.0.0.1:{port}/invocations", []
        # MLflow looks for uvicorn on the path, where an activated environment has it; this one has its libraries loaded
        uvicorn = programs / "uvicorn"
        uvicorn.write_text(f'#!/bin/sh\nexec {warm_python()} -m uvicorn "$@"\n')
        uvicorn.chmod(0o755)
        path = os.pathsep.join([str(programs), os.environ["PATH"]])
        command = ["-m", "mlflow", "models", "serve", "-m", model_uri, "--env-manager", "local"]
        self._process = subprocess.Popen(
            [warm_python(), *command, "--host", "127.0.0.1", "-p", str(port)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            env={**os.environ, "MLFLOW_TRACKING_URI": uri, "PATH": path},
        )  # fmt: skip
        self._ready = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()
        self._ready.wait(240)
        assert any(self.LISTENS in line for line in self.said), "".join(self.said)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(line)
            if self.LISTENS in line:
                self._ready.set()
        self._ready.set()

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(30)

    def ask(self, body: object, kind: str = "application/json") -> tuple[int, dict]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url, data, {"Content-Type": kind})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


@pytest.fixture(scope="module")
def server(uri, model_uri, tmp_path_factory) -> Iterator[Server]:
    running = Server(uri, model_uri, tmp_path_factory.mktemp("programs"))
    yield running
    running.stop()


def test_http_answers_what_pyfunc_answers(server, model):
    image = base64.b64encode(jpeg()).decode()
    rows = [{**SHIRT, "image": image}, {**SHIRT, "attributes": ["color"]}]
    status, answer = server.ask({"dataframe_records": rows})
    assert status == 200, answer
    expected = pd.concat([ask(model, row) for row in rows], ignore_index=True)
    found = pd.DataFrame(answer["predictions"])
    plain = [table.drop(columns="confidence").to_dict("records") for table in (found, expected)]
    assert plain[0] == plain[1]
    assert found["confidence"].tolist() == pytest.approx(expected["confidence"].tolist(), rel=1e-4)
    many = [{**SHIRT, "product_id": str(i)} for i in range(150)]  # more than a batch
    status, answer = server.ask({"dataframe_records": many, "params": {"thresholds": "guarded"}})
    assert status == 200
    assert len(answer["predictions"]) == 300


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"dataframe_records": [{**SHIRT, "product_type": "Sofa"}]}, "row 0: product type 'Sofa' is unknown"),
        ({"dataframe_records": [{**SHIRT, "image": "bm8gcGljdHVyZQ=="}]}, "row 0: the image cannot be used"),
        ({"dataframe_records": [{**SHIRT, "image": "/etc/hostname"}]}, "MOEMOE_IMAGE_FOLDER is not set"),
        ({"dataframe_records": [{**SHIRT, "attributes": ["colour"]}]}, "attribute 'colour' is unknown for shirt"),
        ({"dataframe_records": [{"product_type": "shirt"}]}, "title"),
        ({"dataframe_records": [SHIRT], "params": {"thresholds": "high"}}, "allowed are plain, guarded"),
        ({"dataframe_records": [SHIRT], "params": {"threshold": "guarded"}}, "did you mean 'thresholds'?"),
        ({"dataframe_records": [SHIRT], "thresholds": "guarded"}, "unknown key 'thresholds'"),
        ({"dataframe_records": [{**SHIRT, "title": ""}]}, "row 0: neither title nor description"),
        ({"dataframe_records": [SHIRT], "instances": [SHIRT]}, "the body has dataframe_records and instances"),
        ({"inputs": {"product_type": ["shirt"], "title": ["a", "b"]}}, "of different lengths: product_type 1, title 2"),
        (b"{", "JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"inputs": {"product_type": "shirt", "title": "\\ud83d"}}', "half a character"),
        ({"dataframe_records": [{**SHIRT, "images": "[" * 100_000}]}, "allowed is a list of images"),
        ({"dataframe_records": [{**SHIRT, "image": {"bytes": 5}}]}, "allowed are bytes or base64"),
        ({"dataframe_records": [{**SHIRT, "image": "https://" + "a:" * 10**5}]}, "MOEMOE_IMAGE_FOLDER is not set"),
        ({"dataframe_records": [{**SHIRT, "attributes": ["a" * 1000]}]}, "is unknown for shirt"),
        ({"dataframe_records": [SHIRT], "params": {"thresholds": 5}}, "parameter thresholds is '5'; allowed is text"),
        ({"dataframe_records": [SHIRT], "params": {"thresholds": "a" * 1000}}, "allowed are plain, guarded"),
        ({"dataframe_records": [{}]}, "dataframe_records has no product_type"),
        ({"dataframe_split": {"columns": ["title", "title"], "data": [[1, 2]]}}, "has the column 'title' twice"),
        ({"dataframe_split": {"columns": None, "data": None}}, "allowed is a list of names"),
    ],
    ids=["product type", "image", "path", "attribute", "column", "thresholds", "parameter", "key", "empty title",
         "two tables", "lengths", "JSON", "depth", "half a character", "depth of images", "image of a number",
         "long URL", "long attribute", "number as parameter", "long thresholds", "no column",
         "column twice", "no columns"],
)  # fmt: skip
def test_a_bad_request_gets_a_400_that_says_why(server, body, message):
    status, answer = server.ask(body)
    assert status == 400
    assert message in answer["message"]
    assert "Traceback" not in json.dumps(answer)
    assert len(answer["message"]) < 400  # without the whole table


def test_every_form_of_a_request_gives_the_same_answers(server):
    """Rows and columns, with cells missing in some rows and numeric ids, as clients of MLflow send them."""
    rows = [
        {"product_id": 8900123450001, "product_type": "Tshirts", "title": "cotton shirt", "bullet_points": ["soft"]},
        {"product_type": "kurta", "title": "silk kurta", "description": None, "attributes": ["color"]},
    ]
    names = ["product_id", "product_type", "title", "bullet_points", "description", "attributes"]
    columns = {name: [row.get(name) for row in rows] for name in names}
    split = {"columns": names, "index": [7, 8], "data": [[row.get(name) for name in names] for row in rows]}
    forms = {"dataframe_records": rows, "dataframe_split": split, "instances": rows, "inputs": rows}
    answers = [server.ask({form: body}) for form, body in [*forms.items(), ("inputs", columns), ("instances", columns)]]
    assert [status for status, _ in answers] == [200] * 6, answers
    assert all(answer == answers[0][1] for _, answer in answers)
    found = [(row["product_id"], row["attribute"]) for row in answers[0][1]["predictions"]]
    assert found == [("8900123450001", "color"), ("8900123450001", "material"), (None, "color")]
    status, answer = server.ask({"inputs": rows[0]})  # one row
    assert (status, len(answer["predictions"])) == (200, 2)


def test_what_pandas_writes_is_read(server):
    frame = pd.DataFrame([{**SHIRT, "product_id": "007"}, {**SHIRT, "product_id": np.nan, "description": "soft"}])
    status, answer = server.ask(frame.to_csv(index=False).encode(), "text/csv")
    assert status == 200, answer
    assert [row["product_id"] for row in answer["predictions"]] == ["007", "007", None, None]
    written = io.BytesIO()
    frame.to_parquet(written)
    status, from_parquet = server.ask(written.getvalue(), "application/vnd.apache.parquet")
    assert (status, from_parquet) == (200, answer)


def test_the_model_is_loaded_once(server):
    server.ask({"dataframe_records": [SHIRT]})
    assert sum("model loaded from" in line for line in server.said) == 1, "".join(server.said)
