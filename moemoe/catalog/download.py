"""One HTTP request for an image: a checked address, a deadline, a size limit. Redirects are left to the caller.

The connection goes to an address that ``addresses_of`` has allowed, never to a name that may have changed since. The
deadline and the limit are enforced in the socket, below all parsers, so that no response, however it is made, can take
more time or memory.
"""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from socket import IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY, socket
from typing import Any
from urllib.parse import unquote, urljoin

import certifi
from urllib3 import PoolManager, Retry, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import IncompleteRead, InvalidHeader, LocationParseError, ProtocolError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Url, create_urllib3_context, make_headers, parse_url
from urllib3.util.wait import wait_for_read

from moemoe import __version__
from moemoe.catalog.addresses import FetchError, addresses_of
from moemoe.catalog.images import CUT_SHORT, EMPTY, IS_URL, MAX_BYTES, TOO_LARGE, ImageError, check_start

MALFORMED, NO_ANSWER, TOO_SLOW = "image URL is malformed", "image host does not answer", "image takes too long"
NOT_SECURE, BAD_ANSWER = "image host has no valid certificate", "image host gives no HTTP answer"
REDIRECTED = "image is redirected without end"
ANSWERS = "image URL answers"
SILENT = "no byte in time"

CHUNK_BYTES = 2**16
#: After this time without a response, a thread counts as waiting for its host.
SOON_SECONDS = 0.005
#: A connection's buffer: one or two reads get most of a shop's images with their headers.
BUFFER_BYTES = 2**17
_HEADER_BYTES = 2**18
_REDIRECTS = (301, 302, 303, 307, 308)
#: Statuses worth another try, besides those from 500 on.
_PASSING = (408, 425, 429)
_HEADERS = {
    "User-Agent": f"moemoe/{__version__} (images of a product catalog)",
    "Accept": "image/jpeg,image/png,image/webp,image/*;q=0.8",
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True)
class Limits:
    """The limits for fetching an image.

    Args:
        connect_seconds: to connect, TLS included.
        read_seconds: without a byte.
        total_seconds: of one request, from the connection to the last byte.
        max_bytes: of an image.
        redirects: followed for one image.
        tries: of one image, if the error may be temporary.
        pause_seconds: before the second try; before each further one four times as long.
        longest_pause_seconds: accepted from a host's Retry-After.
        at_once: requests at once.
        per_host: requests at once to one host.
        host_failures: in a row without an answer, after which a host gets no requests for ``host_rest_seconds``.
    """

    connect_seconds: float = 5
    read_seconds: float = 10
    total_seconds: float = 60
    max_bytes: int = MAX_BYTES
    redirects: int = 5
    tries: int = 4
    pause_seconds: float = 1
    longest_pause_seconds: float = 120
    at_once: int = 32
    per_host: int = 8
    host_failures: int = 32
    host_rest_seconds: float = 60


@dataclass(frozen=True)
class Answer:
    """The bytes of an image, or the URL of a redirect."""

    data: bytes = b""
    location: Url | None = None


@lru_cache(2**14)  # a URL that waits is asked for its host, and later fetched
def parsed(text: str) -> Url:
    """An http(s) URL in its parts; without a scheme it is https.

    "&amp;", as exports write "&", is unescaped, and trailing list separators ("a.jpg,") are removed.

    Raises:
        ImageError: the URL is malformed. The message does not have the URL, as a password may be anywhere in it.
    """
    text = text.strip().rstrip(",;| ").replace("&amp;", "&")
    try:
        url = parse_url(f"https:{text}" if text.startswith("//") else text)
    except LocationParseError:
        raise ImageError(MALFORMED, "allowed is http(s)://HOST/PATH") from None
    if url.scheme not in ("http", "https"):
        raise ImageError(IS_URL, f"{str(url.scheme)[:20]}: only http and https are fetched")
    if not url.host:
        raise ImageError(MALFORMED, "allowed is http(s)://HOST/PATH")
    return url


class Client:
    """Makes requests from any number of threads; connections are reused."""

    def __init__(self, limits: Limits, allow_private: bool):
        self.limits, self.allow_private = limits, allow_private
        context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
        context.load_default_certs()
        context.load_verify_locations(certifi.where())  # an image of a container may have none of its own
        context.sslsocket_class = _TlsSocket
        self._pools = PoolManager(num_pools=limits.at_once, maxsize=limits.per_host, ssl_context=context)
        self._pools.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def get(self, url: Url, waits: Callable[[], None]) -> Answer:
        """One request.

        Args:
            waits: called if the host is slow to answer.

        Raises:
            ImageError: for every failure; a FetchError if it is unrelated to the image itself.
        """
        limits = self.limits
        headers = _HEADERS | (make_headers(basic_auth=unquote(url.auth)) if url.auth else {})
        response = None
        with _within(limits, self.allow_private, waits):
            try:
                pool = self._pools.connection_from_host(url.host, url.port, url.scheme)
                response = pool.urlopen(
                    "GET",
                    url.request_uri,
                    headers=headers,
                    timeout=Timeout(connect=limits.read_seconds, read=limits.read_seconds),
                    retries=False,
                    redirect=False,
                    preload_content=False,
                )
                return self._answer(url, response)
            except ImageError:
                raise
            except Exception as error:
                raise _image_error(error, response is not None) from None
            finally:
                if response is not None:
                    response.close()  # the connection too, if there is something unread on it

    def close(self) -> None:
        """Closes all connections."""
        self._pools.clear()

    def _answer(self, url: Url, response: BaseHTTPResponse) -> Answer:
        status, location = response.status, response.headers.get("Location")
        if status != 200 and response.length_remaining is not None and response.length_remaining <= CHUNK_BYTES:
            response.read()  # so that the connection can be used again
        if status in _REDIRECTS and location:
            return Answer(location=_redirected(url, location))
        if status >= 500 or status in _PASSING:
            raise FetchError(f"{ANSWERS} {status}", response.reason or "", True, _retry_after(response))
        if status != 200:
            raise ImageError(f"{ANSWERS} {status}", response.reason or "")
        announced = response.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced) > self.limits.max_bytes:
            raise ImageError(TOO_LARGE, f"{announced[:30]} bytes; allowed are {self.limits.max_bytes}")
        data = bytearray()
        for chunk in response.stream(CHUNK_BYTES):
            if not data:
                check_start(chunk)
            data += chunk
            if len(data) > self.limits.max_bytes:
                raise ImageError(TOO_LARGE, f"more than the {self.limits.max_bytes} bytes that are allowed")
        if not data:
            raise ImageError(EMPTY, "0 bytes")
        return Answer(bytes(data))


