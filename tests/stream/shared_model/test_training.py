"""The trainer's model is that of one who was taught the same rows, and so are the others'."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from seeds import seeds

import models
from models.additive.estimators import AdditiveLogisticRegression
from models.feedback_delayed import FeedbackAndDelayed
from models.river.adapter import logistic_pipeline
from models.states.snapshot import State, pack, unpack
from schemas.errors import SnapshotError
from stream.champion.contenders import teach
from stream.champion.lineup import Lineup
from stream.labels.examples import Examples
from stream.labels.label_kinds import LabelKind
from stream.shared_model.messages import OFFSET_MAX, Position
from stream.shared_model.role import Role
from stream.shared_model.training import Training

NAMES = ("a", "b", "c")
INTERVAL_US = 10
EACH = 40


def build_lineup():
    build = partial(models.compile, feature_names=NAMES, frauds_min=1, genuine_min=1)
    apart = FeedbackAndDelayed(build(logistic_pipeline()), build(logistic_pipeline()))
    challengers = {"curves": build(AdditiveLogisticRegression()), "apart": apart}
    return Lineup(build(logistic_pipeline()), challengers, calibrate=True)


def training(partition=None, lineup=None):
    found = Training(lineup or build_lineup(), INTERVAL_US)
    if partition is not None:
        found.serve(partition)
    return found


def rows(rng, n, weighed=False):
    """Return examples as the engine has them: some are judged only, some of one kind."""
    news = rng.random(n) < 0.8
    kinds = rng.choice([0, LabelKind.FEEDBACK, LabelKind.DELAYED, 3], n).astype(np.uint8)
    kinds[news & (kinds == 0)] = LabelKind.DELAYED
    weights = rng.choice([0.0, 1.0, 7.5], n) if weighed else None
    X = np.where(rng.random((n, 3)) < 0.1, np.nan, rng.normal(0.0, 2.0, (n, 3)))
    flags = rng.random((2, n)) < 0.3
    return Examples(X, rng.random((n, 5)), flags[0], flags[1], news, kinds, weights)


def models_of(lineup):
    return {
        name: pack(each.learner.state())
        for name, each in zip(lineup.names, lineup.contenders, strict=True)
    }


def send(version):
    """Return a version's parts, as bytes."""
    content = pack(version.state)
    third = len(content) // 3
    return [content[:third], content[third:-1], content[-1:]]


@seeds(6)
def test_the_model_is_that_of_one_who_was_taught_the_same_rows(seed):
    rng = np.random.default_rng(seed)
    alone, lineups = build_lineup(), [build_lineup() for _ in range(3)]
    states = [training(at, lineups[at]) for at in range(3)]
    assert [each.role for each in states] == [Role.TRAINER, Role.SCORER, Role.SCORER]
    under_way = {1: [], 2: []}
    published = {}
    for turn in range(EACH):
        at = int(rng.integers(3))
        before = models_of(lineups[at])
        examples = [rows(rng, int(rng.integers(0, 6)), rng.random() < 0.5) for _ in range(2)]
        for each in examples:
            states[at].teach(each)
        told = states[at].tell(turn)
        assert states[at].tell(turn) == []
        if at:
            assert models_of(lineups[at]) == before
            under_way[at] += [(Position(turn, k), each.examples) for k, each in enumerate(told)]
        else:
            assert told == []
            for each in examples:
                teach(alone.contenders, each)
        # Some of it comes late, and some of it again.
        for sender, places in under_way.items():
            while places and rng.random() < 0.7:
                place, example = places.pop(0)
                assert states[0].learn(sender, place, example)
                assert not states[0].learn(sender, place, example)
                teach(alone.contenders, example)
        assert models_of(lineups[0]) == models_of(alone)
        for version in states[0].versions(turn, 100 + turn):
            published[version.offset] = models_of(lineups[0])
            ready = {n for n, c in zip(alone.names, alone.contenders, strict=True) if c.ready}
            assert set(version.state.parts) == ready
            for scorer in (1, 2):
                said = [
                    states[scorer].adopt(Position(version.offset, k), 3, part, unpack)
                    for k, part in enumerate(send(version))
                ]
                assert said == [None, None, True]
                assert states[scorer].adopt(Position(version.offset, 0), 3, b"", unpack) is None
                theirs = models_of(lineups[scorer])
                assert {name: theirs[name] for name in ready} == {
                    name: published[version.offset][name] for name in ready
                }
    assert len(published) > 1
    assert (np.diff(sorted(published)) >= INTERVAL_US).all()


