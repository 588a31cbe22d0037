"""An alert that is replayed comes out as it was, or what differs is said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sim import ALERTS, KEY, SimReader, SimWorker, World, identity, parts, send_traffic

from schemas.errors import RecoveryError
from stream.app import engine_of, publisher_of
from stream.recovery.history import History
from stream.recovery.reproduction import Reproducer
from stream.recovery.segments import Segments
from stream.snapshots.folder import SnapshotFolder


@pytest.fixture
def world(tmp_path):
    """A world in which a worker lived, and left alerts, snapshots and a journal.

    Of this one the snapshots that are kept are old enough for some twenty alerts.
    """
    world = World(6, tmp_path / "disk")
    send_traffic(world, 150)
    life = SimWorker(world)
    life.live(200)
    while life.worker.sink.flush(1):
        pass
    life.bury()
    return world


def reproducer_of(world):
    config, decoders, codecs, control = parts()
    history = History(
        Segments(world.folder),
        SnapshotFolder(world.folder),
        identity(),
        SimReader(world),
        lambda: engine_of(config, KEY),
        *decoders,
        control,
    )
    return Reproducer(history, lambda engine: publisher_of(config, engine), codecs.alert)


def alerts_of(world):
    values = [r.value() for (topic, _), log in world.broker.logs.items() for r in log]
    topics = [topic for (topic, _), log in world.broker.logs.items() for _ in log]
    found = [value for topic, value in zip(topics, values, strict=True) if topic == ALERTS]
    codec = parts()[2].alert
    return sorted(found, key=lambda value: codec.decode(value)["event_time"])


def test_every_alert_that_can_be_replayed_comes_out_as_it_was(world):
    reproducer, replayed = reproducer_of(world), 0
    for value in alerts_of(world):
        try:
            found = reproducer.reproduce(value)
        except RecoveryError:
            continue  # From before the oldest snapshot.
        assert found.differs == {}
        assert found.steps > 0
        assert found.records > 0
        replayed += 1
    assert replayed > 3


def test_what_was_changed_is_named(world):
    codec, reproducer = parts()[2].alert, reproducer_of(world)
    *_, last = [value for value in alerts_of(world) if can_be_reproduced(reproducer, value)]
    alert = codec.decode(last)
    assert reproducer.reproduce(codec.encode({**alert, "score": 0.123})).differs == {
        "score": (0.123, alert["score"])
    }
    # An id that no step gives out.
    differs = reproducer.reproduce(codec.encode({**alert, "alert_id": "0" * 32})).differs
    assert differs["alert_id"] == ("0" * 32, None)


def test_an_alert_of_a_payment_that_was_not_taken_yet_is_no_alert_of_ours(world):
    codec = parts()[2].alert
    *_, last = alerts_of(world)
    with pytest.raises(RecoveryError, match=r"ends before record 100000"):
        reproducer_of(world).reproduce(
            codec.encode({**codec.decode(last), "source_offset": 100_000})
        )


def test_what_came_after_an_alert_may_be_of_another_configuration(tmp_path, monkeypatch):
    world = World(1, tmp_path / "disk")
    send_traffic(world, 1500, orders_share=0.0)  # Each would delete what is reproduced.
    life = SimWorker(world)
    life.live(200)
    while life.worker.sink.flush(1):
        pass
    life.worker.finish(1.0)
    life.bury()
    reproducer, before = reproducer_of(world), alerts_of(world)
    # A few of all: each is worked out from a snapshot on.
    reproducible = [
        value for value in before[:: len(before) // 40 or 1] if can_be_reproduced(reproducer, value)
    ]
    monkeypatch.setattr(
        "simulated.worker.identity", lambda code: replace(identity(), configuration="later")
    )
    heir = SimWorker(world)
    heir.live(8)
    while heir.worker.sink.flush(1):
        pass
    heir.bury()
    later = [value for value in alerts_of(world) if value not in before]
    assert later
    kept = [value for value in reproducible if can_be_reproduced(reproducer, value)]
    assert kept
    assert all(reproducer.reproduce(value).differs == {} for value in kept)
    with pytest.raises(RecoveryError, match="was decided with another configuration later, not"):
        reproducer.reproduce(later[0])


def can_be_reproduced(reproducer, value):
    """Tell whether a snapshot from before an alert is kept."""
    try:
        reproducer.reproduce(value)
    except RecoveryError:
        return False
    return True


def test_orders_in_between_are_carried_out_again(tmp_path, monkeypatch):
    world = World(3, tmp_path / "disk")
    send_traffic(world, 150, orders_share=0.3)
    life = SimWorker(world)
    # Nothing is acknowledged, so that no snapshot is taken.
    monkeypatch.setattr(life.worker.sink, "poll", lambda timeout_s: None)
    monkeypatch.setattr(life.worker.sink, "flush", lambda timeout_s: 1)
    life.live()
    monkeypatch.undo()
    while life.worker.sink.flush(1):
        pass
    assert life.shard.engine.counters.erasures > 10
    life.bury()
    reproducer = reproducer_of(world)
    found = [reproducer.reproduce(value) for value in alerts_of(world)]
    assert len(found) >= 10
    assert all(each.differs == {} and each.snapshot == 0 for each in found)