def _redirected(url: Url, location: str) -> Url:
    with suppress(UnicodeError):
        location = location.encode("latin-1").decode()  # as browsers read it; http.client takes it for latin-1
    try:
        joined = urljoin(url._replace(auth=None).url, location)
    except ValueError:
        joined = ""
    return parsed(joined)


def _retry_after(response: BaseHTTPResponse) -> float | None:
    value = response.headers.get("Retry-After")
    try:
        return None if value is None else Retry().parse_retry_after(value)
    except (InvalidHeader, ValueError, OverflowError):
        return None


# -- The connection ---------------------------------------------------------------------------------------------------


@dataclass
class _Request:
    """The remaining time and bytes of a thread's request."""

    limits: Limits
    allow_private: bool
    deadline: float
    bytes_left: int
    waits: Callable[[], None]
    has_begun: bool = False

    def seconds_left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise self.too_slow()
        return left

    def too_slow(self) -> FetchError:
        return FetchError(TOO_SLOW, f"allowed are {self.limits.total_seconds:g} seconds", again=False)


_of_thread = threading.local()


@contextmanager
def _within(limits: Limits, allow_private: bool, waits: Callable[[], None]) -> Iterator[None]:
    deadline = time.monotonic() + limits.total_seconds
    _of_thread.request = _Request(limits, allow_private, deadline, limits.max_bytes + _HEADER_BYTES, waits)
    try:
        yield
    finally:
        del _of_thread.request


class _Limited:
    """A socket that reads at most until the deadline and byte limit of its thread's request.

    It makes few system calls: each hands Python's lock to another thread, which costs more than the call itself.
    """

    def settimeout(self, seconds: float | None) -> None:
        if seconds != self.gettimeout():  # type: ignore[attr-defined]
            super().settimeout(seconds)  # type: ignore[misc]

    def makefile(self, *args: Any, **options: Any) -> Any:
        return super().makefile(*args, **{"buffering": BUFFER_BYTES, **options})  # type: ignore[misc]

    def recv_into(self, *args: Any, **options: Any) -> int:
        request: _Request = _of_thread.request
        if not request.has_begun:
            request.has_begun = True
            if not wait_for_read(self, SOON_SECONDS):  # type: ignore[arg-type]
                request.waits()
        left, seconds = request.seconds_left(), request.limits.read_seconds
        self.settimeout(min(left, seconds))  # type: ignore[attr-defined]
        try:
            count: int = super().recv_into(*args, **options)  # type: ignore[misc]
        except TimeoutError as error:
            raise (request.too_slow() if left <= seconds else error) from None
        request.bytes_left -= count
        if request.bytes_left < 0:
            raise ImageError(TOO_LARGE, "the answer does not end")
        return count


class _Socket(_Limited, socket):
    pass


class _TlsSocket(_Limited, ssl.SSLSocket):
    pass


class _Pinned:
    """Connects to a checked address."""

    def _new_conn(self) -> socket:
        request: _Request = _of_thread.request
        host, port, seconds = self.host, self.port, request.limits.connect_seconds  # type: ignore[attr-defined]
        problem: OSError | None = None
        for family, address in addresses_of(host, port, request.allow_private):
            connection = _Socket(family, SOCK_STREAM)
            try:
                connection.settimeout(min(seconds, request.seconds_left()))
                connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
                connection.connect(address)
                return connection
            except BaseException as error:
                connection.close()
                if not isinstance(error, OSError):
                    raise
                problem = error
        what = getattr(problem, "strerror", None) or "no connection in time"
        raise FetchError(NO_ANSWER, str(what), again=True)


class _Http(_Pinned, HTTPConnection):
    pass


class _Https(_Pinned, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


def _image_error(error: Exception, has_answered: bool) -> ImageError:
    """Translates what urllib3 raises for a broken or hostile host, without any part of the URL."""
    causes = [error, *error.args, error.__cause__]
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if tls is not None:
        return FetchError(NOT_SECURE, str(tls.reason or tls)[:200], again=False)
    lost = SILENT if isinstance(error, TimeoutError | ReadTimeoutError) else "the connection was lost"
    cut = next((cause for cause in causes if isinstance(cause, IncompleteRead)), None)
    if has_answered:
        came = f"{cut.partial} of {cut.partial + (cut.expected or 0)} bytes came" if cut else lost
        return FetchError(CUT_SHORT, came, again=True)
    if isinstance(error, ProtocolError | OSError) or lost == SILENT:
        return FetchError(NO_ANSWER, lost, again=True)
    return FetchError(BAD_ANSWER, type(error).__name__, again=False)