@seeds(4)
def test_a_state_goes_on_as_if_it_had_never_been_kept(seed):
    rng = np.random.default_rng(seed)
    trainer, scorer = training(0), training(1)
    trainer.teach(rows(rng, 300))
    assert trainer.due_us <= 0
    (version,) = trainer.versions(0, 5)
    first, second, third = send(version)
    assert scorer.adopt(Position(5, 0), 3, first, unpack) is None
    assert scorer.adopt(Position(5, 1), 3, second, unpack) is None
    assert trainer.learn(1, Position(3, 1), rows(rng, 3))
    for each, partition in ((trainer, 0), (scorer, 1)):
        other = training(partition)
        other.restore(unpack(pack(each.state())))
        assert pack(other.state()) == pack(each.state())
    lineup = build_lineup()
    other = training(1, lineup)
    other.restore(scorer.state())
    assert other.adopt(Position(5, 2), 3, third, unpack) is True
    assert models_of(lineup)["model"] == pack(version.state.parts["model"])
    again = training(0)
    again.restore(trainer.state())
    assert not again.learn(1, Position(3, 0), rows(rng, 3))
    assert not again.learn(1, Position(3, 1), rows(rng, 3))
    assert again.learn(1, Position(3, 2), rows(rng, 3))
    assert again.due_us == trainer.due_us == INTERVAL_US


def test_alone_a_state_learns_and_tells_nobody():
    rng = np.random.default_rng(1)
    lineup, other = build_lineup(), build_lineup()
    alone, examples = Training(lineup, 0), rows(rng, 20)
    alone.serve(2)
    alone.teach(examples)
    teach(other.contenders, examples)
    assert models_of(lineup) == models_of(other)
    assert alone.role is Role.ALONE
    assert (alone.tell(1), alone.versions(2**60, 1)) == ([], [])
    assert not alone.learn(1, Position(1, 0), examples)
    assert alone.adopt(Position(1, 0), 1, b"", unpack) is None


def test_nothing_is_published_twice_and_nothing_before_it_is_due():
    rng = np.random.default_rng(2)
    trainer = training(0)
    assert trainer.versions(100, 1) == []
    trainer.teach(rows(rng, 30))
    assert len(trainer.versions(100, 1)) == 1
    assert trainer.versions(200, 2) == []
    trainer.learn(1, Position(1, 0), rows(rng, 5))
    assert trainer.versions(100 + INTERVAL_US - 1, 3) == []
    assert len(trainer.versions(100 + INTERVAL_US, 4)) == 1


def test_a_version_that_comes_again_or_late_is_not_gone_back_to():
    rng = np.random.default_rng(6)
    trainer, lineup = training(0), build_lineup()
    scorer = training(1, lineup)
    found = []
    for turn in (100, 200):
        trainer.teach(rows(rng, 30))
        found += trainer.versions(turn, turn)
    for version in reversed(found):
        scorer.adopt(Position(version.offset, 0), 1, pack(version.state), unpack)
        assert models_of(lineup)["model"] == pack(found[-1].state.parts["model"])
    # What was learned here since would be lost with it.
    teach(lineup.contenders, rows(rng, 5))
    before = models_of(lineup)
    assert scorer.adopt(Position(200, 0), 1, pack(found[-1].state), unpack) is None
    assert models_of(lineup) == before


def test_a_model_that_has_seen_too_little_is_left_to_those_who_have_one():
    trainer, lineup = training(0), build_lineup()
    scorer = training(1, lineup)
    genuine = Examples(
        np.ones((4, 3)),
        np.zeros((4, 0)),
        *np.zeros((2, 4), np.bool_),
        np.ones(4, np.bool_),
        np.full(4, LabelKind.DELAYED, np.uint8),
    )
    trainer.teach(genuine)
    assert trainer.versions(50, 1) == []
    teach(lineup.contenders, genuine)
    before = models_of(lineup)
    empty = pack(State("model_version/1", {"failed": {}}))
    assert scorer.adopt(Position(9, 0), 1, empty, unpack) is True
    assert models_of(lineup) == before


@pytest.mark.parametrize("broken", ["gap", "other", "cut", "kind"])
def test_what_is_no_version_changes_nothing_and_the_next_one_does(broken):
    rng = np.random.default_rng(3)
    trainer, lineup = training(0), build_lineup()
    scorer = training(1, lineup)
    trainer.teach(rows(rng, 60))
    (version,) = trainer.versions(0, 5)
    before, (first, second, third) = models_of(lineup), send(version)
    if broken == "gap":
        said = [
            scorer.adopt(Position(5, k), 3, each, unpack) for k, each in ((0, first), (2, third))
        ]
    elif broken == "other":
        said = [scorer.adopt(Position(5, 0), 3, first, unpack)]
        said.append(scorer.adopt(Position(4, 1), 3, second, unpack))
    elif broken == "cut":
        said = [scorer.adopt(Position(5, 0), 1, first + second, unpack)]
    else:
        said = [scorer.adopt(Position(5, 0), 1, pack(State("model/7")), unpack)]
    assert said[-1] is False
    assert models_of(lineup) == before
    assert scorer.adopt(Position(5, 0), 1, first + second + third, unpack) is True
    assert models_of(lineup)["model"] == pack(version.state.parts["model"])


