"""What an experiment runs, and what it refuses before it runs anything."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from inputs.experiments import SMALL, config_in

from schemas.errors import ConfigError, InputFileError
from stream.experiment.plan import SEEDS_MAX, Plan, plan_of, world_of
from stream.experiment.variants import variant_of
from stream.simulate.handbook import PUBLISHED, generate


def changed(path: Path, name: str, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    other = path.parent / f"{name}.toml"
    other.write_text(text.replace(old, new))
    return other


def planned(*paths: Path, seeds: int = 3, file: Path | None = None) -> Plan:
    return plan_of(paths, seeds, file, SMALL, 10)


def test_every_seed_of_a_simulated_stream_is_a_run(tmp_path: Path) -> None:
    plan = planned(config_in(tmp_path, "a"), config_in(tmp_path, "b", kind="forest"))
    assert [each.name for each in plan.configurations] == ["a", "b"]
    assert plan.seeds == (0, 1, 2)
    assert [plan.seeds_of(each) for each in plan.configurations] == [(0, 1, 2)] * 2
    assert plan.budget == 100
    assert plan.stream == {"preset": "handbook", "days": 30, "customers": 120, "terminals": 60}
    (note,) = plan.notes
    assert "30 days are too short for the Handbook's protocol, which needs 157" in note
    long = plan_of([tmp_path / "a.toml"], 2)
    assert (long.notes, long.world, long.warm_up_days) == ((), PUBLISHED, 30)


def test_of_one_stream_only_chance_is_run_again(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.touch()
    a, b = config_in(tmp_path, "a"), config_in(tmp_path, "b", kind="forest")
    plan = planned(a, b, file=file)
    assert [plan.seeds_of(each) for each in plan.configurations] == [(0,), (0, 1, 2)]
    assert (plan.stream, plan.notes) == ({"file": "x.csv"}, ())
    plan = planned(a, config_in(tmp_path, "c", kind="additive"), file=file)
    assert plan.seeds == (0,)
    assert "one run of each" in plan.notes[0]
    assert "one seed: there are no intervals" in plan.notes[1]


def test_one_seed_is_said_to_have_no_interval(tmp_path: Path) -> None:
    assert "no intervals" in planned(config_in(tmp_path, "a"), seeds=1).notes[0]


def test_late_labels_are_said_with_the_configuration(tmp_path: Path) -> None:
    late = changed(config_in(tmp_path, "a"), "late", 'label_delay = "7d"', 'label_delay = "9d"')
    assert planned(late).notes[0].startswith("late: labels come later than labels.maturity")


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    a = config_in(tmp_path, "a")
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*none\.toml"):
        planned(a, tmp_path / "none.toml")
    (tmp_path / "other").mkdir()
    twin = config_in(tmp_path / "other", "a")
    with pytest.raises(ConfigError, match=r"other/a\.toml have the same name, 'a'.*copy one"):
        planned(a, twin)
    with pytest.raises(ConfigError, match="have the same name"):
        planned(a, a)
    blind = changed(a, "blind", 'label = "TX_FRAUD"', "")
    with pytest.raises(ConfigError, match=r"blind\.toml: replay\.label is empty"):
        planned(a, blind)
    for name, new, said in (
        ("k", "[replay]\nalert_budget = 50", "replay.alert_budget is 50, and 100 in"),
        ("card", '[replay]\ncard = "terminal"', "the field of the card is 'TERMINAL_ID', and"),
    ):
        other = changed(a, name, "[replay]", new)
        with pytest.raises(ConfigError, match=rf"{name}\.toml: {said}"):
            planned(a, other)
    with pytest.raises(InputFileError, match="no such file"):
        planned(a, file=tmp_path / "x.csv")
    with pytest.raises(ConfigError, match=r"--days 30: nothing is left .* shorten --warm-up"):
        plan_of([a], 2, None, SMALL, 30)


def test_the_card_may_have_another_name(tmp_path: Path) -> None:
    a = config_in(tmp_path, "a")
    text = a.read_text().replace("customer", "client")
    (tmp_path / "b.toml").write_text(text)
    assert len(planned(a, tmp_path / "b.toml").configurations) == 2


def test_seed_0_is_the_published_stream_and_no_two_seeds_share_a_draw() -> None:
    assert world_of(PUBLISHED, 0) == PUBLISHED
    worlds = [world_of(PUBLISHED, seed) for seed in range(4)]
    places = [seed for world in worlds for seed in (world.customer_seed, world.terminal_seed)]
    assert len(set(places)) == 8
    drawn = [range(w.draw_seed, w.draw_seed + max(w.customers, w.days)) for w in worlds]
    assert all(one.stop <= other.start for one, other in pairwise(drawn))
    assert world_of(PUBLISHED, SEEDS_MAX).draw_seed < 2**31


def test_streams_of_two_seeds_have_nothing_in_common() -> None:
    """Not only the places: who pays when, and who is defrauded on which day."""
    world = replace(SMALL, min_mean_amount=50.0, max_mean_amount=50.0)
    one, other = (generate(world_of(world, seed)) for seed in (0, 1))
    times = [set(stream.event_time_us.tolist()) for stream in (one, other)]
    assert len(times[0] & times[1]) < 0.02 * len(times[0])
    robbed = [set(stream.customer_id[stream.scenario == 3].tolist()) for stream in (one, other)]
    assert robbed[0] != robbed[1]
    taken = [np.unique(stream.terminal_id[stream.scenario == 2]) for stream in (one, other)]
    assert not np.array_equal(*taken)


def test_a_variant_is_the_first_configuration_with_other_keys(tmp_path: Path) -> None:
    a, b = config_in(tmp_path, "a"), config_in(tmp_path, "b", kind="forest")
    text = 'apart: model.feedback = "separate", labels.maturity = "9d", model.feedback_share = 0.2'
    plan = plan_of([a, b], 2, None, SMALL, 10, [variant_of(text)])
    first, _, varied = plan.configurations
    assert (varied.name, varied.path) == ("apart", a)
    model, labels = varied.config.model, varied.config.labels
    assert (model.feedback, model.feedback_share) == ("separate", 0.2)
    assert labels.maturity == 9 * 86_400_000_000
    # All else is as in the file.
    assert model.frauds_min == first.config.model.frauds_min == 3
    assert first.config.model.feedback == "mixed"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("feedback apart", "give it a name and keys"),
        (': model.feedback = "separate"', "give it a name and keys"),
        ("two: model.feedback = separate", "'two': 'model.feedback = separate' is not TOML"),
        ("two:", "it changes nothing"),
        ("two: feedback = 3", "'feedback' names no section"),
        ("two: model.clock = 3", r"--variant 'two': .*model\.clock: no such key"),
        ("a: model.seed = 3", r"--variant 'a': .*a\.toml has that name"),
    ],
)
def test_a_variant_that_cannot_be_is_refused(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=re.compile(what, re.DOTALL)):
        plan_of([config_in(tmp_path, "a")], 1, None, SMALL, 10, [variant_of(text)])
