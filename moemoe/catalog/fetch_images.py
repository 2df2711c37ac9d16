"""Downloads images into ``UrlImages`` with a bounded pool of requests, few per host, ahead of the rows' reader."""

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
from urllib3.util import Url

from moemoe.catalog.addresses import UNKNOWN_HOST, FetchError
from moemoe.catalog.download import NO_ANSWER, REDIRECTED, Answer, Client, Limits, parsed
from moemoe.catalog.images import ImageError, is_url
from moemoe.catalog.url_images import UrlImages
from moemoe.storage import is_s3

#: Limits for reading ahead: rows, and bytes of rows.
AHEAD_ROWS, AHEAD_BYTES = 8192, 64 * 2**20
#: Threads per host that are not waiting for it; more of them would only contend for Python's lock.
BUSY_WORKERS = 2
#: Seconds between two progress lines.
SAY_SECONDS = 10


@dataclass
class _Host:
    """The state of one host: waiting URLs, running requests, and whether it answers."""

    slots: threading.Semaphore
    waiting: deque[tuple[str, "Future[None]"]] = field(default_factory=deque)
    workers: int = 0
    waiting_workers: int = 0
    not_before: float = 0.0
    failures: int = 0
    rests_until: float = 0.0


class ImageFetcher:
    """Fetches images into ``images``, at most once each, from any thread; a context that stops at its end.

    Args:
        images: where they are kept; URLs settled there are not requested again.
        allow_private: whether hosts with private addresses are allowed.
        say: called with a progress line every SAY_SECONDS and at the end.
        pause: waits the given seconds; by default it returns early at the end.
    """

    def __init__(
        self,
        images: UrlImages,
        allow_private: bool = False,
        limits: Limits | None = None,
        say: Callable[[str], None] | None = None,
        pause: Callable[[float], object] | None = None,
    ):
        self.images, self.limits = images, limits or Limits()
        self._client = Client(self.limits, allow_private)
        self._closed = threading.Event()
        self._say, self._pause = say, pause or self._closed.wait
        #: On S3 each image waits for the store.
        self._busy_workers = self.limits.per_host if is_s3(images.folder) else BUSY_WORKERS
        self._pool = ThreadPoolExecutor(self.limits.at_once, thread_name_prefix="fetch")
        self._lock = threading.Lock()
        self._of_thread = threading.local()
        self._hosts: dict[str, _Host] = {}
        self._running: dict[str, Future[None]] = {}
        self._queued = 0  # workers that wait for a thread
        self._began, self._said = time.time(), time.monotonic()
        self.fetched = self.settled = 0
        #: Reason -> URLs that gave no image.
        self.failed: Counter[str] = Counter()

    def __enter__(self) -> "ImageFetcher":
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._closed.set()
            for host in self._hosts.values():
                for _, future in host.waiting:
                    future.cancel()
        self._pool.shutdown(cancel_futures=True)
        self._client.close()
        if self._say and (self.fetched or self.settled or self.failed):
            self._say(self.summary())

    def fetch(self, url: str) -> "Future[None]":
        """Requests a URL; once the future is done, ``images`` has the bytes or the reason for the failure."""
        with self._lock:
            if url in self._running:
                return self._running[url]
            future = self._running[url] = Future()
            host = self._host(_host_name(url))
            host.waiting.append((url, future))
            self._start(host)
        return future

    def summary(self) -> str:
        """The progress so far, in one line."""
        rate = self.fetched / max(time.time() - self._began, 1e-9)
        reasons = ", ".join(f"{reason}: {count:,}" for reason, count in self.failed.most_common())
        return (
            f"images behind URLs: {self.fetched:,} fetched ({rate:.0f}/s), {self.settled:,} known already, "
            f"{self.failed.total():,} failed" + (f" ({reasons})" if reasons else "")
        )

    def _host(self, name: str) -> _Host:
        return self._hosts.setdefault(name, _Host(threading.Semaphore(self.limits.per_host)))

    def _submit(self, host: _Host) -> None:
        self._queued += 1
        self._pool.submit(self._work, host)

    def _work(self, host: _Host) -> None:
        """Fetches a host's URLs until another host waits for a thread."""
        with self._lock:
            self._queued -= 1
        url, self._of_thread.host, self._of_thread.waits = "", host, False
        while taken := self._next(host, url):
            url, future = taken
            try:
                self._settle(url)
                future.set_result(None)
            except BaseException as error:  # such as no space left, or S3 unreachable: the waiting reader must get it
                future.set_exception(error)

    def _next(self, host: _Host, done: str = "") -> "tuple[str, Future[None]] | None":
        with self._lock:
            self._running.pop(done, None)
            if not host.waiting or self._closed.is_set():
                host.workers -= 1
                return None
            if done and self._queued:
                self._submit(host)  # behind the other hosts
                return None
            return host.waiting.popleft()

    def _start(self, host: _Host) -> None:
        """Starts a worker if URLs are waiting, unless enough of the host's workers are busy."""
        busy = host.workers - host.waiting_workers
        if host.waiting and busy < self._busy_workers and host.workers < self.limits.per_host:
            host.workers += 1
            self._submit(host)

    def _waits(self) -> None:
        """Marks this thread as waiting for its host, so that another thread may work for it."""
        if self._of_thread.waits:  # for an earlier request of the same image, redirected or tried again
            return
        with self._lock:
            self._of_thread.waits = True
            self._of_thread.host.waiting_workers += 1
            self._start(self._of_thread.host)

    def _goes_on(self) -> None:
        """Marks this thread as busy again."""
        if self._of_thread.waits:
            with self._lock:
                self._of_thread.waits = False
                self._of_thread.host.waiting_workers -= 1

    def _settle(self, url: str) -> None:
        if self.images.is_settled(url, self._began):
            self._count(settled=1)
            return
        try:
            data = self._get(url)
        except ImageError as error:
            self.images.keep_failure(url, error, is_dead=not isinstance(error, FetchError))
            self._count(reason=error.reason)
            return
        finally:
            self._goes_on()
        self.images.keep(url, data)
        self._count(fetched=1)

    def _count(self, fetched: int = 0, settled: int = 0, reason: str = "") -> None:
        with self._lock:
            self.fetched, self.settled = self.fetched + fetched, self.settled + settled
            if reason:
                self.failed[reason] += 1
            now = time.monotonic()
            if self._say and now - self._said >= SAY_SECONDS:
                self._said = now
                self._say(self.summary())

    def _get(self, text: str) -> bytes:
        """The bytes behind a URL, after redirects. Raises ImageError."""
        url = parsed(text)
        for _ in range(self.limits.redirects + 1):
            answer = self._ask_patiently(url)
            if answer.location is None:
                return answer.data
            url = answer.location
        raise ImageError(REDIRECTED, f"more than {self.limits.redirects} times")

    def _ask_patiently(self, url: Url) -> Answer:
        """One request, retried with backoff if the error may be temporary. Raises ImageError."""
        with self._lock:
            host = self._host(url.host or "")
        for number in range(1, self.limits.tries + 1):
            try:
                return self._ask(host, url)
            except FetchError as error:
                if not error.again or number == self.limits.tries or self._closed.is_set():
                    raise
                seconds = self.limits.pause_seconds * 4 ** (number - 1) * random.uniform(0.5, 1)
                if error.retry_after is not None:
                    seconds = error.retry_after
                if seconds > self.limits.longest_pause_seconds:
                    raise
                host.not_before = max(host.not_before, time.monotonic() + seconds)  # for all that ask this host
        raise AssertionError("the last try has returned or raised")

    def _ask(self, host: _Host, url: Url) -> Answer:
        with host.slots:
            if time.monotonic() < host.rests_until:
                raise FetchError(NO_ANSWER, f"left alone after {host.failures} failures in a row", again=False)
            if (seconds := host.not_before - time.monotonic()) > 0:
                self._pause(seconds)
            try:
                answer = self._client.get(url, self._waits)
            except ImageError as error:
                self._note(host, error.reason in (NO_ANSWER, UNKNOWN_HOST))
                raise
            self._note(host, False)
            return answer

    def _note(self, host: _Host, has_failed: bool) -> None:
        with self._lock:
            host.failures = host.failures + 1 if has_failed else 0
            if host.failures >= self.limits.host_failures:
                host.rests_until = time.monotonic() + self.limits.host_rest_seconds


