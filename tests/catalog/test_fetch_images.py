"""Images from well-behaved and misbehaving hosts, with small limits so that tests do not wait."""

import gzip
import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from moemoe.atomic_files import remove_leftovers
from moemoe.catalog import download
from moemoe.catalog.download import Limits
from moemoe.catalog.fetch_images import ImageFetcher
from moemoe.catalog.images import ImageError
from moemoe.catalog.url_images import DEAD_SECONDS, UrlImages
from moemoe.errors import StorageError
from tests.support.image_server import body, in_turn, raw, status, without_end
from tests.support.url_images import JPEG, LIMITS, fetch, jpeg, reason


class TestGood:
    def test_bytes_are_kept_by_content_and_url(self, server, images):
        server.answers = {"/a.jpg": body(JPEG), "/b.jpg": body(JPEG), "/c%20d.jpg?w=1&h=2": body(jpeg(9))}
        urls = [f"{server.url}/a.jpg", f"{server.url}/b.jpg", f"  {server.url}/c d.jpg?w=1&h=2#x"]
        fetcher = fetch(images, *urls)
        assert [images.read(url) for url in urls] == [JPEG, JPEG, jpeg(9)]
        assert (fetcher.fetched, fetcher.failed.total()) == (3, 0)
        files = [path for path in Path(images.folder, "bytes").rglob("*") if path.is_file()]
        assert len(files) == 2  # of two contents

    def test_an_ampersand_that_an_export_has_escaped(self, server, images):
        server.answers = {"/a.jpg?w=1&h=2": body(JPEG)}
        fetch(images, url := f"{server.url}/a.jpg?w=1&amp;h=2")
        assert images.read(url) == JPEG

    def test_a_comma_of_a_list_behind_it(self, server, images):
        server.answers = {"/a.jpg": body(JPEG)}
        urls = [f"{server.url}/a.jpg{behind}" for behind in (",", ";", "|", " , ")]
        fetch(images, *urls)
        assert [images.read(url) for url in urls] == [JPEG] * 4

    def test_without_a_scheme_it_is_https(self, server, images):
        """The server speaks no TLS, which is told."""
        url = server.url.removeprefix("http:") + "/a.jpg"
        assert reason(images, url)[0] == "image host has no valid certificate"

    def test_what_is_kept_is_not_asked_again(self, server, images):
        server.answers = {"/a.jpg": body(JPEG)}
        urls = [f"{server.url}/a.jpg", f"{server.url}/gone.jpg"]
        fetch(images, *urls)
        assert fetch(images, *urls).settled == 2
        assert server.asked == {"/a.jpg": 1, "/gone.jpg": 1}

    def test_one_url_many_times_is_asked_once(self, server, images):
        server.answers = {"/a.jpg": body(JPEG)}
        fetch(images, *[f"{server.url}/a.jpg"] * 50)
        assert server.asked["/a.jpg"] == 1

    def test_redirects_are_followed_also_relative_ones(self, server, images):
        server.answers = {
            "/a.jpg": status(302, Location="/b.jpg"),
            "/b.jpg": status(301, Location=f"{server.url}/caf\u00e9.jpg"),
            "/caf%C3%A9.jpg": body(JPEG),
        }
        fetch(images, f"{server.url}/a.jpg")
        assert images.read(f"{server.url}/a.jpg") == JPEG

    def test_a_body_without_announced_length_and_one_in_chunks(self, server, images):
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(JPEG), JPEG)
        server.answers = {
            "/open.jpg": raw(b"HTTP/1.0 200 OK\r\n\r\n" + JPEG, server),
            "/chunked.jpg": raw(chunked, server),
        }
        urls = [f"{server.url}{path}" for path in server.answers]
        fetch(images, *urls)
        assert [images.read(url) for url in urls] == [JPEG, JPEG]

    def test_content_counts_not_the_type_that_is_named(self, server, images):
        server.answers = {"/a.jpg": body(JPEG, "text/html")}
        fetch(images, f"{server.url}/a.jpg")
        assert images.read(f"{server.url}/a.jpg") == JPEG

    def test_never_more_at_once_to_a_host_than_allowed(self, server, images):
        paths = [f"/{i}.jpg" for i in range(60)]
        server.answers = {path: body(JPEG) for path in paths}
        server.answers["/0.jpg"] = lambda request: (server.stop.wait(0.2), body(JPEG)(request))
        limits = Limits(at_once=16, per_host=3)
        assert fetch(images, *(server.url + path for path in paths), limits=limits).fetched == 60
        assert 1 < server.most <= 3

    def test_a_host_that_takes_its_time_is_asked_for_as_many_as_allowed(self, server, images):
        """No answer comes before all of them are asked for; those that wait for the first ones let the next begin."""
        all_asked = threading.Barrier(6, timeout=60)
        server.answers = {f"/{i}.jpg": lambda request: (all_asked.wait(), body(JPEG)(request)) for i in range(6)}
        fetcher = fetch(images, *(server.url + path for path in server.answers), limits=Limits(per_host=6))
        assert (fetcher.fetched, server.most) == (6, 6)

    def test_a_host_that_answers_at_once_is_asked_by_two_threads(self, server, images, monkeypatch):
        monkeypatch.setattr(download, "SOON_SECONDS", 60)  # however busy the machine is, it answers sooner
        slowly = lambda request: (server.stop.wait(0.05), body(JPEG)(request))  # noqa: E731
        server.answers = dict.fromkeys((f"/{i}.jpg" for i in range(16)), slowly)
        fetcher = fetch(images, *(server.url + path for path in server.answers), limits=Limits(per_host=8))
        assert (fetcher.fetched, server.most) == (16, 2)

    def test_what_is_asked_for_later_does_not_wait_for_slow_images(self, server, images, monkeypatch):
        """Two threads of the host wait already, with no URL left that they could have let another begin with."""
        monkeypatch.setattr(download, "SOON_SECONDS", 0)
        waited_for, answered = threading.Barrier(3, timeout=60), threading.Event()
        held = lambda request: (waited_for.wait(), answered.wait(60), body(JPEG)(request))  # noqa: E731
        server.answers = {"/0.jpg": held, "/1.jpg": held, "/2.jpg": body(JPEG)}
        with ImageFetcher(images, True, Limits(per_host=3)) as fetcher:
            slow = [fetcher.fetch(f"{server.url}/{i}.jpg") for i in range(2)]
            waited_for.wait()
            fetcher.fetch(f"{server.url}/2.jpg").result(60)
            assert not any(future.done() for future in slow)
            answered.set()

    def test_a_host_that_answers_at_once_again_is_asked_by_two_threads_again(self, server, images, monkeypatch):
        slowly = lambda request: (server.stop.wait(0.05), body(JPEG)(request))  # noqa: E731
        server.answers = dict.fromkeys((f"/{i}.jpg" for i in range(16)), slowly)
        server.answers |= {f"/moved{i}.jpg": status(302, Location="/0.jpg") for i in range(2)}
        with ImageFetcher(images, True, Limits(per_host=8)) as fetcher:
            monkeypatch.setattr(download, "SOON_SECONDS", 0)  # both requests of each are waited for
            for future in [fetcher.fetch(f"{server.url}/moved{i}.jpg") for i in range(2)]:
                future.result(60)
            monkeypatch.setattr(download, "SOON_SECONDS", 60)
            server.most = 0
            for future in [fetcher.fetch(f"{server.url}/{i}.jpg") for i in range(16)]:
                future.result(60)
        assert server.most == 2

    def test_under_a_root_on_s3(self, server, monkeypatch):
        from tests.support.s3 import s3_bucket

        server.answers = {"/a.jpg": body(JPEG)}
        urls = [f"{server.url}/a.jpg", f"{server.url}/gone.jpg"]
        with s3_bucket(monkeypatch):
            images = UrlImages.under("s3://bucket/root")
            fetch(images, *urls)
            assert images.read(urls[0]) == JPEG
            assert fetch(images, *urls).settled == 2
        assert server.asked.total() == 2

    def test_another_host_waits_for_one_image_of_a_host_with_many(self, server, images):
        """One thread is all there is; it is held until the other host's image is asked for too."""
        queued = threading.Event()
        server.answers = {f"/{number}.jpg": body(JPEG) for number in range(6)} | {"/other.jpg": body(JPEG)}
        server.answers["/0.jpg"] = lambda request: (queued.wait(60), body(JPEG)(request))
        other = server.url.replace("127.0.0.1", "localhost")
        assert other != server.url
        with ImageFetcher(images, True, Limits(at_once=1, per_host=1)) as fetcher:
            futures = [fetcher.fetch(f"{server.url}/{number}.jpg") for number in range(6)]
            futures.append(fetcher.fetch(f"{other}/other.jpg"))
            queued.set()
            for future in futures:
                future.result(60)
        assert list(server.asked)[1] == "/other.jpg", server.asked


