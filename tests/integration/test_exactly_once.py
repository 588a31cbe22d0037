"""Exactly once on a real Kafka: killed, bounced, paused and cut off, nothing is lost or doubled."""

from __future__ import annotations

import os
import shutil
import signal
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fault_log import injects
from seeds import seeds
from servers.kafka_proxy import END_TXN
from servers.kafka_server import KafkaServer
from workers.dying import ONCE, POINTS
from workers.exactly_once import CLIENT, MORE, PATIENT, WIDE_AWAKE, Trial
from workers.lives import Life, Lives
from workers.worker_site import DEADLINE_SECONDS, SECONDS, Site, until

from stream.commands.worker import TIMED_OUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from servers.kafka_proxy import ProxiedKafka

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def exactly_once_site(folder: Path, bootstrap: str, client: str = CLIENT) -> Site:
    more = MORE.format(folder=folder / "state", interval="1s", state="whole")
    site = Site(folder, bootstrap, client, more)
    site.create_topics()
    return site


@pytest.fixture
def own_site(tmp_path: Path, kafka_server: KafkaServer) -> Site:
    """A site on a broker that may be paused and killed."""
    return exactly_once_site(tmp_path, kafka_server.bootstrap)


def with_folder(site: Site, name: str) -> Path:
    """Return a configuration of the same worker with another recovery folder."""
    config = site.folder / f"{name}.toml"
    text = site.config.read_text()
    config.write_text(text.replace(str(site.folder / "state"), str(site.folder / name)))
    assert config.read_text() != text
    return config


@pytest.fixture
def site(tmp_path: Path, site_factory: Callable[..., Site]) -> Site:
    return site_factory(
        MORE.format(folder=tmp_path / "state", interval="1s", state="whole"), CLIENT
    )


def comes_by(trial: Trial, worker: Life, point: str) -> bool:
    """Tell whether a worker comes by the point where it dies, while there is a lot to do."""
    until(lambda: worker.ended.is_set() or '"recovered"' in worker.log())
    before, since = trial.decisions, time.monotonic()
    # By most points it comes all the time, though few times while it takes what has piled up.
    patience = 5 if point in (*ONCE, "in a replay") else 40
    # A busy machine takes longer for as much.
    until(
        lambda: (
            worker.ended.is_set()
            or (trial.decisions >= before + 600 and time.monotonic() > since + patience)
        )
    )
    return worker.ended.is_set()


EVERYTHING_ONCE = "every output once, none missing, in order, for readers of committed records"


@pytest.mark.parametrize("share", [0.5, pytest.param(1.0, marks=pytest.mark.faults)])
@injects("exactly_once: kill -9 of a worker at each point of its work", EVERYTHING_ONCE)
@seeds(1)
def test_killed_at_every_point_it_says_everything_once(site: Site, seed: int, share: float) -> None:
    """At all of them; every run of the tests has another half."""
    rng = np.random.default_rng(seed)
    some = rng.permutation(list(POINTS))[: round(len(POINTS) * share)]
    # What is in a replay must have been taken before.
    points = [*some, "after journal", "in a replay"]
    killed = []
    with Trial(site, None, 200, seed) as trial:
        for point in points:
            begun = time.monotonic()
            hits = 1 if point in ONCE else int(rng.integers(1, 12))
            worker = trial.lives.worker(point, hits)
            if not comes_by(trial, worker, point):
                # But partitions are given back at the end.
                worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5)
            if worker.status == -signal.SIGKILL:
                killed.append(point)
            print(f"{point}, {hits}: {worker.status} in {time.monotonic() - begun:.1f} s")
            assert worker.status in (0, -signal.SIGKILL), worker.log()
        assert len(set(killed)) >= len(set(points)) - 1
        last = trial.lives.worker()
        # Everything may be out already: it must not be told to end before it listens.
        last.wait_for('"recovered"')
        trial.conclude(last, len(killed))


