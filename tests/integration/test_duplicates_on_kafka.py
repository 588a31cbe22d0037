"""What comes a second time, by offsets that go back or by a producer, changes nothing."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest
from fault_log import injects, repeats, seen
from workers.exactly_once import read_committed
from workers.lives import Lives
from workers.twins import (
    OUTPUTS,
    Payments,
    became,
    lost_and_repeated,
    said,
    site_of,
    taken,
    twin_of,
)
from workers.worker_site import DEADLINE_SECONDS, DECISIONS, PARTITIONS, SECONDS, Site

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from workers.lives import Life

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.faults]


def rewind(site: Site) -> None:
    """Set the group's offsets to the beginning, as an operator does, once the group is empty."""
    from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": site.bootstrap})
    topics = [site.topics[name] for name in ("transactions", "labels")]
    places = [TopicPartition(topic, p, 0) for topic in topics for p in range(PARTITIONS)]
    deadline = time.monotonic() + SECONDS
    while True:
        asked = [ConsumerGroupTopicPartitions(site.prefix, places)]
        (future,) = admin.alter_consumer_group_offsets(asked).values()
        try:
            answer = future.result(SECONDS)
            refused = [place.error for place in answer.topic_partitions if place.error]
        except KafkaException as error:
            refused = [error]
        if not refused:
            break
        # One that was killed is a member until its session has timed out.
        assert time.monotonic() < deadline, refused
        time.sleep(0.2)
    assert not any(site.committed("transactions").values())


def end(worker: Life) -> None:
    assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, worker.log()


def recovered(worker: Life) -> int:
    """Return how many records it has worked on again."""
    (line,) = [line for line in worker.log().splitlines() if '"recovered"' in line]
    replayed: int = json.loads(line)["replayed"]
    return replayed


def distinct(records: dict[str, Any]) -> dict[str, set[Any]]:
    return {name: set(records[name]) for name in OUTPUTS}


@injects(
    "the group's offsets set back to the beginning after a stop, and after kill -9",
    "nothing is decided anew: state and contents as without; what was acknowledged before the "
    "last snapshot does not come again, no alert does (decisions that do are counted)",
)
@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_offsets_that_go_back_decide_nothing_anew(
    tmp_path: Path, kafka_bootstrap: str, guarantee: str
) -> None:
    # What comes after the stop is behind the last snapshot when the worker is killed.
    site = site_of(tmp_path / "one", kafka_bootstrap, guarantee, interval="30s")
    twin = twin_of(site, tmp_path / "twin")
    payments = Payments(site, 2)
    with Lives(site) as lives:
        other = lives.worker(config=twin.config)
        worker = lives.worker()
        for stop in (signal.SIGTERM, signal.SIGKILL, None):
            for _ in range(3):
                payments.pay(200)
                taken(site, twin)
                payments.label()
                taken(site, twin)
            if stop is None:
                break
            before = said(site)
            worker.end(stop, DEADLINE_SECONDS + 5)
            rewind(site)
            worker = lives.worker()
            worker.wait_for('"recovered"')
            taken(site)
            if stop == signal.SIGKILL:
                replayed = recovered(worker)
                assert replayed > 0
            if stop == signal.SIGTERM:
                assert said(site) == before
        end(worker)
        end(other)
    ours, theirs = said(site), said(twin)
    lost, repeated = lost_and_repeated(ours, theirs)
    seen(2, len(payments.sent), lost, repeated)
    report = worker.report()
    print({name: records.total() for name, records in ours.items()}, repeated, report["recovery"])
    assert lost == 0
    assert distinct(ours) == distinct(theirs)
    assert ours["alerts"] == theirs["alerts"]
    assert ours["alerts"].total() > 50
    # No more than what the journal behind the last snapshot had.
    assert repeated <= replayed
    assert report["decisions"] == len(payments.sent)
    assert became(site) == became(twin)


@injects(
    "a producer that sends the same payments again, at new offsets",
    "the stored verdict is said again, marked as a duplicate; no alert twice; later decisions as "
    "without",
)
def test_payments_that_are_sent_again_change_nothing(tmp_path: Path, kafka_bootstrap: str) -> None:
    site = site_of(tmp_path / "one", kafka_bootstrap)
    twin = site_of(tmp_path / "twin", kafka_bootstrap)
    payments, alone = Payments(site, 3), Payments(twin, 3)
    alone._begun_us = payments._begun_us
    again = 0
    with Lives(site) as lives:
        worker, other = lives.worker(), lives.worker(config=twin.config)
        for first in (0, 200, 400):
            for each in (payments, alone):
                each.pay(200)
            taken(site, twin)
            for each in (payments, alone):
                each.label()
            taken(site, twin)
            # The newest, those of long ago, and all of them once more after a kill.
            for begin, behind in ((first + 150, first + 200), (0, first + 50)):
                payments.again(begin, behind)
                again += behind - begin
                taken(site)
            if first == 200:
                worker.end(signal.SIGKILL, 10)
                payments.again(0, 400)
                again += 400
                worker = lives.worker()
                taken(site)
        end(worker)
        end(other)
    decided = [DECISIONS.decode(m.value()) for m in read_committed(site, "decisions")]
    theirs = [DECISIONS.decode(m.value()) for m in read_committed(twin, "decisions")]
    ids = [dict(m.headers())["ce_subject"] for m in read_committed(site, "alerts")]
    first_of = {d["transaction_id"]: d for d in decided if not d["duplicate"]}
    lost = set(payments.sent) - first_of.keys()
    seen(again, len(payments.sent) + again, len(lost), repeats(ids))
    assert lost == set()
    assert {d["transaction_id"]: d for d in theirs} == first_of
    for name in ("decision", "score"):
        repeated = [d for d in decided if d["duplicate"]]
        assert all(d[name] == first_of[d["transaction_id"]][name] for d in repeated)
    assert len({(d["transaction_id"], d["event_time"]) for d in decided}) == len(payments.sent)
    report = worker.report()
    assert report["decisions"] == other.report()["decisions"] + again
    assert report["duplicates"] == again
    assert len(ids) > 30
    assert repeats(ids) == 0
