"""The demo: broker, producers, engine and subscriber on this machine, nothing installed.

The producer is a process of its own that runs ``fraudstream simulate --to kafka``,
and the subscriber is an ordinary consumer: what is shown is what a user gets.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from schemas.errors import FraudError
from stream.admin.setup import admin_server
from stream.app import codecs_of, registry_of
from stream.assembly import worker_of
from stream.config.configuration import Config, load
from stream.kafka.embedded import EmbeddedBroker
from stream.kafka.subscriber import Subscriber
from stream.page.setup import Page
from stream.telemetry.traffic import TrafficMeter
from stream.worker import Worker

# The demo's payments are made up, so the key that hides their cards is no secret.
DEMO_HASH_KEY = b"fraudstream-demo"
# The demo's time is real time: labels come after seconds, not weeks. Frauds and
# genuine payments become known after about as long, so that the model sees them
# in their true proportion.
LABEL_DELAY = "3s"
# Latencies of the first payments are those of making connections.
WARM_UP_US = 2_000_000
_OVERRIDES: dict[str, dict[str, Any]] = {
    "topics": {"decisions": "fraud.decisions"},
    "fields": {
        "entities": {
            "card": "card_id",
            "merchant": "merchant_id",
            "terminal": "terminal_id",
            "device": "device_id",
        },
        "numeric": {"card_present": "card_present", "category": "category_code"},
    },
    "features": {
        "names": (
            "amount",
            "{hour_sin,hour_cos}",
            "input.{card_present,category}",
            "{card,merchant,terminal,device}.{count,amount_mean}_{5s,15s,30s}",
            "{card,merchant,terminal,device}.seconds_since_last",
            "{merchant,terminal}.fraud_rate_30s",
            "card.distinct_merchant_15s",
            "card.amount_zscore_30s",
            "card.new_terminal",
        )
    },
    "windows": {
        "events_max": 500_000,
        "entities_max": 200_000,
        "allowed_lateness": "500ms",
        "idle_after": "1s",
    },
    "labels": {"maturity": "4s", "waiting_max": 200_000, "learn_interval": "250ms"},
    "model": {"frauds_min": 20, "genuine_min": 1500},
    "decision": {"review": 0.1, "block": 0.5},
    "monitor": {
        "window": "5s",
        "reference_windows": 6,
        "rows_min": 200,
        "segments": ("input.card_present",),
    },
    "worker": {"commit_interval": "100ms"},
    "limits": {"future_skew_max": "1m"},
}
_DRAIN_S = 10.0
_IDLE_S = 0.5


def demo_config() -> Config:
    """Return the demo's configuration: the defaults, with time sped up."""
    return load(None, **_OVERRIDES)


@dataclass(frozen=True)
class DemoPlan:
    """How much, how fast, how long.

    Attributes
    ----------
    rate_per_s : float
        Payments a second.
    seconds : float or None
        How long payments are sent; None: until told to stop.
    seed : int
        Of the traffic.
    """

    rate_per_s: float
    seconds: float | None
    seed: int = 1


