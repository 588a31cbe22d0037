"""Law e, the engine's part: kept as bytes and taken up by another, nobody can tell."""

import random
from dataclasses import replace

import numpy as np
import pytest
from inputs.streams import (
    build_engine,
    feature_set,
    hostile_log,
    random_cuts,
    random_parameters,
    run,
    run_engine,
    with_erasures,
    with_orders,
    with_promotions,
    with_rules,
)
from seeds import seeds
from workers.restarts import changed, every_part, restarted, run_with_restarts, tail

from models.states.snapshot import State, pack, unpack
from schemas.errors import SnapshotError
from stream.labels.parameters import LabelParameters
from stream.monitor.parameters import MonitorParameters
from stream.windows.words import (
    AFTER,
    BEFORE,
    FRESHEST,
    HAND,
    HEADER,
    KEY,
    LAST_SEEN,
    NEWEST,
    NOW_US,
    OLDEST,
    OWNER,
    STALEST,
    TAIL,
    TAIL_US,
    USED,
)

FAR = 2**40


def assert_same(runs, whole):
    """What several engines said, one after the other, is what one engine said."""
    for name, column in whole.columns.items():
        parts = [each.columns[name] for each in runs if each.columns]
        assert np.concatenate(parts).tobytes() == column.tobytes(), name
    for name in ("matrices", "value_states"):
        rows = [row.tobytes() for each in runs for batch in getattr(each, name) for row in batch]
        assert rows == [row.tobytes() for batch in getattr(whole, name) for row in batch], name
    for name in ("label_reasons", "departed", "thresholds", "grouped", "order_reasons"):
        said = [one for each in runs for one in getattr(each, name)]
        assert said == getattr(whole, name), name
    orders = [reason for each in runs for reason in each.orders]
    assert orders == whole.orders
    ruled = [found[1] for each in runs for found in each.ruled]
    assert ruled == [found[1] for found in whole.ruled]
    alerts = [alert[1:] for each in runs for alert in each.alerts]
    assert repr(alerts) == repr([alert[1:] for alert in whole.alerts])
    assert repr([drift for each in runs for drift in each.drifts]) == repr(whole.drifts)
    assert repr([reign for each in runs for reign in each.promoted]) == repr(whole.promoted)
    reviews = [review[1:] for each in runs for review in each.reviews]
    assert repr(reviews) == repr([review[1:] for review in whole.reviews])


@seeds(6)
def test_restarts_anywhere_change_nothing_that_is_said_or_kept(seed):
    rng = np.random.default_rng(seed)
    parameters = with_rules(rng, random_parameters(rng))
    log = hostile_log(rng, 300)
    log = with_erasures(rng, log) if rng.random() < 0.5 else log
    log = with_orders(rng, log) if rng.random() < 0.7 else log
    log = with_promotions(rng, log) if rng.random() < 0.7 else log
    whole = run(parameters, log)
    stops = np.unique(rng.integers(1, len(log.order), rng.integers(1, 6))).tolist()
    engine, runs = run_with_restarts(parameters, log, stops, random_cuts(rng, log))
    assert_same(runs, whole)
    assert pack(engine.state()) == pack(whole.engine.state())


@seeds(1)
def test_a_restart_after_every_single_arrival_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    parameters = with_rules(rng, random_parameters(rng))
    parameters = replace(parameters, events_max=9, entities_max=3, batch_rows_max=7, waiting_max=20)
    log = with_orders(rng, with_erasures(rng, hostile_log(rng, 45)))
    log = with_promotions(rng, log)
    whole = run(parameters, log)
    engine, runs = run_with_restarts(parameters, log, list(range(1, len(log.order))))
    assert_same(runs, whole)
    assert pack(engine.state()) == pack(whole.engine.state())


def test_an_engine_that_has_seen_nothing_is_a_small_state_however_large_it_may_grow():
    parameters = random_parameters(np.random.default_rng(1))
    large = replace(parameters, events_max=10**5, entities_max=10**5, waiting_max=10**5)
    engine = build_engine(large)
    models = sum(len(pack(each.state())) for each in engine.contenders)
    assert len(pack(engine.state())) < models + 100_000
    restarted(engine)


# What is refused.


RULES = LabelParameters(
    maturity_us=120_000_000, genuine_share=0.5, learn_max=2, early_max=50, entity_max_per_day=9
)


@pytest.fixture(scope="module")
def kept():
    """An engine in the middle of a log, in which everything is used, and the rest of the log."""
    rng = np.random.default_rng(5)
    parameters = replace(
        random_parameters(rng),
        events_max=60,
        entities_max=8,
        batch_rows_max=7,
        waiting_max=400,
        alerts_per_day=100.0,
        calibrate=True,
        labels=RULES,
        # What is watched may begin anew, and says itself what it takes.
        monitor=None,
    )
    log = hostile_log(rng, 250)
    engine = build_engine(parameters)
    run_engine(engine, log.head(200))
    return engine, tail(log, 200)