class TestDead:
    @pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 204, 304])
    def test_a_status_is_the_reason(self, server, images, code):
        server.answers["/a.jpg"] = status(code)
        assert reason(images, f"{server.url}/a.jpg")[0] == f"image URL answers {code}"
        assert server.asked["/a.jpg"] == 1

    @pytest.mark.parametrize(
        ("data", "seen"),
        [(b"<!DOCTYPE html><html>gone</html>", "a web page"), (b"\0\0\0\x18ftypisom" + b"\0" * 99, "a video")],
    )
    def test_another_kind_of_file_than_it_says(self, server, images, data, seen):
        server.answers["/a.jpg"] = body(data)
        found, detail = reason(images, f"{server.url}/a.jpg")
        assert found == "image does not decode"
        assert detail.startswith(f"'{server.url}/a.jpg': {seen}; allowed are JPEG")

    def test_another_kind_of_file_is_not_read_to_its_end(self, server, images):
        server.answers["/a.jpg"] = without_end(b"<html>" * 10_000, server)
        assert reason(images, f"{server.url}/a.jpg")[0] == "image does not decode"

    def test_ten_gigabytes_announced(self, server, images):
        server.answers["/a.jpg"] = body(JPEG, announced=10**10)
        found, detail = reason(images, f"{server.url}/a.jpg")
        assert found == "image file is too large"
        assert "10000000000 bytes; allowed are 100000" in detail

    def test_ten_gigabytes_streamed(self, server, images):
        server.answers["/a.jpg"] = without_end(b"\0" * 50_000, server, head=JPEG)
        assert reason(images, f"{server.url}/a.jpg")[0] == "image file is too large"

    def test_a_gzip_bomb(self, server, images):
        bomb = gzip.compress(JPEG + b"\0" * 5_000_000)
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
        server.answers["/a.jpg"] = raw(head + bomb, server)
        assert len(bomb) < LIMITS.max_bytes
        assert reason(images, f"{server.url}/a.jpg")[0] == "image file is too large"

    def test_a_chunk_whose_size_does_not_end(self, server, images):
        start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 1_000_000
        server.answers["/a.jpg"] = raw(start, server)
        assert reason(images, f"{server.url}/a.jpg")[0] == "image is cut short"

    def test_a_header_that_does_not_end(self, server, images):
        server.answers["/a.jpg"] = raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000_000, server)
        assert reason(images, f"{server.url}/a.jpg")[0] == "image host does not answer"

    def test_an_answer_that_is_read_by_no_limit_of_urllib3(self, server, images):
        """100 Continue again and again: http.client waits for what comes after it."""
        server.answers["/a.jpg"] = raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000, server)
        assert reason(images, f"{server.url}/a.jpg") == (
            "image file is too large",
            f"'{server.url}/a.jpg': the answer does not end",
        )

    def test_redirected_in_a_circle(self, server, images):
        server.answers = {"/a.jpg": status(302, Location="/b.jpg"), "/b.jpg": status(302, Location="/a.jpg")}
        assert reason(images, f"{server.url}/a.jpg")[0] == "image is redirected without end"
        assert server.asked.total() == LIMITS.redirects + 1

    @pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/a.jpg", "data:image/png;base64,AAAA"])
    def test_redirected_to_what_is_not_http(self, server, images, location):
        server.answers["/a.jpg"] = status(302, Location=location)
        assert reason(images, f"{server.url}/a.jpg")[0] == "image is a URL"

    @pytest.mark.parametrize(
        "url", ["http://", "http:/host/a.jpg", "//", "http://[::1/a.jpg", "http://a b/c.jpg", "https://host:port/a.jpg"]
    )
    def test_malformed(self, images, url):
        assert reason(images, url)[0] == "image URL is malformed"

    def test_empty(self, server, images):
        server.answers["/a.jpg"] = body(b"")
        assert reason(images, f"{server.url}/a.jpg")[0] == "image is empty"

    def test_it_is_asked_again_after_a_day(self, server, images, monkeypatch):
        url = f"{server.url}/a.jpg"
        fetch(images, url)
        now = time.time()
        monkeypatch.setattr("moemoe.catalog.url_images.time.time", lambda: now + DEAD_SECONDS)
        server.answers["/a.jpg"] = body(JPEG)
        fetch(images, url)
        assert images.read(url) == JPEG


