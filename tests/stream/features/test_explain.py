"""Features in words: every kind has some, they name the right fields, and so does the manual."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stream.config.configuration import load
from stream.features.declare import Condition, Inputs, expand, parse
from stream.features.explain import condition_words, explain, span_words
from stream.features.grammar import (
    AGGREGATES,
    BUILT_IN,
    CYCLES,
    DECAYED,
    DELAYED,
    FUNCTIONS,
    NUMBER_AGGREGATES,
    SAME_AMOUNT,
    SECONDS,
    UNITS_US,
)
from stream.features.value_states import ValueState

PAGE = Path(__file__).parents[3] / "docs" / "features.md"
MANUAL = PAGE.read_text(encoding="utf-8")
INPUTS = Inputs(
    ("card", "shop"),
    ("age", "lat", "lon"),
    ("channel",),
    {"online": Condition("channel", ("web", 7)), "large": Condition("amount", above=500.0)},
    ("lat", "lon"),
)
EVERY_KIND = """
amount
{hour,week}_{sin,cos}
input.age
is_{night,weekend,online,large}
{card,card+shop,card+channel,card+amount}.{count,frauds,fraud_rate}_{1h,1d_delay_7d}
{card,card+shop}.{amount,age}_{sum,mean,std}_{1h,1d_delay_7d}
{card,card+shop}.{amount,age}_{min,max,zscore}_1h
card.distinct_{shop,channel}_1h
card.share_{night,online,large}_{1h,1d_delay_7d}
card.same_amount_1h
{card,card+shop}.seconds_since_{last,first,fraud}
{card,card+shop}.rate_2h
card.{amount,age}_decayed_{mean,std}_1d
card.new_{shop,channel}
card.speed_kmh
{ratio,difference}(amount, card.age_mean_1h)
log(ratio(input.age, shop.rate_1h))
"""
NAMES = [name for line in EVERY_KIND.split("\n") if line for name in expand(line)]


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_feature_is_explained(name: str) -> None:
    said = explain(parse(name, INPUTS), INPUTS)
    for key in ("what", "unit", "events", "late", "nulls", "states"):
        text = getattr(said, key)
        assert text, key
        assert text == text.strip()
        assert "  " not in text
        assert "{" not in text
    assert said.sources
    assert len(set(said.sources)) == len(said.sources)
    assert bool(said.entity) == ("." in name.replace("input.", ""))


def test_no_two_values_are_put_in_the_same_words() -> None:
    names = [name for name in NAMES if SAME_AMOUNT not in name]  # Another name of a count.
    said = [explain(parse(name, INPUTS), INPUTS) for name in names]
    assert len({one.what for one in said}) == len(names)


@pytest.mark.parametrize(
    ("name", "what", "unit", "events"),
    [
        (
            "card.count_1h",
            "number of payments of the card in the last hour",
            "count",
            "of the same card, with t - 1h < time <= t, this one included",
        ),
        (
            "card+shop.amount_mean_90m",
            "mean of the amount over payments of the card and shop in the last 90 minutes",
            "money",
            "of the same card and shop, with t - 90m < time <= t, this one included",
        ),
        (
            "shop.fraud_rate_1d_delay_7d",
            (
                "share of payments of the shop in the day that ended 7 days ago that are known to "
                "be fraud now"
            ),
            "share",
            "of the same shop, with t - 7d - 1d < time <= t - 7d",
        ),
        (
            "shop.age_std_1d_delay_1d",
            (
                "standard deviation (of the population) of age over payments of the shop in the "
                "day that ended 1 day ago"
            ),
            "that of age",
            "of the same shop, with t - 1d - 1d < time <= t - 1d",
        ),
        (
            "card.share_online_1d",
            "share of payments of the card in the last day for which channel is web or 7",
            "share",
            "of the same card, with t - 1d < time <= t, this one included",
        ),
        (
            "card.same_amount_1d",
            "number of payments of the card with this amount in the last day",
            "count",
            "of the same card with this amount, with t - 1d < time <= t, this one included",
        ),
        ("is_large", "1 if amount is above 500, else 0", "0 or 1", "this transaction alone"),
    ],
)
def test_what_is_said_is_exact(name: str, what: str, unit: str, events: str) -> None:
    said = explain(parse(name, INPUTS), INPUTS)
    assert (said.what, said.unit, said.events) == (what, unit, events)


@pytest.mark.parametrize(
    ("name", "sources"),
    [
        ("amount", {"fields.amount"}),
        ("week_sin", {"fields.event_time"}),
        ("input.age", {"fields.numeric.age"}),
        ("is_night", {"fields.event_time"}),
        ("is_large", {"fields.amount"}),
        ("is_online", {"fields.categorical.channel"}),
        ("card.count_1h", {"fields.entities.card", "fields.event_time"}),
        ("card.age_max_1h", {"fields.entities.card", "fields.event_time", "fields.numeric.age"}),
        (
            "card+shop.rate_1h",
            {"fields.entities.card", "fields.entities.shop", "fields.event_time"},
        ),
        (
            "card.share_online_1d",
            {"fields.entities.card", "fields.event_time", "fields.categorical.channel"},
        ),
        (
            "card.distinct_channel_1d",
            {"fields.entities.card", "fields.event_time", "fields.categorical.channel"},
        ),
        (
            "card.new_channel",
            {"fields.entities.card", "fields.event_time"} | {"fields.categorical.channel"},
        ),
        ("card.same_amount_1d", {"fields.entities.card", "fields.event_time", "fields.amount"}),
        ("card.frauds_1d", {"fields.entities.card", "fields.event_time", "topics.labels"}),
        (
            "card.seconds_since_fraud",
            {"fields.entities.card", "fields.event_time", "topics.labels"},
        ),
        (
            "card.speed_kmh",
            {
                "fields.entities.card",
                "fields.event_time",
                "fields.numeric.lat",
                "fields.numeric.lon",
            },
        ),
        (
            "ratio(amount, card.amount_mean_1d)",
            {"fields.amount", "fields.entities.card", "fields.event_time"},
        ),
    ],
)
def test_a_feature_names_the_fields_it_is_made_of(name: str, sources: set[str]) -> None:
    assert set(explain(parse(name, INPUTS), INPUTS).sources) == sources


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("amount", "NaN for payments that are too late or refused."),
        ("hour_sin", "Never NaN."),
        ("is_night", "NaN for payments that are too late or refused."),
        ("is_online", "NaN if channel is null, and for payments"),
        ("card.count_1h", "NaN if card is null"),
        ("card+shop.count_1h", "NaN if card or shop is null"),
        ("card.same_amount_1h", "NaN if card is null"),
        ("card.count_1h_delay_1h", "0 if the window is empty"),
        ("card.age_sum_1h", "Events whose age is null take no part. 0 if nothing takes part."),
        ("card.amount_sum_1h_delay_1h", "0 if nothing takes part."),
        ("card.age_zscore_1h", "NaN if its own age is null or no other event takes part."),
        ("card.amount_zscore_1h", "NaN if no other event takes part."),
        ("card.share_night_1h", "neither true nor false take no part; NaN if none is left."),
        ("card.fraud_rate_1h", "0 if the window is empty."),
        ("card.seconds_since_last", "NaN for the first event."),
        ("ratio(amount, input.age)", "NaN if an argument is NaN, and if input.age is 0."),
        ("log(amount)", "NaN if an argument is NaN."),
    ],
)
def test_when_a_value_is_not_known_is_said(name: str, says: str) -> None:
    assert says in explain(parse(name, INPUTS), INPUTS).nulls


def test_a_step_is_that_of_the_number() -> None:
    inputs = Inputs(("card",), ("age",), minor_digits=3)
    assert "below 0.001 counts" in explain(parse("card.amount_zscore_1h", inputs), inputs).events
    assert "below 0.0001 counts" in explain(parse("card.age_zscore_1h", inputs), inputs).events


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Condition(hours=(22, 5)), "the hour of the day in UTC is 22 to 5, both inclusive"),
        (Condition(weekdays=(0,)), "the day in UTC is Monday"),
        (Condition(weekdays=(0, 5, 6)), "the day in UTC is Monday, Saturday or Sunday"),
        (Condition("channel", ("a", "b", 3)), "channel is a, b or 3"),
        (Condition("amount", above=0.5), "amount is above 0.5"),
        (Condition("age", above=1.0, below=9.0), "age is above 1 and below 9"),
    ],
)
def test_a_condition_is_put_in_words(condition: Condition, words: str) -> None:
    assert condition_words(condition) == words


@pytest.mark.parametrize(
    ("us", "words"),
    [
        (1, "microsecond"),
        (90 * 10**6, "90 seconds"),
        (3600 * 10**6, "hour"),
        (7 * 86400 * 10**6, "7 days"),
    ],
)
def test_a_duration_is_written_out(us: int, words: str) -> None:
    assert span_words(us) == words
    assert span_words(us, "1 ").lstrip("0123456789 ") == words.lstrip("0123456789 ")


# The manual.


def quoted_words() -> set[str]:
    """Everything that the manual writes as code, in words."""
    code = re.findall(r"`([^`\n]+)`", MANUAL)
    return set(re.findall(r"[A-Za-z_.+]+", " ".join(code)))


def test_the_manual_names_everything_that_can_be_declared() -> None:
    words = {word.removeprefix("ENTITY.") for word in quoted_words()}
    for aggregate in AGGREGATES:
        name = f"X_{aggregate}" if aggregate in NUMBER_AGGREGATES else aggregate
        name += {"distinct": "_F", "share": "_CONDITION"}.get(aggregate, "")
        assert name in words, aggregate
    for name in (*SECONDS, *CYCLES, SAME_AMOUNT, "rate_H", "new_F", "speed_kmh", "is_CONDITION"):
        assert name in words, name
    for name in DECAYED:
        assert f"X_{name}_H" in words
    for name in (*FUNCTIONS, *BUILT_IN, *UNITS_US, "amount", "input.X"):
        assert name in words, name
    for state in ValueState:
        assert state.name.lower() in words


def test_the_manual_says_which_aggregates_take_a_delay() -> None:
    rows = re.findall(r"^\| (`.*?) \|.*\| (yes|no) \|$", MANUAL, re.MULTILINE)
    found = {
        name: delay == "yes"
        for names, delay in rows
        for name in re.findall(r"`(?:X_)?([a-z_]+?)(?:_F|_CONDITION)?`", names)
    }
    assert found == {name: name in DELAYED for name in (*AGGREGATES, SAME_AMOUNT)}


def test_what_the_manual_configures_can_be_loaded(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", MANUAL, re.DOTALL)
    assert blocks
    for block in blocks:
        path = tmp_path / "fraud.toml"
        path.write_text(block, encoding="utf-8")
        assert load(path).declared()


def test_every_feature_that_the_manual_writes_out_can_be_declared() -> None:
    inputs = Inputs(("card", "merchant", "terminal"), ("score", "lat", "lon"), ("channel",))
    code = re.findall(r"`([^`\n]+)`", MANUAL)
    names = [name for name in code if re.match(r"(card[.]|ratio|log|difference)", name)]
    names = [name for text in names for name in expand(text) if "(a" not in name]
    assert len(names) >= 5
    for name in names:
        assert parse(name, inputs)
