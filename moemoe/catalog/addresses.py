"""The addresses that images may come from: only public ones, so that a catalog cannot reach into a private network."""

import ipaddress
import socket
from typing import Any

from moemoe.catalog.images import ImageError

PRIVATE, UNKNOWN_HOST = "image host has a private address", "image host cannot be found"

#: Azure's platform, which only its own machines can reach, though the address looks public.
_AZURE = ipaddress.ip_address("168.63.129.16")
#: IPv6 addresses into which a network without IPv4 translates IPv4 addresses (RFC 6052).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

#: An address family and an address, as ``socket.connect`` takes them.
Address = tuple[int, Any]


class FetchError(ImageError):
    """An image that could not be fetched for a reason unrelated to the image itself: the next run tries again.

    Args:
        again: whether this run tries again too.
        retry_after: seconds to wait, as the host requested.
    """

    def __init__(self, reason: str, detail: str, again: bool, retry_after: float | None = None):
        super().__init__(reason, detail)
        self.again, self.retry_after = again, retry_after


def addresses_of(host: str, port: int, allow_private: bool) -> list[Address]:
    """Resolves a host once; the caller connects to one of these addresses, not to the name.

    Args:
        allow_private: whether private addresses are allowed too.

    Raises:
        FetchError: the host is unknown, or none of its addresses is allowed.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        again = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
        why = getattr(error, "strerror", None) or "no valid name"
        raise FetchError(UNKNOWN_HOST, f"{host[:200]!r}: {why}", again) from None
    allowed: list[Address] = [
        (family, address) for family, _, _, _, address in found if allow_private or is_public(str(address[0]))
    ]
    if not allowed:
        shown = ", ".join(sorted({str(address[0]) for *_, address in found}))
        raise FetchError(PRIVATE, f"{host[:200]!r} is {shown}; --allow-private-hosts True allows it", again=False)
    return allowed


def is_public(text: str) -> bool:
    """Whether an IP address is public: not private, loopback, link-local, multicast or reserved.

    An IPv6 address that embeds an IPv4 address (mapped, NAT64, 6to4, Teredo) counts as that IPv4 address.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return _is_plain(address) and address != _AZURE
    if address in _NAT64 or address.ipv4_mapped is not None:
        return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
    tunnels = [own for own in (address.sixtofour, *(address.teredo or ())) if own is not None]
    return _is_plain(address) and not address.is_site_local and all(is_public(str(own)) for own in tunnels)


def _is_plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_link_local)