class TestFailed:
    """What may pass: tried again, and asked again by the next run."""

    def test_too_many_requests_are_repeated_when_the_host_says(self, server, images):
        server.answers["/a.jpg"] = in_turn(status(429, Retry_After="7"), status(503), body(JPEG))
        pauses: list[float] = []
        fetch(images, f"{server.url}/a.jpg", pause=pauses.append)
        assert images.read(f"{server.url}/a.jpg") == JPEG
        assert server.asked["/a.jpg"] == 3
        assert 6 < pauses[0] <= 7

    def test_a_pause_that_is_too_long_is_not_waited_for(self, server, images):
        server.answers["/a.jpg"] = status(429, Retry_After="Fri, 31 Dec 2100 23:59:59 GMT")
        assert reason(images, f"{server.url}/a.jpg")[0] == "image URL answers 429"
        assert server.asked["/a.jpg"] == 1

    def test_it_stays_away_and_the_next_run_finds_it(self, server, images):
        url = f"{server.url}/a.jpg"
        server.answers["/a.jpg"] = status(503)
        assert reason(images, url) == ("image URL answers 503", f"'{url}': Service Unavailable")
        assert server.asked["/a.jpg"] == LIMITS.tries
        server.answers["/a.jpg"] = body(JPEG)
        fetch(images, url)
        assert images.read(url) == JPEG

    def test_half_an_image(self, server, images):
        server.answers["/a.jpg"] = body(JPEG[:200], announced=len(JPEG))
        found, detail = reason(images, f"{server.url}/a.jpg")
        assert found == "image is cut short"
        assert f"200 of {len(JPEG)} bytes came" in detail
        assert server.asked["/a.jpg"] == LIMITS.tries

    @pytest.mark.parametrize("part", ["head", "body"])
    def test_a_drip_that_never_ends(self, server, images, part):
        drip = raw(b"HTTP/1.1 200 OK\r\nX: ", server, 0.01)
        server.answers["/a.jpg"] = drip if part == "head" else without_end(b"\0", server, 0.01, head=JPEG[:50])
        limits = Limits(total_seconds=0.2)
        found, detail = reason(images, f"{server.url}/a.jpg", limits=limits)
        assert (found, detail.rpartition("': ")[2]) == ("image takes too long", "allowed are 0.2 seconds")
        assert server.asked["/a.jpg"] == 1

    def test_a_host_that_says_nothing(self, server, images):
        server.answers["/a.jpg"] = lambda request: server.stop.wait()
        limits = Limits(read_seconds=0.05, tries=2, pause_seconds=0.001)
        found, detail = reason(images, f"{server.url}/a.jpg", limits=limits)
        assert found == "image host does not answer"
        assert detail.endswith("no byte in time")

    def test_no_http(self, server, images):
        server.answers["/a.jpg"] = raw(b"SSH-2.0-OpenSSH_9.6\r\n", server)
        assert reason(images, f"{server.url}/a.jpg")[0] == "image host does not answer"

    def test_no_tls(self, server, images):
        assert (
            reason(images, server.url.replace("http:", "https:") + "/a.jpg")[0] == "image host has no valid certificate"
        )

    def test_connection_refused(self, images):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{closed.getsockname()[1]}/a.jpg"
            assert reason(images, url) == ("image host does not answer", f"'{url}': Connection refused")

    def test_a_host_that_is_down_is_left_alone(self, images):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            urls = [f"http://127.0.0.1:{closed.getsockname()[1]}/{i}.jpg" for i in range(50)]
            asked: list[float] = []
            fetch(images, *urls, pause=asked.append, limits=Limits(per_host=1, tries=2, host_failures=4))
        assert len(asked) == 3  # before every try but the first
        with pytest.raises(ImageError, match="left alone after 4 failures in a row"):
            images.read(urls[-1])

    def test_an_unknown_host(self, images, monkeypatch):
        def unknown(*args, **options):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        assert reason(images, "https://nowhere.test/a.jpg") == (
            "image host cannot be found",
            "'https://nowhere.test/a.jpg': 'nowhere.test': Name or service not known",
        )

    def test_a_disk_that_is_full_is_no_dead_link(self, server, images, monkeypatch):
        def full(*args, **options):
            raise StorageError("cannot write: No space left on device")

        server.answers["/a.jpg"] = body(JPEG)
        monkeypatch.setattr("moemoe.catalog.url_images.write_bytes", full)
        with pytest.raises(StorageError, match="No space left"):
            fetch(images, f"{server.url}/a.jpg")