@pytest.mark.faults
@injects("exactly_once: one of two workers killed, or paused beyond its session", EVERYTHING_ONCE)
@seeds(1)
def test_of_two_workers_whichever_dies_or_sleeps_everything_is_said_once(
    tmp_path: Path, site_factory: Callable[..., Site], seed: int
) -> None:
    more = MORE.format(folder=tmp_path / "state", interval="1s", state="per_partition")
    site = site_factory(more, WIDE_AWAKE)
    rng = np.random.default_rng(seed)
    often = [point for point in POINTS if point not in ONCE and point != "in a replay"]
    points = [str(point) for point in rng.permutation(often)]
    died, slept = [], []
    with Trial(site, None, 120, seed, co_partitioned=True) as trial:
        one = trial.lives.worker()
        for point in points:
            # With a transaction that is written, and offsets that are sent or not.
            sleeps = point in ("before offsets", "before commit")
            worker = trial.lives.worker(
                point, int(rng.integers(1, 12)), signal.SIGSTOP if sleeps else signal.SIGKILL
            )
            if sleeps:
                # Beyond its session: the other one takes over, and then it wakes.
                worker.wait_until_stopped()
                time.sleep(9.0)
                os.kill(worker.pid, signal.SIGCONT)
                slept.append(point)
                time.sleep(1.0)
                worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5)
            elif worker.wait(15) is None:
                worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5)
            else:
                died.append(point)
            print(f"{point}: {worker.status}, {'slept' if sleeps else 'died'}")
            assert one.wait(0) is None, one.log()
        assert len(died) > 2
        assert slept
        trial.conclude(one, len(died) + len(slept))


FENCED = "another worker with the same transactional id 'fraudstream-"


@pytest.mark.parametrize(
    ("point", "hits"),
    [
        # Some of a transaction is written, and some has become too old to be sent when it goes on.
        ("mid publish", 60),
        # All of it is written and nothing committed.
        pytest.param("before commit", 20, marks=pytest.mark.faults),
    ],
)
@injects(
    "exactly_once: a worker paused in a transaction while another takes its place", EVERYTHING_ONCE
)
def test_a_paused_worker_whose_place_was_taken_says_nothing_more(
    site: Site, point: str, hits: int
) -> None:
    with Trial(site, None, 250, 1) as trial:
        zombie = trial.lives.worker(point, hits, signal.SIGSTOP)
        zombie.wait_until_stopped()
        # Its disk is given to another machine.
        shutil.copytree(site.folder / "state", site.folder / "moved")
        heir = trial.lives.worker(config=with_folder(site, "moved"))
        seen = trial.decisions
        trial.reader.wait_for_decisions(seen + 500)
        time.sleep(5.0)  # Beyond its session, and its transaction.
        os.kill(zombie.pid, signal.SIGCONT)
        assert zombie.wait(SECONDS) == 1, zombie.log()
        assert FENCED in zombie.log()
        assert "begins_anew" not in zombie.log()
        trial.conclude(heir, 1)


@pytest.mark.faults
@injects("exactly_once: a second worker with the same transactional id", EVERYTHING_ONCE)
def test_of_two_with_one_transactional_id_the_older_ends_and_says_why(site: Site) -> None:
    with Trial(site, 2500, 250, 2) as trial:
        older = trial.lives.worker()
        trial.reader.wait_for_decisions(500)
        younger = trial.lives.worker(config=with_folder(site, "other"))
        assert older.wait(SECONDS) == 1, older.log()
        assert FENCED in older.log()
        trial.conclude(younger, 1, remembers=False)
        assert "nothing is remembered of" in younger.log()


@pytest.mark.faults
@injects("exactly_once: the broker frozen until the worker gives up", EVERYTHING_ONCE)
def test_a_frozen_broker_ends_the_process_and_its_successor_goes_on(
    own_site: Site, kafka_server: KafkaServer
) -> None:
    site = own_site
    with Trial(site, None, 250, 3) as trial:
        worker = trial.lives.worker()
        trial.reader.wait_for_decisions(500)
        kafka_server.pause()
        begun = time.monotonic()
        # A transaction, closing, and a new beginning that finds no broker.
        status = worker.wait(2 * 4 + DEADLINE_SECONDS + 10 + 5)
        took = time.monotonic() - begun
        kafka_server.resume()
        print(f"ended with {status} in {took:.1f} s\n{worker.log()[-2000:]}")
        assert status in (1, TIMED_OUT), worker.log()
        # Either a call failed in its time, or it did not come back.
        assert "a transaction failed" in worker.log() or '"stuck"' in worker.log()
        assert "Traceback" not in worker.log()
        heir = trial.lives.worker()
        trial.conclude(heir, 1)


