"""A broker behind a wire that loses what it is told to lose.

One thread a direction and connection. Requests of Kafka's protocol begin with their length, the
number of the call and a correlation id, which the answer bears too
(https://kafka.apache.org/protocol): that is all that is understood of them.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

from servers.kafka_server import KafkaServer

END_TXN = 26


class KafkaProxy:
    """Listen on a loopback port and pass everything on to another; a context manager.

    Parameters
    ----------
    target : int
        Port of the broker, which is to name this one's as where it is reached.
    port : int
        To listen on.

    Attributes
    ----------
    lost : int
        Requests, or answers, that were lost; each took its connection with it.
    """

    def __init__(self, target: int, port: int) -> None:
        self.port = port
        self._target = target
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(64)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._call, self._answers, self._left = -1, False, 0
        self.lost = 0

    def __enter__(self) -> KafkaProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone does not wake who waits for a connection.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def lose(self, call: int, times: int, answers: bool) -> None:
        """Lose the next requests of a call, or the answers to them after the broker obeyed."""
        with self._lock:
            self._call, self._answers, self._left = call, answers, times

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, broker}
            # Correlation ids of calls whose answers are to be lost.
            doomed: set[int] = set()
            for source, sink, requests in ((client, broker, True), (broker, client, False)):
                given = (source, sink, requests, doomed)
                threading.Thread(target=self._pass_on, args=given, daemon=True).start()

    def _pass_on(
        self, source: socket.socket, sink: socket.socket, requests: bool, doomed: set[int]
    ) -> None:
        with contextlib.suppress(OSError):
            while frame := _frame(source):
                if requests:
                    call, _, correlation = struct.unpack_from(">hhi", frame, 4)
                    if self._loses(call):
                        if not self._answers:
                            break
                        doomed.add(correlation)
                elif doomed and struct.unpack_from(">i", frame, 4)[0] in doomed:
                    break
                sink.sendall(frame)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _loses(self, call: int) -> bool:
        with self._lock:
            if call != self._call or self._left == 0:
                return False
            self._left -= 1
            self.lost += 1
            return True


def _frame(source: socket.socket) -> bytes:
    """Read one request or answer; nothing at the end."""
    head = _read(source, 4)
    return head + _read(source, struct.unpack(">i", head)[0]) if head else b""


def _read(source: socket.socket, n: int) -> bytes:
    data = b""
    while len(data) < n:
        more = source.recv(n - len(data))
        if not more:
            return b""
        data += more
    return data


class ProxiedKafka(KafkaServer):
    """A broker that is reached through such a wire.

    Attributes
    ----------
    proxy : KafkaProxy
    """

    port_count = 3
    proxy: KafkaProxy

    @property
    def bootstrap(self) -> str:
        """The `bootstrap.servers` of clients: the proxy."""
        return f"127.0.0.1:{self.ports[2]}"

    @property
    def properties(self) -> dict[str, str]:
        """The server's settings."""
        broker, controller, _ = (f"127.0.0.1:{port}" for port in self.ports)
        listeners = f"PLAINTEXT://{broker},CONTROLLER://{controller}"
        return {**super().properties, "listeners": listeners}

    def prepare(self) -> None:
        """Write the settings, format the storage and open the wire."""
        super().prepare()
        self.proxy = KafkaProxy(self.ports[0], self.ports[2])
        self.proxy.__enter__()

    def stop(self) -> None:
        """End all of it; safe to repeat."""
        if hasattr(self, "proxy"):
            self.proxy.__exit__()
            del self.proxy
        super().stop()
