"""Whether an address is this machine: what leaves it in clear can be read on the way."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def host_of(address: str) -> str:
    """Return the host of ``host``, ``host:port``, ``[::1]:port`` or ``protocol://host:port``.

    Empty if there is none.
    """
    try:
        return urlsplit("//" + address.rpartition("://")[2]).hostname or ""
    except ValueError:
        return ""


def is_this_machine(host: str) -> bool:
    """Tell whether a host is this machine by its name or number alone; nobody is asked."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
