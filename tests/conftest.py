"""Fixtures for a real Kafka, Redis and browser, and what the run says about them.

Nothing here imports a client library before a test asks for a server.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

import fault_log
import order
import pytest
import seeds
from hypothesis import settings
from servers import chromium
from servers.kafka_proxy import ProxiedKafka
from servers.kafka_server import (
    KafkaServer,
    ServerUnavailable,
    admin_client,
    create_topic,
    delete_topics,
    unique_name,
)
from servers.redis_server import RedisServer
from servers.shared_server import shared

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Server = TypeVar("Server", KafkaServer, ProxiedKafka, RedisServer)

# One line a server at the end of the run: what was used, or why nothing was.
LINES = {name: pytest.StashKey[list[str]]() for name in ("Kafka", "Redis", "Chromium")}
# Servers that other processes of a parallel run use too.
UNTIL_THE_END = pytest.StashKey[ExitStack]()
# How kernels are compiled: `schemas.kernel_form.VARIABLE`.
KERNELS = "FRAUDSTREAM_KERNELS"
# Where a worker of a parallel run keeps them for the process that reports.
OUTPUT = "real servers"


class TopicFactory(Protocol):
    """The type of the fixture `topic_factory`."""

    def __call__(
        self, prefix: str = ..., partitions: int = ..., config: Mapping[str, str] | None = ...
    ) -> str:
        """Create a topic whose name starts with `prefix`; return the name."""


def pytest_configure(config: pytest.Config) -> None:
    """Let a first call compile, and uncompiled kernels wrap around as compiled ones do.

    Kernels are compiled once for all numbers of features, as a user may have it too, or most of
    the run would be compiling; tests of the other form ask for it with `special_kernels`.
    """
    os.environ.setdefault(KERNELS, "general")
    for plugin in (fault_log, order, seeds):
        config.pluginmanager.register(plugin)
    settings.register_profile("kernels", deadline=None)
    settings.load_profile("kernels")
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        import numpy as np

        # Infinity less infinity is no number, compiled or not; only uncompiled it is told.
        np.seterr(over="ignore", invalid="ignore", divide="ignore")


@pytest.fixture(scope="module")
def special_kernels() -> Iterator[None]:
    """Compile kernels for the lengths of each configuration, as it is by default."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KERNELS, "special")
        yield


@pytest.fixture(scope="module", autouse=True)
def _light_collector() -> None:
    """Let garbage collections pass over what there was before this file.

    Kernels and thousands of tests are millions of objects: looking through them takes most of
    a second, and some tests collect before every measurement.
    """
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let the interpreter's last collection see everything: libraries look for leaks then."""
    gc.unfreeze()


def note(config: pytest.Config, server: str, line: str) -> None:
    """Keep `line` for the summary at the end of the run."""
    lines = config.stash.setdefault(LINES[server], [])
    if line not in lines:
        lines.append(line)


def in_ci() -> bool:
    """Whether this run is CI's, where a missing server is a failure."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


def give_up(config: pytest.Config, server: str, why: object) -> NoReturn:
    """Fail in CI, where a skipped real server would go unseen; skip elsewhere."""
    note(config, server, f"NOT USED - {why}")
    if in_ci():
        pytest.fail(f"real {server}: {why}", pytrace=False)
    # pytest repeats a skip's reason for every test; the why is said once, in the summary's line.
    pytest.skip(f"no real {server}; the line `real {server}: NOT USED` says why")


@contextmanager
def running(config: pytest.Config, server: Server) -> Iterator[Server]:
    """Start a server, note it for the summary and stop it; give up where the machine lacks it."""
    missing = None
    try:
        server.start()
    except ServerUnavailable as why:
        missing = why
    except Exception:
        note(config, server.name, "NOT USED - it did not start")
        raise
    if missing:  # Not in the handler: pytest would print both exceptions for every test.
        give_up(config, server.name, missing)
    try:
        where = f"127.0.0.1:{server.ports[0]}"
        line = f"{server.version} on {where}, started in {server.started_in:.1f} s"
        note(config, server.name, line)
        fault_log.used(f"{server.name} {server.version}")
        yield server
    finally:
        server.stop()


@contextmanager
def noting_silence(config: pytest.Config, server: str, variable: str) -> Iterator[None]:
    """Let an error pass, but say in the summary that the given server did not answer."""
    try:
        yield
    except Exception:
        note(config, server, f"NOT USED - the one in {variable} did not answer")
        raise


def folder_of_run(factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all processes of a parallel run have."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def kafka_bootstrap(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """`bootstrap.servers` of a real Kafka for the whole run; KAFKA_BOOTSTRAP overrides.

    Tests share it: they make topics of their own (`topic_factory`) and never pause or kill it.
    """
    if given := os.environ.get("KAFKA_BOOTSTRAP"):
        # Asked for by name, so a broker that does not answer is a failure, not a skip.
        with noting_silence(pytestconfig, "Kafka", "KAFKA_BOOTSTRAP"):
            brokers = admin_client(given).list_topics(timeout=15).brokers
        note(pytestconfig, "Kafka", f"KAFKA_BOOTSTRAP={given}, {len(brokers)} broker(s)")
        yield given
        return

    @contextmanager
    def start() -> Iterator[str]:
        with running(pytestconfig, KafkaServer()) as server:
            yield server.bootstrap

    # Even one that does nothing takes some percent of a processor.
    stack = pytestconfig.stash.setdefault(UNTIL_THE_END, ExitStack())
    yield stack.enter_context(shared(folder_of_run(tmp_path_factory) / "kafka", start))


@pytest.fixture(scope="module")
def kafka_server(pytestconfig: pytest.Config) -> Iterator[KafkaServer]:
    """A real Kafka of the module's own, to pause, kill and restart."""
    if os.environ.get("KAFKA_BOOTSTRAP"):
        pytest.skip("KAFKA_BOOTSTRAP is set: tests do not pause or kill a broker they were given")
    with running(pytestconfig, KafkaServer()) as server:
        yield server