class TestKilled:
    def test_what_was_fetched_before_is_not_fetched_again(self, server, images):
        paths = [f"/{i}.jpg" for i in range(20)]
        server.answers = {path: body(JPEG) for path in paths}
        urls = [server.url + path for path in paths]

        def die(text):
            raise KeyboardInterrupt

        reached = threading.Event()
        server.answers["/12.jpg"] = in_turn(lambda request: (reached.set(), server.stop.wait()), body(JPEG))
        code = (
            "import sys\nfrom tests.catalog.test_fetch_images import Limits, UrlImages, fetch\n"
            "fetch(UrlImages(sys.argv[1]), *sys.argv[2:], limits=Limits(per_host=1))"
        )
        with subprocess.Popen([sys.executable, "-c", code, images.folder, *urls]) as process:
            assert reached.wait(120)
            process.kill()
        remove_leftovers(images.folder)
        assert fetch(images, *urls).settled == 12
        assert server.asked == {path: 1 + (path == "/12.jpg") for path in paths}
        assert [images.read(url) for url in urls] == [JPEG] * 20

    def test_bytes_that_a_dying_machine_has_cut_are_fetched_again(self, server, images):
        server.answers["/a.jpg"] = body(JPEG)
        url = f"{server.url}/a.jpg"
        fetch(images, url)
        [kept] = [path for path in Path(images.folder, "bytes").rglob("*") if path.is_file()]
        kept.write_bytes(b"")
        fetch(images, url)
        assert images.read(url) == JPEG

    def test_an_entry_that_is_cut_counts_for_nothing(self, server, images):
        server.answers["/a.jpg"] = body(JPEG)
        url = f"{server.url}/a.jpg"
        fetch(images, url)
        [entry] = Path(images.folder, "urls").rglob("*.json")
        assert json.loads(entry.read_text())["url"] == f"'{url}'"
        entry.write_text("{")
        with pytest.raises(ImageError, match="image URL was not fetched"):
            images.read(url)
        fetch(images, url)
        assert images.read(url) == JPEG
