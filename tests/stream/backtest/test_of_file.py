"""A file played as it is configured and as it would be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stream.backtest.of_file as of_file
from schemas.errors import ConfigError
from stream.backtest.change import Change
from stream.backtest.ledger import Ledger
from stream.backtest.of_file import EventWindow, FileBacktest
from stream.backtest.report import report_of
from stream.backtest.truths import Truths
from stream.commands.rules import rule_inputs
from stream.config.configuration import Config, load
from stream.decide import Outcome
from stream.replay import Replay, ReplayOutputs
from stream.rules.reading import read_rules
from stream.simulate.handbook import HandbookParameters, generate, write_csv

EXAMPLE = Path(__file__).parents[3] / "examples" / "handbook.toml"
SMALL = HandbookParameters(
    customers=60,
    terminals=40,
    days=25,
    radius=9.0,
    amount_limit=110.0,
    terminal_days=4,
    customer_days=6,
)
RULE = '[[rule]]\nid = "large"\nwhen = "amount > 110.0"\naction = "block"\nmode = "live"\n'
READY = {"frauds_min": 3, "genuine_min": 100}
CHALLENGER = {**READY, "challengers": {"other": {"kind": "additive", **READY}}}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world") / "handbook.csv"
    write_csv(generate(SMALL), path)
    return path


def configured(**sections: Any) -> Config:
    return load(EXAMPLE, **{"model": READY, **sections})


def rules_of(config: Config, text: str = RULE) -> Change:
    return Change(read_rules({"rules": text}, rule_inputs(config)))


def backtest_of(
    world: Path, config: Config, change: Change, window: EventWindow | None = None
) -> Ledger:
    ledger = Ledger(two=bool(change))
    FileBacktest(world, config, window or EventWindow(), change, ledger).run()
    return ledger


def test_as_it_was_is_what_a_replay_decides(world: Path) -> None:
    config = configured()
    replay = Replay(world, config, ReplayOutputs())
    replay.run()
    decisions, ledger = replay.ledger.decisions(), backtest_of(world, config, Change())
    assert len(ledger) == len(decisions) > 1000
    live = ledger.live()
    assert live.outcomes.tolist() == decisions.outcome.tolist()
    assert np.array_equal(live.scores, decisions.score, equal_nan=True)
    assert ledger.payments().truths.tolist() == decisions.truth.tolist()


def test_rules_do_what_they_do_in_a_replay_that_has_them(world: Path) -> None:
    config = configured()
    change = rules_of(config)
    replay = Replay(world, config, ReplayOutputs())
    change.begin(replay.engine)
    replay.run()
    expected = replay.ledger.decisions()
    found = backtest_of(world, config, change).candidate()
    assert found is not None
    assert found.outcomes.tolist() == expected.outcome.tolist()
    assert np.array_equal(found.scores, expected.score, equal_nan=True)
    assert len(found.matches.payments) > 5


def test_rules_are_judged_by_the_truth_of_the_file(world: Path) -> None:
    config = configured()
    change = rules_of(config)
    ledger = backtest_of(world, config, change)
    report = report_of(ledger, Truths(0.5), change, 0, config.labels.maturity, 0.0)
    payments = ledger.payments()
    large = payments.amount_minor > 11_000
    (rule,) = report["candidate"]["rules"]
    assert rule["payments"] == int(large.sum()) > 5
    assert rule["frauds"] == int((large & (payments.truths == 1)).sum())
    # The Handbook's first scenario: whatever is above the limit is a fraud.
    assert rule["precision"] == 1.0
    assert report["judged"] == len(ledger)
    assert report["candidate"]["found"]["frauds"] > report["live"]["found"]["frauds"]
    assert sum(each["payments"] for each in report["changes"]) >= rule["new"] > 0
    assert all(each["to"] == "block" for each in report["examples"][:3])
    assert report["candidate"]["outcomes"]["block"] >= rule["payments"]
    assert report["live"]["rules"] == []


def test_a_window_begins_at_its_first_payment_and_the_past_is_known(world: Path) -> None:
    config = configured()
    whole = backtest_of(world, config, Change())
    times_us = whole.payments().event_time_us
    window = EventWindow(int(times_us[len(times_us) // 2]), int(times_us[-200]))
    part = backtest_of(world, config, rules_of(config), window)
    inside = (times_us >= window.from_us) & (times_us < window.to_us)
    assert part.payments().event_time_us.tolist() == times_us[inside].tolist()
    assert np.array_equal(part.live().scores, whole.live().scores[inside], equal_nan=True)
    large = part.payments().amount_minor > 11_000
    candidate = part.candidate()
    assert candidate is not None
    assert (candidate.outcomes[large] == Outcome.BLOCK).all()


def test_how_it_is_cut_changes_nothing(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured()
    change = rules_of(config)
    times_us = backtest_of(world, config, Change()).payments().event_time_us
    window = EventWindow(int(times_us[700]), int(times_us[-100]))
    whole = backtest_of(world, config, change, window)
    monkeypatch.setattr(of_file, "_BLOCK_ROWS", 97)
    cut = backtest_of(world, config, change, window)
    for ours, theirs in ((cut.live(), whole.live()), (cut.candidate(), whole.candidate())):
        assert ours is not None
        assert theirs is not None
        assert ours.outcomes.tolist() == theirs.outcomes.tolist()
        assert np.array_equal(ours.scores, theirs.scores, equal_nan=True)
        assert ours.told.tolist() == theirs.told.tolist()
        assert ours.matches.payments.tolist() == theirs.matches.payments.tolist()


def test_another_model_decides_from_the_window_on(world: Path) -> None:
    config = configured(model=CHALLENGER)
    times_us = backtest_of(world, config, Change()).payments().event_time_us
    window = EventWindow(int(times_us[len(times_us) // 2]))
    ledger = backtest_of(world, config, Change(model="other"), window)
    live, candidate = ledger.live(), ledger.candidate()
    assert candidate is not None
    assert (live.scores != candidate.scores).mean() > 0.9


def test_a_model_that_has_learned_nothing_yet_cannot_decide(world: Path) -> None:
    config = configured(model=CHALLENGER)
    with pytest.raises(ConfigError, match=r"--model other .* cannot be put in force"):
        backtest_of(world, config, Change(model="other"))