@pytest.fixture
def proxied_kafka(pytestconfig: pytest.Config) -> Iterator[ProxiedKafka]:
    """A real Kafka of the test's own, reached through a proxy that can lose calls."""
    if os.environ.get("KAFKA_BOOTSTRAP"):
        pytest.skip("KAFKA_BOOTSTRAP is set: a broker that was given has no proxy before it")
    with running(pytestconfig, ProxiedKafka()) as server:
        yield server


@pytest.fixture
def topic_factory(kafka_bootstrap: str) -> Iterator[TopicFactory]:
    """Make uniquely named topics on `kafka_bootstrap`; they are deleted after the test."""
    made: list[str] = []

    def make(
        prefix: str = "topic", partitions: int = 1, config: Mapping[str, str] | None = None
    ) -> str:
        name = unique_name(prefix)
        made.append(name)
        create_topic(kafka_bootstrap, name, partitions, config)
        return name

    yield make
    delete_topics(kafka_bootstrap, made)


@pytest.fixture(scope="session")
def redis_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """URL of a real Redis for the whole run; REDIS_URL overrides.

    Tests share it: they use keys of their own and never pause or kill it.
    """
    if given := os.environ.get("REDIS_URL"):
        import redis

        with (
            noting_silence(pytestconfig, "Redis", "REDIS_URL"),
            redis.Redis.from_url(given, socket_timeout=5, socket_connect_timeout=5) as client,
        ):
            version = client.info("server")["redis_version"]
        # Not the URL: it may carry a password.
        note(pytestconfig, "Redis", f"{version} at REDIS_URL")
        yield given
        return
    with running(pytestconfig, RedisServer()) as server:
        yield server.url


@pytest.fixture(scope="module")
def redis_server(pytestconfig: pytest.Config) -> Iterator[RedisServer]:
    """A real Redis of the module's own, to pause, kill and restart."""
    if os.environ.get("REDIS_URL"):
        pytest.skip("REDIS_URL is set: tests do not pause or kill a Redis they were given")
    with running(pytestconfig, RedisServer()) as server:
        yield server


@pytest.fixture(scope="module")
def browser(pytestconfig: pytest.Config) -> Iterator[Browser]:
    """A real Chromium; CHROMIUM names another one than Debian's."""
    missing, program = None, ""
    try:
        program = chromium.find_chromium()
    except ServerUnavailable as why:
        missing = why
    if missing:
        give_up(pytestconfig, "Chromium", missing)
    with noting_silence(pytestconfig, "Chromium", "CHROMIUM"):
        note(pytestconfig, "Chromium", chromium.version(program))
    with chromium.browser(program) as started:
        yield started


@pytest.fixture(autouse=True)
def _healed_servers(request: pytest.FixtureRequest) -> None:
    """Bring a server back that the test before paused or killed and then failed."""
    for name in ("kafka_server", "redis_server"):
        if name in request.fixturenames:
            request.getfixturevalue(name).heal()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop what the processes of a parallel run share; hand what was noted to the one that reports.

    Others may use it for longer than a test may take, so no fixture can wait for them.
    """
    session.config.stash.setdefault(UNTIL_THE_END, ExitStack()).close()
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[OUTPUT] = {name: session.config.stash.get(key, []) for name, key in LINES.items()}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker noted."""
    for server, lines in getattr(node, "workeroutput", {}).get(OUTPUT, {}).items():
        for line in lines:
            note(node.config, server, line)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which real servers the run used, so that nobody takes a skip for a pass."""
    for server, key in LINES.items():
        lines = config.stash.get(key, ["NOT USED - no test of this run asked for it"])
        terminalreporter.write_line(f"real {server}: {'; '.join(lines)}")
