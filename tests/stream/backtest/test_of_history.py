"""The past taken once more: as it was it comes out as it was, and a change does what it orders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from seeds import seeds
from sim import (
    ALERTS,
    DECISIONS,
    KEY,
    START_MS,
    SimReader,
    SimWorker,
    World,
    identity,
    parts,
    send_traffic,
)

from schemas.columns import Reason
from schemas.errors import ConfigError, RecoveryError
from stream.app import engine_of, publisher_of
from stream.backtest.change import Change
from stream.backtest.ledger import Ledger
from stream.backtest.of_history import HistoryBacktest, Window
from stream.backtest.recorded import Recorded
from stream.decide import Outcome
from stream.recovery.history import History
from stream.recovery.segments import Segments
from stream.rules.names import RuleInputs
from stream.rules.reading import read_rules
from stream.snapshots.folder import SnapshotFolder

_TOO_LATE = int(Reason.EVENT_TOO_LATE)
BLOCK_ALL = '[[rule]]\nid = "large"\nwhen = "amount > 20.0"\naction = "block"\nmode = "live"\n'


def lived(world, lives=1):
    """Let workers take all of a world; each but the last is gone without a word."""
    for _ in range(lives - 1):
        life = SimWorker(world)
        life.live(25)
        life.bury()
    life = SimWorker(world)
    life.live()
    while life.worker.sink.flush(1):
        pass
    life.bury()
    return world


def history_of(world):
    config, decoders, _, control = parts(world.setting)
    return History(
        Segments(world.folder),
        SnapshotFolder(world.folder),
        identity(),
        SimReader(world),
        lambda: engine_of(config, KEY),
        *decoders,
        control,
    )


@pytest.fixture
def steady(monkeypatch):
    """A clock that goes on as time does."""
    now_ms = property(lambda world: START_MS + int(1000 * world.seconds))
    monkeypatch.setattr(World, "now_ms", now_ms)


def values_of(world, topic):
    logs = world.broker.logs.items()
    return [record.value() for (name, _), log in logs for record in log if name == topic]


def backtest_of(world, change=Change(), window=Window(), recorded=None):  # noqa: B008 - both frozen.
    config, *_ = parts(world.setting)
    ledger = Ledger(two=bool(change))
    publisher = lambda engine: publisher_of(config, engine)  # noqa: E731
    run = HistoryBacktest(window, change, ledger, publisher, recorded)
    run.run(history_of(world))
    return run, ledger


def recorded_of(world):
    _, _, codecs, _ = parts(world.setting)
    return Recorded(values_of(world, ALERTS), values_of(world, DECISIONS), codecs)


def rules_of(world, text=BLOCK_ALL):
    config, *_ = parts(world.setting)
    inputs = RuleInputs(config.inputs(), tuple(map(str, config.declared())), ())
    return read_rules({"rules": text}, inputs)


@seeds(4)
@pytest.mark.parametrize("setting", ["plain", "challenged", "budget"])
def test_with_nothing_changed_every_decision_is_the_one_that_was_published(seed, setting, tmp_path):
    kept = 0
    # What was taken before the first snapshot is in no journal any more: in some worlds, all.
    for more in range(10):
        world = World(seed + more, tmp_path / f"disk-{more}", setting=setting)
        world.keep = 1000
        send_traffic(world, 120, orders_share=0.0)
        world.calm()
        lived(world, lives=2)
        recorded = recorded_of(world)
        run, ledger = backtest_of(world, recorded=recorded)
        assert not recorded.differs, recorded.as_dict()
        found = recorded.as_dict()
        assert found["decisions"]["same"] >= len(ledger)
        assert found["alerts"]["same"] == ledger.live().told.sum()
        assert run.past.steps > 0
        assert ledger.candidate() is None
        kept += len(ledger)
        if kept > 20:
            break
    assert kept > 20


def test_a_decision_that_was_published_otherwise_is_named(tmp_path):
    world = World(5, tmp_path / "disk")
    world.keep = 1000
    send_traffic(world, 60, orders_share=0.0)
    world.calm()
    lived(world)
    _, _, codecs, _ = parts()
    alerts, decisions = values_of(world, ALERTS), values_of(world, DECISIONS)
    gone = codecs.decision.decode(decisions.pop())["transaction_id"]
    recorded = Recorded(alerts, [value for value in decisions if value], codecs)
    backtest_of(world, recorded=recorded)
    assert recorded.differs
    assert recorded.as_dict()["decisions"]["other"] == [gone]


@seeds(4)
@pytest.mark.usefixtures("steady")
def test_a_change_does_from_its_step_on_what_an_order_would_have_done(seed, tmp_path):
    world = World(seed, tmp_path / "disk", setting="challenged")
    world.keep = 1000
    send_traffic(world, 150, orders_share=0.0)
    world.calm()
    lived(world)
    middle = world.history[len(world.history) // 2].now_ms
    change = Change(rules_of(world))
    _, ledger = backtest_of(world, change, Window(middle))
    # One engine that was not copied at that step.
    history = history_of(world)
    start = [each for each in history.starts() if history.chain(each).links][-1]
    engine = start.engine
    outcomes, told = [], False
    for taken in history.steps(start.progress, history.chain(start)):
        if not told and taken.now_ms >= middle:
            told = True
            change.begin(engine)
        if taken.kind == 0:
            effects = engine.step(taken.batch)
            mine = ((effects.reasons == 0) | (effects.reasons == _TOO_LATE)) & ~effects.duplicate
            outcomes += effects.outcomes[mine].tolist() if told else []
        elif taken.kind == 1:
            engine.label(taken.batch)
        else:
            engine.control(taken.batch)
    candidate = ledger.candidate()
    assert candidate.outcomes.tolist() == outcomes
    assert candidate.rules == {"large": Outcome.BLOCK}
    large = ledger.payments().amount_minor > 2_000
    # Rules do not look at payments that came too late.
    matched = np.isin(np.arange(len(large)), candidate.matches.payments)
    assert matched.sum() > 5
    assert not matched[~large].any()
    assert (candidate.outcomes[matched] == Outcome.BLOCK).all()


def test_another_champion_decides(tmp_path):
    world = World(3, tmp_path / "disk", setting="challenged")
    world.keep = 1000
    send_traffic(world, 200, orders_share=0.0)
    world.calm()
    lived(world)
    late = world.history[len(world.history) // 2].now_ms
    _, ledger = backtest_of(world, Change(model="third"), Window(late))
    live, candidate = ledger.live(), ledger.candidate()
    assert len(ledger) > 20
    scored = ~np.isnan(live.scores) & ~np.isnan(candidate.scores)
    assert (live.scores[scored] != candidate.scores[scored]).any()


def test_a_model_that_is_not_there_is_named_beside_those_that_are(tmp_path):
    world = World(3, tmp_path / "disk", setting="challenged")
    world.keep = 1000
    send_traffic(world, 40, orders_share=0.0)
    world.calm()
    lived(world)
    with pytest.raises(ConfigError, match=r"--model fourth \(there are model, second, third\)"):
        backtest_of(world, Change(model="fourth"))


@pytest.mark.usefixtures("steady")
def test_a_window_is_of_the_steps_in_it(tmp_path):
    world = World(7, tmp_path / "disk")
    world.keep = 1000
    send_traffic(world, 120, orders_share=0.0)
    world.calm()
    lived(world)
    whole, all_of_it = backtest_of(world)
    times = [entry.now_ms for entry in world.history]
    first, behind = times[len(times) // 3], times[2 * len(times) // 3]
    run, some = backtest_of(world, window=Window(first, behind))
    assert 0 < len(some) < len(all_of_it)
    assert first <= run.past.first_ms
    assert run.past.last_ms < behind
    ours, theirs = some.live().scores, all_of_it.live().scores
    begin = next(
        at
        for at in range(len(theirs))
        if np.array_equal(theirs[at : at + len(ours)], ours, equal_nan=True)
    )
    assert begin > 0
    assert whole.past.watermark_us >= run.past.watermark_us


def test_what_is_not_kept_any_more_is_said(tmp_path):
    world = World(7, tmp_path / "disk")
    world.keep = 1
    send_traffic(world, 200, orders_share=0.0)
    world.calm()
    lived(world, lives=3)
    with pytest.raises(RecoveryError, match=r"the oldest state that is kept is of 20\d\d-"):
        backtest_of(world, window=Window(1_000))
    _, ledger = backtest_of(world)
    assert len(ledger) >= 0


def test_what_another_configuration_decided_is_not_taken_again(tmp_path):
    world = World(7, tmp_path / "disk")
    world.keep = 1000
    send_traffic(world, 60, orders_share=0.0)
    world.calm()
    lived(world)
    history = replace(history_of(world), identity=replace(identity(), configuration="other"))
    config, *_ = parts()
    run = HistoryBacktest(
        Window(), Change(), Ledger(two=False), lambda engine: publisher_of(config, engine)
    )
    with pytest.raises(RecoveryError, match="decided with another configuration configuration"):
        run.run(history)


def test_an_empty_folder_has_no_past(tmp_path):
    world = World(7, tmp_path / "disk")
    world.folder.mkdir()
    with pytest.raises(RecoveryError, match="no journal is kept of that time"):
        backtest_of(world)
