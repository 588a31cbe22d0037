"""One POST to a receiver: bounded in time and in what is read, following nobody."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from stream.webhook.bounded_socket import BoundedSocket
from stream.webhook.target import Target, TargetError, addresses_of

# Of an answer's body, for a person to read; the rest is left unread.
BODY_MAX = 2_000


class Answer(NamedTuple):
    """What came back.

    Attributes
    ----------
    status : int
        Of HTTP; 0: nobody answered.
    text : str
        Words for a person: the beginning of the body, or why there is no answer.
    retry_after : str
        The header of that name.
    """

    status: int
    text: str
    retry_after: str = ""


def post(
    target: Target,
    headers: Mapping[str, str],
    body: bytes,
    timeout_s: float,
    allow_private: bool = False,
    resolve: Callable[..., list[Any]] = socket.getaddrinfo,
    context: ssl.SSLContext | None = None,
) -> Answer:
    """Send a request and return the answer; never raises for what a receiver does.

    Parameters
    ----------
    target : Target
    headers : mapping
    body : bytes
    timeout_s : float
        For all of it; a name is given what the system's resolver takes.
    allow_private : bool
    resolve : callable
        As `socket.getaddrinfo`.
    context : SSLContext, optional
        By default the system's authorities are believed.
    """
    deadline_s = time.monotonic() + timeout_s
    connection = http.client.HTTPConnection(target.host, target.port)
    sock = None
    try:
        places = addresses_of(target, allow_private, resolve)
        sock = _connected(target, places, deadline_s, context)
        connection.sock = sock
        own = {"Host": target.host_header, "Connection": "close"}
        connection.request("POST", target.path, body, {**own, **headers})
        answer = connection.getresponse()
        text = answer.read(BODY_MAX).decode("utf-8", "replace")
        return Answer(answer.status, _printable(text), answer.headers.get("Retry-After", ""))
    except TargetError as error:
        return Answer(0, str(error))
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = str(error) or type(error).__name__
        return Answer(0, f"{target.place} gave no answer: {_printable(why)}")
    finally:
        if sock is not None:
            sock.end()


def _connected(
    target: Target,
    places: list[tuple[Any, ...]],
    deadline_s: float,
    context: ssl.SSLContext | None,
) -> BoundedSocket:
    """Connect to the first address that takes it; OSError of the last one else."""
    failed: OSError = OSError("the name has no address")
    for place in places:
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("no time is left")
        inner = socket.socket(socket.AF_INET6 if len(place) > 2 else socket.AF_INET)
        try:
            inner.settimeout(left_s)
            inner.connect(place)
            inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if target.tls:
                # The name is what the certificate is checked for, though nobody is asked for it.
                wrap = (context or _authorities()).wrap_socket
                inner.settimeout(max(0.001, deadline_s - time.monotonic()))
                inner = wrap(inner, server_hostname=target.host)
            return BoundedSocket(inner, deadline_s)
        except OSError as error:
            inner.close()
            failed = error
    raise failed


@cache
def _authorities() -> ssl.SSLContext:
    return ssl.create_default_context()


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)[:200].strip()