class Demo:
    """Everything the demo runs, joined; a context manager.

    Parameters
    ----------
    plan : DemoPlan
    tell : callable
        Told in words what happens during start-up.
    """

    def __init__(self, plan: DemoPlan, tell: Callable[[str], None]) -> None:
        self.plan = plan
        self.config = demo_config()
        self.started_s = time.monotonic()
        self.first_decision_s: float | None = None
        self._began_s = 0.0
        self._ended_s: float | None = None
        self._tell = tell
        self._stop_sending = threading.Event()
        self._done = threading.Event()
        self._failure: FraudError | None = None
        topics = self.config.topics
        self.broker = EmbeddedBroker(dict.fromkeys(topics.names(), topics.partitions))
        tell(f"embedded broker on {self.broker.bootstrap} (any Kafka client may use it)")
        # Any port that is free, unless one is set.
        self.meter = TrafficMeter(self.config)
        self.page = Page(self.config, self.meter, tell, self.broker.bootstrap)
        self.admin = admin_server(self.config, self.meter, tell, self.page.routes)
        self.admin.start()
        tell(f"the live page: {self.admin.address}/  metrics: {self.admin.address}/metrics")
        connection = self.broker.connection
        self.worker: Worker = worker_of(
            self.config,
            connection,
            DEMO_HASH_KEY,
            on_ready=lambda warm: tell(
                f"kernels ready in {warm.seconds:.1f} s; the model takes {warm.cost}"
            ),
            tally=self.meter.tally,
        )
        registry = registry_of(self.config)
        codecs = codecs_of(self.config, registry)
        registry.close()
        self.subscriber = Subscriber(
            connection,
            {topics.alerts: codecs.alert, topics.decisions: codecs.decision},
            topics.decisions,
            WARM_UP_US,
        )
        self.subscriber.start()

    def stop(self) -> None:
        """Stop sending; what was sent is still decided."""
        self._stop_sending.set()

    def run(self, on_poll: Callable[[], None]) -> None:
        """Run to the end of the plan, or until `stop`.

        Raises
        ------
        FraudError
            If a part fails.
        """
        conductor = threading.Thread(target=self._conduct, name="conductor", daemon=True)
        conductor.start()

        def polled() -> None:
            if self.first_decision_s is None and self.worker.shard.engine.counters.decisions:
                self.first_decision_s = time.monotonic() - self.started_s
            self.meter.polled()
            on_poll()

        self.meter.follow(self.worker)
        self.meter.running()
        self.worker.run(self._done, polled)
        conductor.join(_DRAIN_S)
        if self._failure is not None:
            raise self._failure

    def summary(self) -> dict[str, Any]:
        """Return what was done, for the report at the end."""
        counters = self.worker.shard.engine.counters
        ended = self._ended_s or time.monotonic()
        seconds = ended - self._began_s if self._began_s else 0.0
        return {
            "events": self.worker.stats.records - counters.labels,
            "decisions": counters.decisions,
            "alerts": counters.alerts,
            "labels_learned": counters.labels_learned,
            "dead_letters": self.worker.shard.stats.dead_letters,
            "events_per_s": round(self.subscriber.decisions_per_s, 1),
            "latency_ms": self.subscriber.latency.summary_ms(),
            "latency_warm_up_s": WARM_UP_US / 1e6,
            "matured_as_genuine": counters.matured,
            "prequential": self.worker.shard.engine.prequential.as_dict(),
            "alerts_read": self.subscriber.alerts,
            "decisions_read": self.subscriber.decisions,
            "first_decision_s": self.first_decision_s and round(self.first_decision_s, 2),
            "seconds": round(seconds, 2),
            "broker": "embedded",
            "seed": self.plan.seed,
        }

    def __enter__(self) -> Demo:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_sending.set()
        self._done.set()
        self.meter.stopping()
        self.subscriber.close()
        self.worker.close()
        self.broker.close()
        self.page.close()
        self.admin.close()

    def _conduct(self) -> None:
        """Start the producer once the worker reads, end it in time, let the worker drain."""
        try:
            while not self.worker.source.assigned and not self._stop_sending.is_set():
                time.sleep(0.02)
            self._began_s = time.monotonic()
            producer = self._start_producer()
            self._tell(f"sending {self.plan.rate_per_s:g} payments a second")
            ended = self._wait(producer)
            self._ended_s = time.monotonic()
            if not ended:
                producer.terminate()
            _, errors = producer.communicate(timeout=_DRAIN_S)
            if producer.returncode not in (0, 130, -15):
                self._failure = FraudError(f"the producer ended early: {errors.strip()[-400:]}")
            self._drain()
        except Exception as error:  # Whatever it was, the worker must end.
            self._failure = FraudError(f"the demo's producer failed: {error}")
        finally:
            self._done.set()

    def _wait(self, producer: subprocess.Popen[str]) -> bool:
        """Wait for the plan's end; True if the producer ended by itself."""
        while not self._stop_sending.is_set():
            if producer.poll() is not None:
                return True
            time.sleep(0.05)
        return False

    def _start_producer(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "stream", "simulate", "--to", "kafka", "--embedded"]
        command += ["--bootstrap", self.broker.bootstrap, "--rate", str(self.plan.rate_per_s)]
        command += ["--label-delay", LABEL_DELAY, "--seed", str(self.plan.seed), "--json"]
        if self.plan.seconds is not None:
            command += ["--seconds", str(self.plan.seconds)]
        # A session of its own: Ctrl-C reaches us alone, and we end it in order.
        return subprocess.Popen(  # noqa: S603 - our own command, no shell.
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _drain(self) -> None:
        """Wait until nothing has come for a while and every decision has been read."""
        deadline = time.monotonic() + _DRAIN_S
        last, since = -1, time.monotonic()
        while time.monotonic() < deadline:
            now = self.worker.stats.records
            if now != last:
                last, since = now, time.monotonic()
            read_all = self.subscriber.decisions >= self.worker.shard.engine.counters.decisions
            if read_all and time.monotonic() - since > _IDLE_S:
                return
            time.sleep(0.05)
