"""A real Apache Kafka for the tests: one KRaft node, started from its jars, on loopback.

`ServerProcess` is what any such server needs (a temporary folder, reserved ports, signals,
bounded waits); `KafkaServer` is the Kafka one, and `redis_server.RedisServer` the other.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache"
POM = REPOSITORY / "tests" / "integration" / "kafka" / "pom.xml"
LOG4J = POM.with_name("log4j2.properties")

# Two tries at Maven and one start stay under pytest-timeout's 300 s.
MAVEN_SECONDS = 100
MAVEN_TRIES = 2
FORMAT_SECONDS = 30
STOP_SECONDS = 10

# Runs between fork and the server, as a program of its own: Popen's preexec_fn is unsafe (and,
# from Python 3.12, warned about) in a process with threads, and every Kafka client has threads.
# SIGKILL, because a paused server would not act on anything weaker. 1 is PR_SET_PDEATHSIG.
DIE_WITH_PARENT = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent ended first")
os.execv(sys.argv[2], sys.argv[2:])
"""


class ServerUnavailable(Exception):
    """The machine lacks what the server needs; the message says what, and what to do."""


def die_with_parent(command: Sequence[str]) -> list[str]:
    """Wrap `command` so that the kernel kills it when this process ends, however it ends."""
    # The kernel watches the thread that forks, not the process: a server started by a helper
    # thread would end with that thread.
    on_main_thread = threading.current_thread() is threading.main_thread()
    if sys.platform != "linux" or not on_main_thread:
        return list(command)
    return [sys.executable, "-I", "-S", "-c", DIE_WITH_PARENT, str(os.getpid()), *command]


def reserve_port() -> socket.socket:
    """Return a socket bound to a free loopback port, to be held while the server uses the port.

    On Linux a bound socket that does not listen leaves the port to a server which also sets
    SO_REUSEADDR (the JVM and Redis do) and takes it out of the kernel's choice for everyone
    else, so nobody slips in before the first start or while the server is down.
    """
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return holder


