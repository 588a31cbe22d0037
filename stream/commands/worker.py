"""``fraudstream run``: a worker on a Kafka cluster."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import structlog

from schemas.errors import BrokerError, FraudError, TransactionError
from schemas.kept_kernels import COUNTS
from stream.admin.setup import admin_server
from stream.app import connection_of
from stream.assembly import worker_of
from stream.cli.console import FAILED, INTERRUPTED, OK, emit_json, emit_report, err
from stream.cli.console import until_signalled as signals
from stream.commands.workers import end_with_parent
from stream.config.configuration import Config, load
from stream.kafka.topics import existing
from stream.page.setup import Page
from stream.process_memory import collect
from stream.restarts import Restarts
from stream.telemetry.figures import Figures
from stream.telemetry.summary import summary
from stream.telemetry.traffic import TrafficMeter
from stream.worker import Worker

# The exit status of a worker that could not stop in time (EX_SOFTWARE).
TIMED_OUT = 70
_STATUS_INTERVAL_S = 10.0
_RESTART_S = 1.0


def run_worker(path: Path | None, as_json: bool, page: int | None = None) -> int:
    """Run until told to stop; return the exit status.

    Parameters
    ----------
    path : Path or None
        Of the configuration.
    as_json : bool
    page : int, optional
        Port of the live page, in place of `admin.port`.
    """
    end_with_parent()
    config = load(path) if page is None else load(path, admin={"port": page, "page": True})
    log = _logger()
    with ExitStack() as port:
        meter = _open_port(config, log, port)
        return _run(config, log, meter, as_json)


def _open_port(config: Config, log: Any, port: ExitStack) -> TrafficMeter | None:
    """Answer on the admin port until the stack is closed; None where there is none.

    It is there before the worker is, so that a start that takes long can be told from a dead one.
    """
    if not config.admin.port:
        return None
    meter = TrafficMeter(config)
    page = Page(config, meter, lambda text: log.warning("page", error=text))
    server = admin_server(
        config, meter, lambda text: log.error("admin_port", error=text), page.routes
    )
    port.enter_context(server)
    # Before the server ends, which waits for open streams.
    port.callback(page.close)
    log.info("admin_port", address=server.address, token=bool(config.admin.token))
    return meter


def _run(config: Config, log: Any, meter: TrafficMeter | None, as_json: bool) -> int:
    """Run a worker, and another where its transaction fails; return the exit status."""
    hash_key = config.hash_key()
    connection = connection_of(config)
    _check_topics(config, existing(connection))

    def build() -> Worker:
        return worker_of(
            config,
            connection,
            hash_key,
            on_error=lambda text: log.warning("kafka", error=text),
            on_ready=lambda warm: log.info(
                "kernels_ready",
                seconds=round(warm.seconds, 2),
                compiled=COUNTS.compiled,
                model=config.model.kind,
                predict_us=round(warm.cost.predict_us, 2),
                learn_us=round(warm.cost.learn_us, 2),
                challengers={name: str(cost) for name, cost in warm.challengers.items()},
            ),
            on_stuck=lambda text: _end_stuck(text, log),
            tally=None if meter is None else meter.tally,
        )

    worker: Worker | None = build()
    stop = threading.Event()
    restarts = Restarts()
    deadline_s = config.worker.shutdown_deadline / 1e6
    with signals(lambda: _stop(stop, deadline_s, meter)) as came:
        log.info("started", bootstrap=connection.bootstrap, group=config.kafka.group)
        while True:
            try:
                worker = worker or build()
                report = _live(worker, stop, deadline_s, log, meter)
                break
            except TransactionError as error:
                # The state is ahead of what is out: only a new worker can make that good.
                if stop.is_set() or not restarts.allow():
                    raise
                log.warning("begins_anew", error=str(error), restarts=restarts.begun)
            # Two states at a time may be more than fit into memory.
            worker = None
            collect()
            if stop.wait(_RESTART_S):
                # Nothing is lost: the next start begins where this one would have.
                return FAILED
    log.info("stopped", decisions=report["decisions"], alerts=report["alerts"])
    if as_json:
        emit_json(report)
    else:
        emit_report(report, "worker")
    if report["unacknowledged"]:
        return FAILED
    # SIGTERM is how a worker is meant to end; Ctrl-C is a person's interruption.
    return INTERRUPTED if 2 in came else OK


def _live(
    worker: Worker, stop: threading.Event, deadline_s: float, log: Any, meter: TrafficMeter | None
) -> dict[str, Any]:
    """Let a worker work until it is told to stop, or cannot go on; return what it did."""
    status = _Status(worker, log, meter)
    try:
        if meter is not None:
            meter.follow(worker)
        worker.recover(stop)
        for shard in worker.shards:
            if shard.recovery is not None:
                log.info("recovered", **shard.recovery.as_dict())
        collect()
        if meter is not None:
            meter.running()
        worker.run(stop, status.tick)
        return summary(worker)
    except FraudError as error:
        # Said now: if closing takes too long there is no later.
        log.error("failed", error=str(error))
        raise
    finally:
        # Nobody need have sent a signal: closing can wait for a frozen broker for ever.
        timer = _end_after(deadline_s)
        if meter is not None:
            meter.left()
        worker.close()
        timer.cancel()


def _end_stuck(text: str, log: Any) -> None:
    """End the process: nothing else ends a call of librdkafka that does not come back."""
    log.error("stuck", error=f"{text}: the process ends, and its successor goes on")
    os._exit(TIMED_OUT)


def _check_topics(config: Config, found: dict[str, int]) -> None:
    missing = [
        name for name in (*config.topics.inputs(), *config.topics.outputs()) if name not in found
    ]
    if missing:
        raise BrokerError(f"no topic {', '.join(missing)}: run `fraudstream topics create`")


def _stop(stop: threading.Event, deadline_s: float, meter: TrafficMeter | None) -> None:
    """Ask the loop to end, and bound how long it may take."""
    if meter is not None:
        meter.stopping()
    if not stop.is_set():
        stop.set()
        _end_after(deadline_s)


def _end_after(deadline_s: float) -> threading.Timer:
    """End the process after this long: a call of librdkafka may never return."""
    timer = threading.Timer(deadline_s, os._exit, [TIMED_OUT])
    timer.daemon = True
    timer.start()
    return timer


def _logger() -> Any:
    """JSON lines on stderr, or something kinder where a person is looking."""
    renderer = structlog.dev.ConsoleRenderer() if err.is_terminal else None
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer or structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    return structlog.get_logger()


class _Status:
    """A line about the worker now and then, and when it becomes ready or is so no longer."""

    def __init__(self, worker: Worker, log: Any, meter: TrafficMeter | None) -> None:
        self._worker = worker
        self._log = log
        self._meter = meter
        self._ready = False
        self._next_s = time.monotonic() + _STATUS_INTERVAL_S

    def tick(self) -> None:
        """Log how things stand, if it is time."""
        if self._meter is not None:
            self._meter.polled()
            self._note_ready(self._meter.figures)
        now = time.monotonic()
        if now >= self._next_s:
            self._next_s = now + _STATUS_INTERVAL_S
            report = summary(self._worker)
            for name in ("dead_letters_by_reason", "label_reviews", "prequential"):
                report.pop(name, None)
            self._log.info("status", **report)

    def _note_ready(self, figures: Figures) -> None:
        if figures.ready != self._ready:
            self._ready = figures.ready
            said = "ready" if self._ready else "not_ready"
            self._log.info(said, phase=figures.phase.value, partitions=figures.assigned)