@pytest.mark.faults
@injects("exactly_once: requests to commit, or their answers, lost on the wire", EVERYTHING_ONCE)
def test_a_commit_whose_answer_is_lost_is_neither_lost_nor_done_twice(
    tmp_path: Path, proxied_kafka: ProxiedKafka
) -> None:
    site = exactly_once_site(tmp_path, proxied_kafka.bootstrap)
    proxy = proxied_kafka.proxy
    with Trial(site, 6000, 250, 4) as trial:
        worker = trial.lives.worker()
        trial.reader.wait_for_decisions(300)
        # Once after the broker has committed, once before it heard of it, and each some more
        # times than a transaction's time has room for.
        for answers in (True, False):
            for times in (1, 100_000):
                lost = proxy.lost
                proxy.lose(END_TXN, times, answers)
                if times == 1:
                    until(lambda lost=lost: proxy.lost == lost + 1)
                    trial.reader.wait_for_decisions(trial.decisions + 100)
                    assert "begins_anew" not in worker.log()[-300:]
                else:
                    anew = worker.log().count("begins_anew")
                    until(lambda anew=anew: worker.log().count("begins_anew") > anew)
                    proxy.lose(END_TXN, 0, answers)
                    trial.reader.wait_for_decisions(trial.decisions + 100)
        assert "it is not known whether it was committed" in worker.log()
        trial.conclude(worker, proxy.lost)


# Kafka's own test of transactions has 100,000 messages and 3 bounces (tests/kafkatest/tests/core/
# transactions_test.py); in between a size for every day.
MESSAGES = int(os.environ.get("FRAUDSTREAM_MESSAGES") or 4_000)
BOUNCES = 3 if MESSAGES >= 100_000 else 2


class Supervised:
    """A worker that is started again whenever it has ended, as a supervisor does."""

    def __init__(self, lives: Lives) -> None:
        self._lives = lives
        self.ends: list[str] = []
        self.worker = lives.worker()

    def tend(self) -> None:
        if self.worker.ended.is_set():
            lines = [line for line in self.worker.log().splitlines() if '"kafka"' not in line]
            assert self.worker.status in (1, TIMED_OUT), self.worker.log()
            self.ends.append(f"{self.worker.status}: {lines[-1][:300]}")
            assert len(self.ends) <= 2 * BOUNCES, self.ends
            self.worker = self._lives.worker()

    def bounce(self, hard: bool) -> None:
        self.tend()
        status = self.worker.end(signal.SIGKILL if hard else signal.SIGTERM, SECONDS)
        assert status == (-signal.SIGKILL if hard else 0), self.worker.log()
        self.worker = self._lives.worker()


@pytest.fixture
def bounced(pytestconfig: pytest.Config) -> Iterator[KafkaServer]:
    """A broker that gives up transactions as seldom as one in production does."""
    if os.environ.get("KAFKA_BOOTSTRAP"):
        pytest.skip("KAFKA_BOOTSTRAP is set: a broker that was given is not bounced")
    every = "transaction.abort.timed.out.transaction.cleanup.interval.ms"
    with KafkaServer({every: "10000"}) as server:
        yield server


def cell(who: str, hard: bool, fault: str) -> Any:
    """Return a cell of the matrix."""
    return pytest.param(
        who, hard, marks=injects(fault, EVERYTHING_ONCE), id=f"{who}-{'hard' if hard else 'clean'}"
    )


@pytest.mark.faults
@pytest.mark.timeout(300 + MESSAGES // 60)
@pytest.mark.parametrize(
    ("who", "hard"),
    [
        cell("brokers", True, "exactly_once: the broker killed (kill -9) and restarted"),
        cell("brokers", False, "exactly_once: the broker stopped and restarted"),
        cell("clients", True, "exactly_once: the worker killed (kill -9) and started again"),
        cell("clients", False, "exactly_once: the worker stopped and started again"),
    ],
)
def test_the_matrix_of_kafkas_own_test_of_transactions(
    tmp_path: Path, bounced: KafkaServer, who: str, hard: bool
) -> None:
    site = exactly_once_site(tmp_path, bounced.bootstrap, PATIENT)
    with Trial(site, MESSAGES, MESSAGES / 8, 5) as trial:
        supervised = Supervised(trial.lives)

        def tend() -> None:
            supervised.tend()
            if bounced.left_out_markers:
                pytest.skip("the broker left out the markers of a transaction (KAFKA-20734)")

        for bounce in range(BOUNCES):
            share = MESSAGES * (bounce + 1) // (BOUNCES + 2)
            trial.reader.wait_for_decisions(share, 900, tend)
            if who == "clients":
                supervised.bounce(hard)
                continue
            if hard:
                bounced.kill()
            bounced.restart()
        trial.reader.wait_for_decisions(MESSAGES, 900, tend)
        print(f"ended by themselves: {supervised.ends}")
        trial.settle()
        tend()
        trial.conclude(supervised.worker, BOUNCES)
