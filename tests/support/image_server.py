"""A real HTTP server on loopback; tests define how each path answers, well or badly."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answering = Callable[[BaseHTTPRequestHandler], None]


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # of 5, a client's sixth connection waits for a second


class ImageServer:
    """``answers[path]`` answers a request; any other path is 404. ``asked`` counts requests, ``most`` those at once."""

    def __init__(self) -> None:
        self.answers: dict[str, Answering] = {}
        self.asked: Counter[str] = Counter()
        self.headers: dict[str, dict[str, str]] = {}
        self.now = self.most = 0
        self.stop = threading.Event()
        lock, server = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with lock:
                    server.asked[self.path] += 1
                    server.headers[self.path] = {name.lower(): value for name, value in self.headers.items()}
                    server.now += 1
                    server.most = max(server.most, server.now)
                try:
                    server.answers.get(self.path, status(404))(self)
                except OSError:  # the client has had enough
                    self.close_connection = True
                finally:
                    with lock:
                        server.now -= 1

            def log_message(self, *args: object) -> None:
                pass

        self.http = _Server(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.stop.set()
        self.http.shutdown()
        self.http.server_close()


@contextmanager
def image_server() -> Iterator[ImageServer]:
    server = ImageServer()
    try:
        yield server
    finally:
        server.close()


def body(data: bytes, kind: str = "image/jpeg", announced: int | None = None) -> Answering:
    """200 with ``data``; announced as of another length, the connection is closed after it."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(data) if announced is None else announced))
        request.end_headers()
        request.wfile.write(data)
        request.close_connection = announced is not None

    return answer


def status(code: int, **headers: str) -> Answering:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in {"Content-Length": "0", **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()

    return answer


def in_turn(*answers: Answering) -> Answering:
    """The first request is answered by the first, and so on; the last one answers all further ones."""
    left = list(answers)
    return lambda request: (left.pop(0) if len(left) > 1 else left[0])(request)


def without_end(data: bytes, server: ImageServer, seconds: float = 0.0, head: bytes = b"") -> Answering:
    """200 with ``head`` and then ``data`` for ever, so many seconds apart."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "image/jpeg")
        request.end_headers()
        request.wfile.write(head)
        while not server.stop.wait(seconds):
            request.wfile.write(data)

    return answer


def raw(data: bytes, server: ImageServer, seconds: float | None = None) -> Answering:
    """``data`` in the place of any HTTP, then the end; or again and again, so many seconds apart."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(data)
        while seconds is not None and not server.stop.wait(seconds):
            request.wfile.write(data[-1:])
        request.close_connection = True

    return answer
