"""``fraudstream run`` and its admin port, with a worker that only turns."""

import http.client
import json
import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest

from schemas.errors import AdminError, TransactionError
from stream.cli.console import OK
from stream.commands import worker as command

SECONDS = 20
KEY = "0123456789abcdef" * 2
CONFIG = """
[security]
hash_key = "{key}"
[admin]
port = {port}
{more}
[worker]
shutdown_deadline = "5s"
"""


class Turning:
    """A worker that has no brokers: it turns until it is told to stop."""

    def __init__(self, tally, fails=False):
        self.tally = tally
        self.fails = fails
        self.shards = ()
        self.online = None
        self.stats = SimpleNamespace(pauses=0, records=0)
        self.labels = SimpleNamespace(times=0)
        self.source = SimpleNamespace(partitions=0, lags=dict)
        self.closed = False
        self.at_the_end = lambda: None

    def recover(self, stop):
        pass

    def run(self, stop, on_poll):
        while not stop.is_set():
            self.tally.turned()
            on_poll()
            stop.wait(0.02)
            self.source.partitions = 4
            if self.fails:
                raise TransactionError("not committed")
        self.at_the_end()

    def close(self):
        self.closed = True


class Life:
    """A run in this process, and what it logged; what is asked of it comes from a thread."""

    def __init__(self, path, capfd):
        self.path = path
        self._capfd = capfd
        self._err = ""
        self.failed = []

    def run(self, meanwhile):
        """Run until `meanwhile` has ended and a signal was sent; return status and seconds."""
        ended, over = [], threading.Event()

        def nobody(*_):
            """Take the signal where the run has ended already: it must not end the tests."""

        def ask():
            try:
                # From then on it can be asked, and told to stop.
                while signal.getsignal(signal.SIGTERM) is nobody and not over.wait(0.02):
                    pass
                meanwhile()
            except BaseException as error:
                self.failed.append(error)
            finally:
                ended.append(time.monotonic())
                os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Thread(target=ask)
        before = signal.signal(signal.SIGTERM, nobody)
        try:
            thread.start()
            status = command.run_worker(self.path, True)
            stopped = time.monotonic()
        finally:
            over.set()
            thread.join()
            signal.signal(signal.SIGTERM, before)
        took = stopped - ended[0]
        if self.failed:
            raise self.failed[0]
        return status, took

    def log(self):
        self._err += self._capfd.readouterr().err
        lines = [json.loads(line) for line in self._err.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] != "status"]


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def workers(monkeypatch):
    """The workers that were built, and how many are to fail."""
    found = SimpleNamespace(made=[], failing=0)

    def build(*_, tally=None, **__):
        found.made.append(Turning(tally, fails=len(found.made) < found.failing))
        return found.made[-1]

    monkeypatch.setattr(command, "worker_of", build)
    monkeypatch.setattr(command, "existing", lambda _: dict.fromkeys(TOPICS, 1))
    report = {"decisions": 0, "alerts": 0, "unacknowledged": 0}
    monkeypatch.setattr(command, "summary", lambda _: report)
    monkeypatch.setattr(command, "_end_after", lambda _: SimpleNamespace(cancel=lambda: None))
    return found


TOPICS = [f"fraud.{name}" for name in ("transactions", "labels", "alerts", "dead_letters")]
TOPICS += ["fraud.label_reviews", "fraud.drift"]


@pytest.fixture
def life(tmp_path, port, workers, capfd, request):
    path = tmp_path / "fraudstream.toml"
    path.write_text(CONFIG.format(key=KEY, port=port, more=getattr(request, "param", "")))
    return Life(path, capfd)


