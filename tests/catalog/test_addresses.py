"""Which hosts get requests for images, and what is sent to them."""

import socket
from pathlib import Path

import pytest

from moemoe.catalog.addresses import is_public
from moemoe.catalog.download import Limits
from moemoe.catalog.images import ImageError
from tests.support.image_server import body, status
from tests.support.url_images import JPEG, fetch, reason


class TestPrivateAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
            *("100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
            *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fe80::1", "fe80::1%eth0", "fec0::1"),
            *("fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "2002:7f00:1::", "64:ff9b::10.0.0.1"),
        ],
    )
    def test_not_public(self, address):
        assert not is_public(address)

    @pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
    def test_public(self, address):
        assert is_public(address)

    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "127.1", "0x7f000001", "0"]
    )
    def test_refused_however_it_is_written(self, server, images, host):
        port = server.url.rpartition(":")[2]
        found, detail = reason(images, f"http://{host}:{port}/a.jpg", allow_private=False)
        assert found == "image host has a private address"
        assert "--allow-private-hosts" in detail
        assert not server.asked

    def test_refused_behind_a_redirect(self, server, images, monkeypatch):
        """The first host is public by name and answers from here; what it redirects to is not asked."""
        import moemoe.catalog.addresses as addresses

        real, here = socket.getaddrinfo, "127.0.0.1"
        monkeypatch.setattr(addresses, "is_public", lambda address: address == here)
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda host, *a, **k: real({"cdn.test": here}.get(host, host), *a, **k)
        )
        port = server.url.rpartition(":")[2]
        server.answers["/a.jpg"] = status(302, Location=f"http://127.0.0.2:{port}/secret.jpg")
        server.answers["/secret.jpg"] = body(JPEG)
        found, detail = reason(images, f"http://cdn.test:{port}/a.jpg", allow_private=False)
        assert found == "image host has a private address"
        assert "127.0.0.2" in detail
        assert server.asked == {"/a.jpg": 1}

    def test_the_name_is_resolved_once_and_that_address_is_asked(self, server, images, monkeypatch):
        """A name that means another address the second time (DNS rebinding) gains nothing by it."""
        answers = ["8.8.8.8", "127.0.0.1"]
        port = int(server.url.rpartition(":")[2])
        connected: list[tuple[str, int]] = []

        def resolve(host, port, *args, **options):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

        def connect(self, address):
            connected.append(address)
            raise ConnectionRefusedError(111, "Connection refused")

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        monkeypatch.setattr("moemoe.catalog.download._Socket.connect", connect)
        fetch(images, f"http://rebound.test:{port}/a.jpg", allow_private=False, limits=Limits(tries=1))
        assert connected == [("8.8.8.8", port)]
        assert answers == ["127.0.0.1"]

    def test_of_several_addresses_only_the_public_ones_are_asked(self, images, monkeypatch):
        connected = []

        def resolve(host, port, *args, **options):
            return [(socket.AF_INET, 1, 6, "", (own, port)) for own in ("10.0.0.1", "8.8.8.8", "8.8.4.4")]

        def connect(self, address):
            connected.append(address[0])
            raise TimeoutError

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        monkeypatch.setattr("moemoe.catalog.download._Socket.connect", connect)
        fetch(images, "http://some.test/a.jpg", allow_private=False, limits=Limits(tries=1))
        assert connected == ["8.8.8.8", "8.8.4.4"]

    def test_a_refusal_is_not_remembered(self, server, images):
        server.answers["/a.jpg"] = body(JPEG)
        assert reason(images, f"{server.url}/a.jpg", allow_private=False)[0] == "image host has a private address"
        fetch(images, f"{server.url}/a.jpg", allow_private=True)
        assert images.read(f"{server.url}/a.jpg") == JPEG


class TestUserinfo:
    def test_it_is_sent_to_its_host_and_shown_nowhere(self, server, images, tmp_path, caplog):
        host = server.url.removeprefix("http://")
        server.answers = {"/a.jpg": body(JPEG), "/b.jpg": status(302, Location="/gone.jpg")}
        said: list[str] = []
        urls = [f"http://user:geheim%21@{host}{path}" for path in ("/a.jpg", "/b.jpg", "/gone.jpg")]
        urls += [
            "http://user:geheim@no host/a.jpg",
            "http://user:geheim@[::1/a.jpg",
            f"http://user:gehe/im@{host}/a.jpg",
        ]
        with caplog.at_level("DEBUG"):
            fetch(images, *urls, say=said.append)
        assert server.headers["/a.jpg"]["authorization"] == "Basic dXNlcjpnZWhlaW0h"
        seen = [*said, caplog.text, *(file.read_text() for file in Path(images.folder, "urls").rglob("*.json"))]
        for url in urls[1:]:
            with pytest.raises(ImageError) as raised:
                images.read(url)
            seen.append(str(raised.value))
        assert len(seen) == 2 + 6 + 5
        assert [text for text in seen if "gehe" in text or "dXNlcjpn" in text] == []


class TestSignature:
    """At DEBUG, which nothing here asks for, urllib3 logs whole URLs."""

    def test_it_is_sent_and_shown_nowhere(self, server, images, caplog):
        said: list[str] = []
        with caplog.at_level("INFO"):
            found = reason(images, f"{server.url}/a.jpg?w=2&X-Amz-Signature=geheim", say=said.append)
        assert server.asked == {"/a.jpg?w=2&X-Amz-Signature=geheim": 1}
        kept = [file.read_text() for file in Path(images.folder, "urls").rglob("*.json")]
        assert "/a.jpg?w=2&X-Amz-Signature=...'" in found[1]
        assert [text for text in (*found, *said, *kept, caplog.text) if "geheim" in text] == []