class ServerProcess:
    """A server in a temporary folder and on ports of its own; a context manager.

    Subclasses give the command, the readiness check and, if needed, the files to prepare.
    The ports and the folder stay the same from `start` to `stop`, across `kill` and `restart`.

    Attributes
    ----------
    ports : list of int
        Loopback ports, `port_count` of them.
    folder : Path
        The temporary folder.
    started_in : float
        Seconds from the last start to readiness, preparation included.
    """

    name: ClassVar[str]
    port_count: ClassVar[int] = 1
    ready_seconds: ClassVar[float] = 60.0

    def __init__(self) -> None:
        self.ports: list[int] = []
        self.folder = Path()
        self.started_in = 0.0
        self._holders: list[socket.socket] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._paused = False

    def prepare(self) -> None:
        """Write what the server needs into `folder`, once."""

    def command(self) -> list[str]:
        """Return the server's command line, the program as an absolute path."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Ask the server, within a second or so, whether it is ready."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The server's process id."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._process.pid

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.folder / "server.log"

    def log_tail(self, lines: int = 30) -> str:
        """Return the last lines of the server's log."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) or "(empty)"

    def start(self) -> Self:
        """Start on fresh ports in a fresh folder and wait until the server answers."""
        if self._holders:
            raise RuntimeError(f"{self.name} is started already")
        begun = time.monotonic()
        try:
            self.folder = Path(tempfile.mkdtemp(prefix=f"fraudstream-{self.name.lower()}-"))
            for _ in range(self.port_count):
                self._holders.append(reserve_port())
            self.ports = [holder.getsockname()[1] for holder in self._holders]
            if sys.platform != "linux":
                for holder in self._holders:
                    holder.close()
            self.prepare()
            self._launch()
        except BaseException:
            self.stop()
            raise
        self.started_in = time.monotonic() - begun
        return self

    def pause(self) -> None:
        """Freeze the server (SIGSTOP): connections stay open, nothing answers."""
        self._signal(signal.SIGSTOP)
        self._paused = True
        # The signal is only queued when kill(2) returns; wait for the stop itself.
        if hasattr(os, "waitid"):
            flags = os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG
            deadline = time.monotonic() + 5
            while os.waitid(os.P_PID, self.pid, flags) is None:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self.name} did not stop within 5 s of SIGSTOP")
                time.sleep(0.001)

    def resume(self) -> None:
        """Thaw a paused server (SIGCONT)."""
        self._signal(signal.SIGCONT)
        self._paused = False

    def kill(self) -> None:
        """Kill the server (SIGKILL) and wait for its end; folder and ports are kept."""
        self._end(signal.SIGKILL)

    def restart(self) -> Self:
        """Start again on the same ports and folder, ending the process first if it lives."""
        if not self._holders:
            raise RuntimeError(f"{self.name} was never started, or stopped for good")
        begun = time.monotonic()
        self._end(signal.SIGTERM)
        self._launch()
        self.started_in = time.monotonic() - begun
        return self

    def heal(self) -> None:
        """Undo a `pause` or `kill` that a failed test left behind."""
        if self._paused:
            self.resume()
        if self._process is None or self._process.poll() is not None:
            self.restart()

    def stop(self) -> None:
        """End the server (SIGTERM, then SIGKILL) and drop its folder; safe to repeat."""
        try:
            self._end(signal.SIGTERM)
        finally:
            for holder in self._holders:
                holder.close()
            self._holders.clear()
            if self.folder != Path():
                shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, number: int) -> None:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{self.name} is not running\n{self.log_tail()}")
        self._process.send_signal(number)

    def _end(self, number: int) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)  # Popen sends nothing to a process that has ended.
        if self._paused:
            self._process.send_signal(signal.SIGCONT)
            self._paused = False
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
        self._process = None

    def _launch(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                die_with_parent(self.command()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                # Out of reach of the terminal's Ctrl-C: pytest's teardown ends it, in order.
                process_group=0,
            )
        deadline = time.monotonic() + self.ready_seconds
        while not self.answers():
            if (status := self._process.poll()) is not None:
                self._process = None
                raise RuntimeError(f"{self.name} ended with {status}; its log:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise TimeoutError(
                    f"{self.name} did not answer within {self.ready_seconds:.0f} s; its log:\n"
                    + self.log_tail()
                )
            time.sleep(0.02)


def kafka_version() -> str:
    """Return the version of Kafka that the pom pins."""
    version = ET.parse(POM).getroot().findtext(".//{*}properties/{*}kafka.version")
    if not version:
        raise RuntimeError(f"{POM} has no property kafka.version")
    return version.strip()


def find_java() -> str:
    """Return the path of `java`, or raise `ServerUnavailable`."""
    home = os.environ.get("JAVA_HOME")
    java = (home and shutil.which(Path(home) / "bin" / "java")) or shutil.which("java")
    if not java:
        raise ServerUnavailable(
            "`java` is not on PATH; install a Java runtime, 17 or newer, or set KAFKA_BOOTSTRAP"
        )
    return java


def fetch_jars() -> Path:
    """Return the folder with Kafka's jars; Maven fetches them when the cache lacks them.

    The folder is complete when its marker holds the pom's digest: an interrupted download or a
    changed pom means another fetch. Fetching happens aside and ends in one rename, so two runs
    in one checkout do not meet half a folder.
    """
    version = kafka_version()
    home = CACHE / f"kafka-{version}"
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()
    if is_complete(home, digest):
        return home / "libs"
    maven = shutil.which("mvn")
    if not maven:
        raise ServerUnavailable(
            f"Kafka {version} is not in .cache and `mvn` is not on PATH to fetch it; "
            "install Maven, or set KAFKA_BOOTSTRAP"
        )
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"kafka-{version}-", dir=CACHE) as scratch:
        fresh = Path(scratch) / "fresh"
        run_maven(maven, version, fresh / "libs")
        (fresh / "complete").write_text(digest)
        with contextlib.suppress(OSError):  # Absent, or another run has just moved it.
            home.rename(Path(scratch) / "stale")
        try:
            fresh.rename(home)
        except OSError:
            if not is_complete(home, digest):  # Else another run was first, and that is as good.
                raise
    return home / "libs"