def get(port, path):
    """Return status and body of an answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def until_ready(port):
    deadline = time.monotonic() + SECONDS
    while get(port, "/readyz")[0] != 200:
        assert time.monotonic() < deadline, get(port, "/readyz")
        time.sleep(0.05)


def test_it_answers_while_it_runs_and_says_where(life, port):
    seen = []

    def meanwhile():
        until_ready(port)
        seen.extend(get(port, path) for path in ("/livez", "/metrics", "/version"))

    status, _ = life.run(meanwhile)
    assert status == OK
    assert [code for code, _ in seen] == [200, 200, 200]
    assert "fraud_ready 1.0" in seen[1][1]
    log = life.log()
    assert [line["event"] for line in log] == ["admin_port", "started", "ready", "stopped"]
    assert log[0]["address"] == f"http://127.0.0.1:{port}"
    assert log[0]["token"] is False
    assert log[2]["partitions"] == 4
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), 1)


def test_told_to_stop_it_is_not_ready_and_answers_until_it_has_ended(life, port, workers):
    seen = []

    def meanwhile():
        until_ready(port)
        ask = [get(port, "/readyz")]
        workers.made[0].at_the_end = lambda: seen.extend(
            [*ask, get(port, "/readyz"), get(port, "/livez")]
        )

    assert life.run(meanwhile)[0] == OK
    assert seen == [(200, "ready\n"), (503, "stopping\n"), (200, "ok\n")]


def hanging(port):
    connection = socket.create_connection(("127.0.0.1", port), SECONDS)
    connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: local")
    return connection


def kept_alive(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.request("GET", "/metrics")
    connection.getresponse().read()
    return connection


@pytest.mark.parametrize("client", [hanging, kept_alive])
def test_sigterm_ends_it_in_time_whoever_is_connected(life, port, client):
    connections = []

    def meanwhile():
        until_ready(port)
        connections.extend(client(port) for _ in range(3))

    status, took = life.run(meanwhile)
    for connection in connections:
        connection.close()
    assert status == OK
    assert took < 3


def test_between_two_workers_it_is_not_ready_and_lives(life, port, workers, monkeypatch):
    monkeypatch.setattr(command, "_RESTART_S", 1.0)
    workers.failing = 1
    seen = []

    def meanwhile():
        deadline = time.monotonic() + SECONDS
        while len(workers.made) < 2:
            assert time.monotonic() < deadline
            seen.append((get(port, "/livez"), get(port, "/readyz")))
        until_ready(port)
        seen.append(get(port, "/metrics")[1])

    status, _ = life.run(meanwhile)
    assert status == OK
    assert {alive for alive, _ in seen[:-1]} == {(200, "ok\n")}
    assert (503, "starting\n") in {ready for _, ready in seen[:-1]}
    assert "fraud_restarts_total 1.0" in seen[-1]
    assert [worker.closed for worker in workers.made] == [True, True]
    assert "begins_anew" in [line["event"] for line in life.log()]


@pytest.mark.parametrize("life", ["token = 'sixteen-letters-'"], indirect=True)
def test_a_token_is_asked_for_and_not_logged(life, port):
    seen = []

    def meanwhile():
        until_ready(port)
        seen.append(get(port, "/metrics"))

    life.run(meanwhile)
    assert seen[0][0] == 401
    log = life.log()
    assert log[0]["token"] is True
    assert "sixteen-letters-" not in json.dumps(log)


def test_a_port_that_is_taken_ends_it_before_anything_begins(life, port, workers):
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(AdminError, match=rf"127\.0\.0\.1:{port} cannot be bound"):
            command.run_worker(life.path, True)
    assert workers.made == []


def test_without_a_port_nobody_listens_and_nothing_is_counted(life, port, workers):
    life.path.write_text(CONFIG.format(key=KEY, port=0, more=""))
    workers_seen = []
    original = command.worker_of

    def build(*arguments, tally=None, **more):
        workers_seen.append(tally)
        worker = original(*arguments, tally=tally, **more)
        worker.tally = SimpleNamespace(turned=lambda: None)
        return worker

    command.worker_of = build
    try:
        status, _ = life.run(lambda: time.sleep(0.3))
    finally:
        command.worker_of = original
    assert status == OK
    assert workers_seen == [None]
    assert "admin_port" not in [line["event"] for line in life.log()]
