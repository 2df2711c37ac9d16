"""Metaflow's metadata service as far as flows and its client use it, in memory, on loopback."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

VERSION = "2.5.0"
#: /flows/F/runs/R/steps/S/tasks/T, as far down as a request goes, and what of the last one it is about.
PATH = re.compile(
    r"(?P<object>/flows/[^/]+(/runs/[^/]+(/steps/[^/]+(/tasks/[^/]+)?)?)?)"
    r"(/(?P<what>runs?|steps?|tasks?|artifacts?|metadata|heartbeat)(/(?P<name>[^/]+))?(/attempt/(?P<attempt>\d+)(/artifacts)?)?)?"
)
#: What a new object of each kind is called in the body that creates it.
ID = {"run": "run_number", "task": "task_id"}


class MetadataService:
    """The objects by their paths, and the artifacts and metadata of tasks in the order in which they came."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.artifacts: dict[str, list[dict[str, Any]]] = {}
        self.metadata: dict[str, list[dict[str, Any]]] = {}
        self.lock = threading.Lock()

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """The status and the JSON that answer a request."""
        found = PATH.fullmatch(path)
        if found is None:
            return 501, {"message": f"{method} {path} is not served in tests"}
        place, what = found["object"], found["what"]
        with self.lock:
            if method == "POST":
                return self._create(place, what, body)
            if what is None:
                known = self.objects.get(place)
                return (200, known) if known else (404, {"message": f"{place} is not known"})
            if what == "artifacts":
                return self._artifacts(place, found["name"], found["attempt"])
            if what == "metadata":
                return 200, self.metadata.get(place, [])
            children = re.compile(f"{re.escape(place)}/{what}/[^/]+")
            return 200, [item for name, item in self.objects.items() if children.fullmatch(name)]

    def _create(self, place: str, what: str | None, body: Any) -> tuple[int, Any]:
        if what == "heartbeat":
            return 200, json.dumps({"wait_time_in_seconds": 10})  # a text that holds JSON, as the real one answers
        if what in ("artifact", "metadata"):
            kept = self.artifacts if what == "artifact" else self.metadata
            for item in body:
                kept.setdefault(place, []).append({**_ids(place), **item, "ts_epoch": _now(), "id": len(kept)})
            return 200, {"artifacts_created": len(body)}
        if what in ID:  # a step's own name is in its path already
            place = f"{place}/{what}s/{body[ID[what]]}"
        if place in self.objects:
            return 409, {"message": f"{place} exists"}
        self.objects[place] = {"ts_epoch": _now(), **body, **_ids(place)}
        return 200, self.objects[place]

    def _artifacts(self, place: str, name: str | None, attempt: str | None) -> tuple[int, Any]:
        """Those of one attempt of a task; of its latest if none is named."""
        mine = self.artifacts.get(place, [])
        latest = int(attempt) if attempt else max((item["attempt_id"] for item in mine), default=0)
        own = [item for item in mine if item["attempt_id"] == latest]
        if name is None:
            return 200, own
        return next(((200, item) for item in own if item["name"] == name), (404, {"message": f"{name} is not known"}))


def _ids(place: str) -> dict[str, str]:
    parts = place.split("/")[2::2]
    return dict(zip(("flow_id", "run_number", "step_name", "task_id"), parts, strict=False))


def _now() -> int:
    return int(time.time() * 1000)


@contextmanager
def metadata_service() -> Iterator[tuple[str, MetadataService]]:
    """The service's address and what it knows."""
    service = MetadataService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path.rstrip("/") == "/ping":
                status, answer = 200, "pong"
            else:
                status, answer = service.answer(self.command, self.path, json.loads(body or "null"))
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("METADATA_SERVICE_VERSION", VERSION)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = handle_one

        def log_message(self, *arguments) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", service
    finally:
        server.shutdown()
        server.server_close()