def state_of(engine):
    """A copy of its state whose arrays can be written."""
    return unpack(pack(engine.state()))


# Snapshots of before there were such parts are taken.
MAY_BEGIN_ANEW = {"lists", "rules", "admission"}


def refused(engine, state, match=None):
    before = pack(engine.state())
    with pytest.raises(SnapshotError, match=match):
        engine.restore(state)
    assert pack(engine.state()) == before


def part(state, path):
    for name in path.split("/"):
        state = state.parts[name]
    return state


def first_link(state):
    """Half words of an event's links in its first entity type, cards: they begin whole words."""
    return state.parts["features"].arrays["events"].view(np.int32)


class TestDamage:
    """One value of one array that steers a kernel; each by its own name."""

    @pytest.mark.parametrize(
        ("path", "array", "place", "value", "match"),
        [
            ("features/card", "rows", (0, KEY), 0, "rows: an entity stands twice"),
            ("features/card", "rows", (0, NEWEST), FAR, "names events that are not its own"),
            ("features/card", "rows", (0, NEWEST), -2, "names events that are not its own"),
            ("features/card", "rows", (0, OLDEST), FAR, "names events that are not its own"),
            ("features/card", "rows", (0, LAST_SEEN), FAR, "names events that are not its own"),
            ("features/card", "rows", (0, NOW_US), 0, "names events that are not its own"),
            ("features/card", "rows", (0, HEADER + TAIL), FAR, "a window begins"),
            ("features/card", "rows", (0, HEADER + TAIL), -3, "a window begins"),
            ("features/card", "rows", (0, HEADER + TAIL_US), 5, "a window begins"),
            ("features/card", "control", (0, USED), FAR, "used|control"),
            ("features/card", "control", (0, HAND), FAR, "control"),
            ("features/card", "control", (0, STALEST), 0, "chain of entities"),
            ("features/card", "control", (0, STALEST), FAR, "chain of entities"),
            ("features/card", "control", (0, FRESHEST), FAR, "chain of entities"),
            ("features/card", "control", (0, FRESHEST), 0, "chain of entities"),
            ("waiting", "cursors", 0, FAR, "cursors"),
            ("waiting", "states", 0, 9, "states"),
            ("waiting", "outcomes", 0, -1, "outcomes"),
            ("waiting", "sources", 0, 5, "sources"),
            ("waiting", "verdicts", 0, 2, "verdicts"),
            ("waiting", "examples", 0, -9, "examples"),
            ("waiting", "examples", 0, FAR, "examples"),
            ("waiting", "numbers", 0, -9, "numbers"),
            ("waiting", "keys", 0, 0, "keys"),
            ("waiting", "states", 0, 5, "keys"),
            ("examples", "cursors", 0, -1, "cursors"),
            ("examples", "cursors", 1, FAR, "cursors"),
            ("early_labels", "held", (2, 0), 0, "held"),
            ("label_caps", "keys", 0, 0, "keys"),
            ("label_caps", "sources", 0, -1, "counts"),
            ("clock", "watermark_us", 0, -(2**63), "watermark_us"),
        ],
    )
    def test_is_refused(self, kept, path, array, place, value, match):
        state = state_of(kept[0])
        found = part(state, path).arrays[array]
        assert found.size
        assert found[place] != value
        found[place] = value
        refused(kept[0], state, match)

    @pytest.mark.parametrize("link", [OWNER, BEFORE, AFTER])
    @pytest.mark.parametrize("value", [-3, 61, 2**30])
    def test_links_are_refused(self, kept, link, value):
        state = state_of(kept[0])
        halves = first_link(state)
        links = kept[0].features._types[0].memory.links
        base = kept[0].features._lines.__array_interface__["data"][0]
        at = (links.__array_interface__["data"][0] - base) // 4 + link
        owned = np.flatnonzero(halves[:, at - link + OWNER] >= 0)
        halves[owned[0], at] = value
        refused(kept[0], state, "events: |rows: ")

    def test_a_used_engine_goes_on_as_if_nothing_was(self, kept):
        engine, rest = restarted(kept[0]), kept[1]
        expected = run_engine(restarted(engine), rest)
        state = state_of(engine)
        state.parts["waiting"].arrays["states"][0] = 9
        refused(engine, state)
        got = run_engine(engine, rest)
        assert got.said() == expected.said()
        assert pack(got.engine.state()) == pack(expected.engine.state())