def test_a_version_of_other_models_is_taken_by_none_of_them():
    trainer, lineup = training(0), build_lineup()
    trainer.teach(rows(np.random.default_rng(4), 60))
    (version,) = trainer.versions(0, 5)
    parts = dict(version.state.parts)
    assert {"model", "curves"} <= set(parts)
    parts["curves"] = parts["model"]
    before = models_of(lineup)
    other = pack(State(version.state.kind, version.state.header, parts=parts))
    assert training(1, lineup).adopt(Position(5, 0), 1, other, unpack) is False
    assert models_of(lineup) == before


class Broken:
    """A learner that can do nothing but say what it is."""

    learned, ready = 5, True

    def __init__(self, learner, fails):
        self._learner, self._fails = learner, fails

    def __getattr__(self, name):
        if name in self._fails:
            raise RuntimeError(f"{name} is broken")
        return getattr(self._learner, name)


@pytest.mark.parametrize("fails", ["state", "restore"])
def test_a_challenger_that_cannot_take_over_is_set_aside_and_the_others_go_on(fails):
    trainer, lineup = training(0), build_lineup()
    trainer.teach(rows(np.random.default_rng(7), 60))
    (version,) = trainer.versions(0, 5)
    curves = lineup.contenders[lineup.names.index("curves")]
    curves.learner = Broken(curves.learner, [fails])
    scorer = training(1, lineup)
    assert scorer.adopt(Position(5, 0), 1, pack(version.state), unpack) is True
    assert curves.aside is not None
    assert curves.aside.failed
    for name in ("model", "apart"):
        own = lineup.contenders[lineup.names.index(name)].learner.state()
        assert pack(own) == pack(version.state.parts[name])


@pytest.mark.parametrize("decides", [False, True])
def test_a_challenger_that_failed_where_it_is_learned_is_set_aside_where_it_is_scored(decides):
    taught, lineup = build_lineup(), build_lineup()
    trainer, scorer = training(0, taught), training(1, lineup)
    trainer.teach(rows(np.random.default_rng(8), 60))
    at = lineup.names.index("curves")
    taught.contenders[at].set_aside("learning", ValueError("no"))
    lineup.at = at if decides else 0
    (version,) = trainer.versions(0, 5)
    assert "curves" not in version.state.parts
    assert scorer.adopt(Position(5, 0), 1, pack(version.state), unpack) is True
    assert lineup.contenders[at].aside == (None if decides else ("learning", "ValueError"))


@pytest.mark.parametrize("failed", [None, [], {"curves": "x"}, {"curves": ["here", "y"]}])
def test_a_version_that_does_not_say_who_failed_changes_nothing(failed):
    lineup = build_lineup()
    trainer = training(0)
    trainer.teach(rows(np.random.default_rng(9), 60))
    (version,) = trainer.versions(0, 5)
    state = State(version.state.kind, {"failed": failed}, parts=version.state.parts)
    before = models_of(lineup)
    assert training(1, lineup).adopt(Position(5, 0), 1, pack(state), unpack) is False
    assert models_of(lineup) == before


def test_a_part_at_the_last_offset_there_is_can_be_kept():
    scorer = training(1)
    assert scorer.adopt(Position(OFFSET_MAX, 0), 2, b"x", unpack) is None
    other = training(1)
    other.restore(unpack(pack(scorer.state())))
    assert pack(other.state()) == pack(scorer.state())


@pytest.mark.parametrize(
    "damage",
    [
        {"published_us": None},
        {"unpublished": 1},
        {"adopted": -2},
        {"parts_of": 2**63},
        {"heard": np.zeros(3, np.int64)},
        {"heard": np.full((1, 3), -1)},
        {"heard": np.zeros((1, 3))},
        {"part_sizes": np.array([5])},
        {"part_sizes": np.array([-1, 1])},
        {"parts": np.zeros(3)},
        {"parts": None},
    ],
)
def test_a_damaged_state_is_refused_and_nothing_changes(damage):
    trainer = training(0)
    trainer.learn(2, Position(3, 1), rows(np.random.default_rng(5), 4))
    state, before = trainer.state(), pack(trainer.state())
    arrays = {n: damage.get(n, each) for n, each in state.arrays.items()}
    arrays = {name: each for name, each in arrays.items() if each is not None}
    header = {n: damage.get(n, each) for n, each in state.header.items()}
    with pytest.raises(SnapshotError):
        trainer.restore(State(state.kind, header, arrays))
    assert pack(trainer.state()) == before