def is_complete(home: Path, digest: str) -> bool:
    """Whether `home` holds every jar of the pom with this digest."""
    marker = home / "complete"
    return marker.is_file() and marker.read_text() == digest


def run_maven(maven: str, version: str, libs: Path) -> None:
    """Copy Kafka's jars into `libs`; raise `ServerUnavailable` when Maven cannot."""
    command = [maven, "-q", "-B", "-U", "-Dstyle.color=never", "-f", str(POM)]
    command += ["dependency:copy-dependencies", "-DincludeScope=runtime"]
    command += [f"-DoutputDirectory={libs}"]
    reason = ""
    for _ in range(MAVEN_TRIES):
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=MAVEN_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            reason = f"no end within {MAVEN_SECONDS} s"
            continue
        if done.returncode == 0:
            return
        printed = [line for line in done.stdout.splitlines() if line.strip()]
        errors = [line for line in printed if "ERROR" in line] or printed[-1:]
        reason = errors[0].strip()[:300] if errors else f"exit status {done.returncode}"
    raise ServerUnavailable(
        f"Maven could not fetch Kafka {version} ({reason}); "
        "make its registry reachable, or set KAFKA_BOOTSTRAP"
    )


class KafkaServer(ServerProcess):
    """One Kafka node, broker and controller in one.

    Parameters
    ----------
    properties : mapping of str to str, optional
        Broker settings on top of, or instead of, the ones in `prepare`.

    Raises
    ------
    ServerUnavailable
        By `start`, when Java is missing or Maven cannot fetch the jars.
    """

    name = "Kafka"
    port_count = 2

    def __init__(self, properties: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.version = kafka_version()
        self._properties = dict(properties or {})
        self._java = ""
        self._libs = Path()
        self._admin: AdminClient | None = None

    @property
    def bootstrap(self) -> str:
        """The `bootstrap.servers` of clients."""
        return f"127.0.0.1:{self.ports[0]}"

    @property
    def left_out_markers(self) -> bool:
        """Whether it has ended a transaction without its markers, as KAFKA-20734 has it.

        https://github.com/apache/kafka/pull/22680: it does so while no replica of a partition is
        there, as when the only broker begins. What was aborted is seen then, or what was
        committed is not.
        """
        return "Couldn't find leader endpoint" in self.log.read_text()

    @property
    def properties(self) -> dict[str, str]:
        """The server's settings."""
        controller = f"127.0.0.1:{self.ports[1]}"
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "controller.quorum.bootstrap.servers": controller,
            "log.dirs": str(self.folder / "data"),
            # A mistyped topic is an error of the test, not a new topic.
            "auto.create.topics.enable": "false",
            # One node: internal topics cannot have replicas, and few partitions start faster.
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "4",
            # Tests form groups and lose members all the time: no grace for either.
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
            # After a SIGKILL the controller takes the broker back only when its old session has
            # run out: 9 s by default.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            # Deleted topics give their disk back at once; the cleaner's buffer is 128 MB else.
            "log.segment.delete.delay.ms": "1000",
            "log.cleaner.dedupe.buffer.size": str(8 << 20),
            **self._properties,
        }

    def start(self) -> Self:
        """Start a broker with new, empty storage."""
        # Before the clock and the folder: a download is not part of the start.
        self._java, self._libs = find_java(), fetch_jars()
        return super().start()

    def prepare(self) -> None:
        """Write the settings and format the storage."""
        text = "".join(f"{key}={value}\n" for key, value in self.properties.items())
        (self.folder / "server.properties").write_text(text)
        cluster = "-"
        while cluster.startswith("-"):  # The tool would take it for an option.
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        done = subprocess.run(
            self._jvm("kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=FORMAT_SECONDS,
            check=False,
        )
        if "UnsupportedClassVersionError" in done.stdout:
            raise ServerUnavailable(
                f"{self._java} is too old for Kafka {self.version}; "
                "install Java 17 or newer, or set KAFKA_BOOTSTRAP"
            )
        if done.returncode != 0:
            raise RuntimeError(f"Kafka's storage could not be formatted:\n{done.stdout[-3000:]}")

    def command(self) -> list[str]:
        """Return the broker's command line."""
        return self._jvm("kafka.Kafka")

    def answers(self) -> bool:
        """Whether the broker is in its own metadata, as it is once it takes requests."""
        from confluent_kafka import KafkaException

        if self._admin is None:
            self._admin = admin_client(self.bootstrap)
        try:
            ready = bool(self._admin.list_topics(timeout=0.5).brokers)
        except KafkaException:
            return False
        if ready:
            self._admin = None
        return ready

    def stop(self) -> None:
        """End the broker and drop its storage; safe to repeat."""
        self._admin = None
        super().stop()

    def _jvm(self, main: str, *arguments: str) -> list[str]:
        # One compiler tier and the serial collector: quick to start and light on two cores.
        flags = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        flags += [f"-Dlog4j2.configurationFile={LOG4J.as_uri()}", "-Dlog4j2.disableJmx=true"]
        properties = str(self.folder / "server.properties")
        return [self._java, *flags, "-cp", f"{self._libs}/*", main, *arguments, properties]


def admin_client(bootstrap: str) -> AdminClient:
    """Return an AdminClient that neither logs refused connections nor waits long between them."""
    from confluent_kafka.admin import AdminClient

    settings: dict[str, Any] = {
        "bootstrap.servers": bootstrap,
        "log_level": 0,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 100,
    }
    return AdminClient(settings)


def create_topic(
    bootstrap: str,
    name: str,
    partitions: int = 1,
    config: Mapping[str, str] | None = None,
    seconds: float = 30.0,
) -> None:
    """Create a topic and wait until every partition has a leader.

    Parameters
    ----------
    bootstrap, name : str
        The broker and the new topic.
    partitions : int
        How many partitions.
    config : mapping of str to str, optional
        Topic settings, such as `retention.ms`.
    seconds : float
        The bound on the whole wait.
    """
    from confluent_kafka.admin import NewTopic

    deadline = time.monotonic() + seconds
    admin = admin_client(bootstrap)
    topic = NewTopic(name, num_partitions=partitions, config=dict(config or {}))
    admin.create_topics([topic], request_timeout=seconds)[name].result(timeout=seconds)
    # The controller answers before the broker's own view follows; a consumer that subscribes in
    # between gets an error event.
    while time.monotonic() < deadline:
        found = admin.list_topics(name, timeout=5).topics[name]
        leaders = [part.leader for part in found.partitions.values()]
        if found.error is None and len(leaders) == partitions and min(leaders) >= 0:
            return
        time.sleep(0.02)
    raise TimeoutError(f"topic {name} has no leaders after {seconds:.0f} s")


def delete_topics(bootstrap: str, names: Sequence[str], seconds: float = 10.0) -> None:
    """Delete topics as far as the broker is up to it."""
    from confluent_kafka import KafkaException

    if not names:
        return
    admin = admin_client(bootstrap)
    for future in admin.delete_topics(list(names), request_timeout=seconds).values():
        with contextlib.suppress(KafkaException, TimeoutError):
            future.result(timeout=seconds)


def unique_name(prefix: str) -> str:
    """Return `prefix` with a random ending, fit for a topic, a group or a key."""
    return f"{re.sub(r'[^A-Za-z0-9._-]', '-', prefix)}-{uuid.uuid4().hex[:8]}"
