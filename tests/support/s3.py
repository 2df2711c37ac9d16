"""A real S3 endpoint on loopback, and a proxy that fails as networks do."""

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO
from urllib.parse import urlparse

import pytest

from moemoe import s3

#: What the proxy may do with a request instead of handing it on.
UNAVAILABLE, TIMEOUT, FLIPPED, CUT, LOST = "503", "timeout", "a flipped byte", "cut short", "connection lost"


class FlakyProxy:
    """Hands requests on to ``endpoint``; ``fault(method, path)`` names what goes wrong with one, or None."""

    def __init__(self, endpoint: str):
        self.endpoint = urlparse(endpoint)
        self.fault: Callable[[str, str], str | None] = lambda method, path: None
        self.seen: list[tuple[str, str, str | None]] = []
        self.stop = threading.Event()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                proxy._handle(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = handle_one

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()

    def fail_first(self, times: int, fault: str, method: str, part: str = "") -> None:
        """The first ``times`` requests of that method whose path contains ``part`` go wrong."""
        left = [times]

        def choose(own: str, path: str) -> str | None:
            if own != method or part not in path or not left[0]:
                return None
            left[0] -= 1
            return fault

        self.fault = choose

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        fault = self.fault(request.command, request.path)
        self.seen.append((request.command, request.path, fault))
        length = int(request.headers.get("Content-Length") or 0)
        if fault == LOST:
            request.rfile.read(length // 2)
            self._hang_up(request)
            return
        if request.headers.get("Expect", "").lower() == "100-continue":
            pass  # http.server has answered it
        body = _chunks(request.rfile) if _is_chunked(request) else request.rfile.read(length) if length else None
        if fault == TIMEOUT:
            self.stop.wait(5)  # longer than the client waits
            self._hang_up(request)
            return
        if fault == UNAVAILABLE:
            request.send_response(503)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        there = http.client.HTTPConnection(self.endpoint.hostname, self.endpoint.port, timeout=30)
        ours = ("expect", "transfer-encoding")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in ours}
        there.request(request.command, request.path, body, headers)
        answer = there.getresponse()
        data = answer.read()
        if fault == FLIPPED and data:
            data = data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]
        request.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                request.send_header(name, value)
        size = answer.getheader("Content-Length") if request.command == "HEAD" else str(len(data))
        request.send_header("Content-Length", size or "0")
        request.end_headers()
        if fault == CUT:
            request.wfile.write(data[: len(data) // 2])
            self._hang_up(request)
        elif request.command != "HEAD":
            request.wfile.write(data)

    def _hang_up(self, request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        request.connection.shutdown(socket.SHUT_RDWR)


def _is_chunked(request: BaseHTTPRequestHandler) -> bool:
    return "chunked" in (request.headers.get("Transfer-Encoding") or "").lower()


def _chunks(stream: BinaryIO) -> bytes:
    """The whole of a body that comes in chunks, each after a line with its size."""
    parts = []
    while size := int(stream.readline().split(b";")[0], 16):
        parts.append(stream.read(size))
        stream.readline()
    while stream.readline().strip():
        pass  # trailers
    return b"".join(parts)


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of moto's server. All servers of a process share their buckets: ``s3_bucket`` empties its own."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()
        s3.client.cache_clear()


@contextmanager
def s3_bucket(monkeypatch: pytest.MonkeyPatch, bucket: str = "bucket") -> Iterator[Any]:
    """boto3's client of a server with an empty bucket, which boto3 finds by itself."""
    with s3_server() as url:
        yield _use(monkeypatch, url, bucket)


@contextmanager
def s3_endpoint(monkeypatch: pytest.MonkeyPatch, bucket: str = "bucket") -> Iterator[FlakyProxy]:
    """The same behind a proxy that does no harm yet."""
    with s3_server() as url:
        proxy = FlakyProxy(url)
        try:
            _use(monkeypatch, proxy.url, bucket)
            yield proxy
        finally:
            proxy.close()


def _use(monkeypatch: pytest.MonkeyPatch, url: str, bucket: str) -> Any:
    import boto3

    for name, value in {
        "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    s3.client.cache_clear()
    boto3.client("s3").create_bucket(Bucket=bucket)
    boto3.resource("s3").Bucket(bucket).objects.delete()
    return boto3.client("s3")