@pytest.mark.quality
def test_parts_and_arrays_that_are_missing_are_refused(kept):
    state = state_of(kept[0])
    for each in every_part(state):
        for name in each.parts.keys() - MAY_BEGIN_ANEW:
            parts = {n: p for n, p in each.parts.items() if n != name}
            refused(kept[0], changed(state, each, lambda s, p=parts: replace(s, parts=p)))
        for name in each.arrays:
            if name.removesuffix("/wrapped") in (
                "parts",
                "subjects",
                "amounts",
                "champions",
            ):
                continue  # Snapshots of before they were kept are taken.
            arrays = {n: a for n, a in each.arrays.items() if n != name}
            refused(kept[0], changed(state, each, lambda s, a=arrays: replace(s, arrays=a)))


@pytest.mark.quality
@seeds(1)
def test_headers_that_say_something_else_are_refused(kept, seed):
    rng = random.Random(seed)
    state = state_of(kept[0])
    for each in every_part(state):
        refused(kept[0], changed(state, each, lambda s: replace(s, kind="other/1")))
        for name in each.header:
            # A day may be any: it is only compared.
            others = ["nonsense", None] if name == "day" else ["nonsense", None, -(2**63)]
            if each.kind == "alert_groups/1" and name == "entity":
                others = [None, -(2**63)]  # Of another entity there is nothing to go on with.
            # One of them: each costs an engine, and there are hundreds of headers.
            value = rng.choice([other for other in others if other != each.header[name]])
            header = {**each.header, name: value}
            refused(kept[0], changed(state, each, lambda s, h=header: replace(s, header=h)))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"hash_key": b"another key here"}, "hash_key is 'a key with the mark"),
        ({"learn_interval_us": 999}, "learn_interval_us is"),
        ({"calibrate": False}, "calibrate is True in the state and False here"),
        ({"alerts_per_day": 7.0}, "alerts_per_day is 100.0 in the state and 7.0 here"),
        ({"events_max": 61}, "events_max is 60 in the state and 61 here"),
        ({"entities_max": 9}, "card.*: capacity is 8 in the state and 9 here"),
        ({"batch_rows_max": 8}, "batch_rows_max is 7 in the state and 8 here"),
        ({"waiting_max": 401}, "rows_max is 400 in the state and 401 here"),
        (
            {"labels": LabelParameters(maturity_us=5)},
            "labels.maturity_us is 120000000 in the state",
        ),
        (
            {"labels": replace(RULES, genuine_share=0.2)},
            "labels.genuine_share is 0.5 in the state and 0.2 here",
        ),
        ({"features": feature_set(["amount", "card.count_1s"])}, "names is .* in the state"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_another_configuration_is_refused_by_name(kept, change, match):
    other = build_engine(replace(kept[0].parameters, **change))
    refused(other, state_of(kept[0]), match)


@pytest.mark.parametrize("names", [["forest", "river"], ["river"], []])
def test_a_state_that_lies_about_its_challengers_is_refused(kept, names):
    state = state_of(kept[0])
    refused(
        kept[0], replace(state, header={**state.header, "challengers": names}), "scores are not"
    )


def test_thresholds_and_lateness_may_differ(kept):
    parameters = kept[0].parameters
    parameters = replace(parameters, allowed_lateness_us=1, feature_threads=2)
    build_engine(parameters).restore(state_of(kept[0]))


@seeds(1)
def test_whatever_is_damaged_is_refused_or_harmless(seed, kept):
    """Any word of what the features keep: no walk leaves its arrays, none is without an end."""
    rng = np.random.default_rng(seed)
    engine, rest = kept
    accepted = 0
    for _ in range(30):
        state = state_of(engine)
        features = state.parts["features"]
        arrays = [features.arrays["events"].view(np.int32)]
        for kind in features.parts.values():
            arrays += [kind.arrays["rows"], kind.arrays["control"]]
        found = arrays[rng.integers(len(arrays))].reshape(-1)
        for at in rng.integers(0, len(found), rng.integers(1, 4)):
            near = int(found[at]) + int(rng.integers(-2, 3))
            found[at] = rng.choice([near, -2, -1, 0, 3, 61, 10**6, -(10**6)])
        other = restarted(engine)
        before = pack(other.state())
        try:
            other.restore(state)
        except SnapshotError:
            assert pack(other.state()) == before
        else:
            accepted += 1
            run_engine(other, rest)
    assert accepted < 30


@pytest.mark.parametrize("watched", [False, True])
def test_watching_may_begin_and_end_where_a_state_is_taken_up(kept, watched):
    one = replace(kept[0].parameters, monitor=MonitorParameters() if watched else None)
    other = replace(kept[0].parameters, monitor=None if watched else MonitorParameters())
    first, second = build_engine(one), build_engine(other)
    run_engine(first, kept[1])
    second.restore(state_of(first))
    assert second.counters == first.counters
    if second.monitor is not None:
        assert second.monitor.quality.windows() == []


def test_a_state_of_another_kind_is_refused(kept):
    refused(kept[0], State("engine/9"), "'engine/9', and this model takes 'engine/2'")
