"""Ten browsers that have the live page open, as far as a worker can tell: they read its boards."""

from __future__ import annotations

import selectors
import socket
import sys
from urllib.parse import urlsplit

READERS = 10
_BYTES = 1 << 16


def main() -> None:
    """Read every stream of the page at the address given, until it ends."""
    host = urlsplit(sys.argv[1]).netloc
    name, _, port = host.rpartition(":")
    open_ = selectors.DefaultSelector()
    for _ in range(READERS):
        connection = socket.create_connection((name, int(port)), 10.0)
        request = f"GET /api/stream HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n"
        connection.sendall(request.encode())
        open_.register(connection, selectors.EVENT_READ, connection)
    while open_.get_map():
        for key, _ in open_.select():
            if not key.data.recv(_BYTES):
                open_.unregister(key.data)
                key.data.close()


if __name__ == "__main__":
    main()
