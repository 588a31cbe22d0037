"""Where a webhook goes, and whether it may: no name of a stranger's leads into our own network.

A name is resolved for each request, all its addresses are checked, and the connection is made to
one of those that were checked. So a name that says one thing when it is checked and another when it
is used is of no use to anybody.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from schemas.errors import ConfigError, FraudError
from stream.addresses import is_this_machine

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"https": 443, "http": 80}
# Addresses in which a network wraps those of version 4 (RFC 6052).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.ip_network("::/96")
# Of protocols and of networks' own translators; not every release of Python knows them.
_SPECIAL = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "5f00::/16"))
)


class TargetError(FraudError):
    """The receiver's address may not be asked; it may be another one later."""


class Target(NamedTuple):
    """What a URL says.

    Attributes
    ----------
    tls : bool
    host : str
    port : int
    path : str
        With its query.
    """

    tls: bool
    host: str
    port: int
    path: str

    @property
    def place(self) -> str:
        """What may be said of it: paths of such addresses are often secrets."""
        return f"{self.host}:{self.port}"

    @property
    def host_header(self) -> str:
        """The name that the receiver is called by."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            host if self.port == _PORTS["https" if self.tls else "http"] else f"{host}:{self.port}"
        )


def target_of(url: str, allow_insecure: bool = False) -> Target:
    """Read a URL.

    Raises
    ------
    ConfigError
        If it is none, or would send alerts in clear over a network; it is not quoted.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"webhook.url is no address: {error}") from error
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not host or not _is_plain(url):
        raise ConfigError("webhook.url must be https://HOST/PATH, in printable ASCII")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ConfigError(
            "webhook.url: a user, a password or a fragment is not sent: receivers know us by the "
            "signature, so leave it out"
        )
    tls = parts.scheme == "https"
    if not tls and not allow_insecure and not is_this_machine(host):
        raise ConfigError(
            f"webhook.url: http:// to {host} would send alerts in clear: use https://, or set "
            "webhook.allow_insecure = true"
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(tls, host, port or _PORTS[parts.scheme], path)


def addresses_of(
    target: Target,
    allow_private: bool = False,
    resolve: Callable[..., list[Any]] = socket.getaddrinfo,
) -> list[tuple[Any, ...]]:
    """Resolve a name once; return socket addresses that may be connected to.

    Parameters
    ----------
    target : Target
    allow_private : bool
    resolve : callable
        As `socket.getaddrinfo`.

    Raises
    ------
    OSError
        If there is no such name, or nobody says so.
    TargetError
        If any of its addresses is none of the public internet.
    """
    found = resolve(target.host, target.port, type=socket.SOCK_STREAM)
    places = list(dict.fromkeys(each[4] for each in found))
    for place in places:
        # A zone, as in fe80::1%eth0, is that of a link.
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if not allow_private and not is_public(address):
            raise TargetError(
                f"{target.host} is {address}, which is not on the public internet: see "
                "webhook.url, or set webhook.allow_private = true"
            )
    return places


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the public internet, unwrapping version 4 in version 6."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _wrapped(address)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    if any(address in network for network in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _wrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the address of version 4 that one of version 6 leads to."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or address in _IPV4_COMPATIBLE:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def _is_plain(url: str) -> bool:
    return url.isascii() and url.isprintable() and " " not in url