def _host_name(url: str) -> str:
    try:
        return parsed(url).host or ""
    except ImageError:
        return ""


def fetch_ahead(batches: Iterable[pa.RecordBatch], fetcher: ImageFetcher) -> Iterator[pa.RecordBatch]:
    """``batches`` (CATALOG) in order, each as soon as the images behind its URLs are settled.

    Images of later rows are fetched meanwhile, so that one slow URL does not block the others.
    """
    waiting: deque[tuple[pa.RecordBatch, list[Future[None]]]] = deque()
    rows = size = 0
    for batch in batches:
        waiting.append((batch, [fetcher.fetch(url) for url in _urls_in(batch)]))
        rows, size = rows + batch.num_rows, size + batch.nbytes
        while waiting and (rows > AHEAD_ROWS or size > AHEAD_BYTES or all(each.done() for each in waiting[0][1])):
            first, futures = waiting.popleft()
            rows, size = rows - first.num_rows, size - first.nbytes
            yield _when_done(first, futures)
    for first, futures in waiting:
        yield _when_done(first, futures)


def _when_done(batch: pa.RecordBatch, futures: list[Future[None]]) -> pa.RecordBatch:
    for future in futures:
        future.result()
    return batch


def _urls_in(batch: pa.RecordBatch) -> list[str]:
    """The URLs of a batch's images, first and further ones, each once."""
    found: dict[str, None] = {}
    for images in (batch["image"], batch["images"].flatten()):
        data, paths = (pc.struct_field(images, name) for name in ("bytes", "path"))
        named = pc.filter(paths, pc.and_(pc.is_null(data), pc.is_valid(paths))).to_pylist()
        found.update(dict.fromkeys(path for path in named if is_url(path)))
    return list(found)
