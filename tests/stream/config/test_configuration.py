"""The configuration: what is wrong is said at once and in words, and no secret is said at all."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.columns import Layout
from schemas.errors import ConfigError
from stream.app import decoders_of, engine_of, registry_of
from stream.config.configuration import Config, load
from stream.config.values import parse_duration
from stream.decide import Thresholds
from stream.exchange.topics import NO_EXCHANGE, ExchangeTopics
from stream.features.declare import Condition, Inputs, default_names
from stream.monitor.parameters import MonitorParameters

ROOT = Path(__file__).parents[3]
SECRET = "c0ffee5ec3e7c0ffee5ec3e7c0ffee5e"
DAY = 86_400_000_000


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("FRAUD_"):
            monkeypatch.delenv(name)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "fraudstream.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return str(caught.value)


def refused(tmp_path: Path, text: str) -> str:
    return refusal(write(tmp_path, text))


# Wrong keys and wrong values.


def test_every_wrong_key_is_named_at_once_with_the_nearest_right_one(tmp_path: Path) -> None:
    text = refused(
        tmp_path,
        """
        bootstrap = "x:1"
        hash_key = "abc"
        [kafak]
        [kafka]
        bootstrapp = "x:1"
        [topics]
        transaction = "t"
        group = "g"
        [windows]
        evnts_max = 5
        """,
    )
    lines = text.splitlines()
    file = tmp_path / "fraudstream.toml"
    assert str(file) in lines[0]
    assert lines[1:] == [
        f"  - {file}:2: bootstrap: no such key; the nearest is 'kafka.bootstrap'",
        f"  - {file}:3: hash_key: no such key; the nearest is 'security.hash_key'",
        f"  - {file}:4: kafak: no such key; the nearest is 'kafka'",
        f"  - {file}:6: kafka.bootstrapp: no such key; the nearest is 'bootstrap'",
        f"  - {file}:8: topics.transaction: no such key; the nearest is 'transactions'",
        f"  - {file}:9: topics.group: no such key; the nearest is 'kafka.group'",
        f"  - {file}:11: windows.evnts_max: no such key; the nearest is 'events_max'",
    ]


def test_a_key_like_no_other_is_still_refused_with_some_right_one(tmp_path: Path) -> None:
    assert "worker.zzz: no such key; the nearest is '" in refused(tmp_path, "[worker]\nzzz = 1")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("kafka = 5", "kafka:"),
        ("[[kafka]]\ngroup = 'x'", "kafka:"),
        ("[kafka]\nbootstrap = 5", "kafka.bootstrap:"),
        ("[kafka]\nallow_insecure = 'perhaps'", "kafka.allow_insecure:"),
        ("[topics]\npartitions = 'many'", "topics.partitions:"),
        ("[topics]\npartitions = 0", "topics.partitions:"),
        ("[topics]\npartitions = 1.5", "topics.partitions:"),
        ("[fields]\namount_unit = 'cents'", "fields.amount_unit:"),
        ("[fields]\nevent_time_unit = 'h'", "fields.event_time_unit:"),
        ("[fields]\nentities = {}", "fields.entities:"),
        ("[fields.entities]\ncard = 5", "fields.entities.card:"),
        ("[limits]\nrecord_bytes_max = 15", "limits.record_bytes_max:"),
        ("[limits]\nevent_time_min_us = 9223372036854775808", "limits.event_time_min_us:"),
        ("[fields.numeric]\namount = 'a'", "fields.numeric.amount:"),
        ("[fields.entities]\n'a-b' = 'a'", "fields.entities.a-b:"),
        ("[features]\nnames = 'amount'", "features.names:"),
        ("[features]\nnames = [5]", "features.names.0:"),
        ("[features]\nlocation = 'lat'", "features.location:"),
        ("[features]\nlocation = ['lat']", "features.location:"),
        ("[features]\nlocation = ['lat', 2]", "features.location.1:"),
        ("[features]\nconditions = 5", "features.conditions:"),
        ("[features.conditions]\nx = 5", "features.conditions.x:"),
        ("[features.conditions]\nx = { hour = '0-6' }", "features.conditions.x.hour:"),
        ("[features.conditions.x]\nhours = 6", "features.conditions.x.hours:"),
        ("[features.conditions.x]\nhours = '0-24'", "features.conditions.x.hours:"),
        ("[features.conditions.x]\nhours = '6'", "features.conditions.x.hours:"),
        ("[features.conditions.x]\nweekdays = ['so']", "features.conditions.x.weekdays:"),
        ("[features.conditions.x]\nweekdays = 'sun'", "features.conditions.x.weekdays:"),
        ("[features.conditions.x]\nweekdays = []", "features.conditions.x.weekdays:"),
        ("[features.conditions.x]\nabove = true", "features.conditions.x.above:"),
        ("[features.conditions.x]\nabove = nan", "features.conditions.x.above:"),
        (f"[features.conditions.x]\nvalues = [{2**63}]", "features.conditions.x.values.0:"),
        ("[features.conditions.x]\nvalues = [1.5]", "features.conditions.x.values.0:"),
        ("[windows.capacity]\ncard = 0", "windows.capacity.card:"),
        ("[windows.capacity]\ncard = 2147483647", "windows.capacity.card:"),
        ("[windows.capacity]\ncrad = 5", "windows.capacity:"),
        ("[windows]\nentities_max = 2147483647", "windows.entities_max:"),
        ("[labels]\nwaiting_max = 2047", "labels.waiting_max:"),
        ("[labels]\nlearn_interval = '0s'", "labels.learn_interval:"),
        ("[model]\nkind = 'oracle'", "model.kind:"),
        ("[decision]\nreview = 0", "decision.review:"),
        ("[decision]\nreview = nan", "decision.review:"),
        ("[decision]\nblock = 2.1", "decision.block:"),
        ("[decision]\nblock = true", "decision.block:"),
        ("[decision]\nalerts_per_day = -1", "decision.alerts_per_day:"),
        ("[decision]\nalerts_per_day = inf", "decision.alerts_per_day:"),
        ("[decision]\nalerts_per_day = true", "decision.alerts_per_day:"),
        ("[decision]\ncalibrate = 0.5", "decision.calibrate:"),
        ("[decision]\nexplore = 1", "decision.explore:"),
        ("[model]\nfeedback = 2", "model.feedback:"),
        ("[model]\nfeedback_share = 1", "model.feedback_share:"),
        ("[worker]\nguarantee = 'always'", "worker.guarantee:"),
        ("[worker]\nbatch_rows_max = 1025", "worker.batch_rows_max:"),
    ],
)
def test_a_value_of_the_wrong_type_or_size_is_refused_by_its_place(
    tmp_path: Path, text: str, place: str
) -> None:
    lines = refused(tmp_path, text).splitlines()
    assert len(lines) == 2, lines
    line = 1 + text.count("\n") if not text.startswith("[[") else 1
    assert lines[1].startswith(f"  - {tmp_path / 'fraudstream.toml'}:{line}: {place}")


def test_wrong_values_and_wrong_names_are_reported_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUD_KAFKA__GROPU", "x")
    text = refused(tmp_path, "[topics]\npartitions = 0\nlabelz = 'x'\n[model]\nkind = 'x'")
    for place in ("topics.partitions", "topics.labelz", "model.kind", "FRAUD_KAFKA__GROPU"):
        assert text.count(place) == 1, text


# Durations.


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("0s", 0),
        ("7us", 7),
        ("250ms", 250_000),
        ("90s", 90_000_000),
        ("10m", 600_000_000),
        ("1h", 3_600_000_000),
        (" 7 d ", 7 * DAY),
        ("36525d", 36_525 * DAY),
    ],
)
def test_a_duration_is_a_number_with_its_unit(text: str, us: int) -> None:
    assert parse_duration(text) == us


@pytest.mark.parametrize(
    "value",
    [90, 1.5, True, None, "", "90", "s", "-1s", "1.5h", "1w", "1 h 5 m", "1H", "1e3s", "36526d"],
)
def test_anything_else_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match="duration is"):
        parse_duration(value)


def test_a_duration_that_no_computer_holds_is_refused_and_not_computed(tmp_path: Path) -> None:
    text = refused(tmp_path, f"[labels]\nmaturity = '{'9' * 30}d'")
    assert "labels.maturity: a duration is at most" in text


def test_a_bare_number_is_refused_with_an_example(tmp_path: Path) -> None:
    text = refused(tmp_path, "[windows]\nallowed_lateness = 60")
    assert "windows.allowed_lateness: a duration is a number with a unit, such as '90s'" in text


# Features.


def features_refused(tmp_path: Path, text: str) -> list[str]:
    """What is wrong, by line and text, without the path of the file."""
    lines = refused(tmp_path, text).splitlines()[1:]
    return [line.removeprefix(f"  - {tmp_path}/fraudstream.toml:") for line in lines]


def test_without_a_list_the_features_are_the_plain_ones(tmp_path: Path) -> None:
    config = load(write(tmp_path, "[fields]\nnumeric = { age = 'age' }\n[features]\nnames = []"))
    assert config.engine_parameters().features.names == default_names(config.inputs())
    assert "input.age" in config.engine_parameters().features.names


def test_a_wrong_feature_is_named_with_its_line_and_the_nearest_right_name(tmp_path: Path) -> None:
    text = """# features
[fields.numeric]
age = "age"

[features]
names = [
    "amount", "card.amunt_mean_1h",   # 'amunt'
    "crd.count_1h",
    # "card.count_1h",
    "card.{count,age_sum}_{1h,60m}",
    'log(amount',
]
"""
    assert features_refused(tmp_path, text) == [
        "7: features.names: 'card.amunt_mean_1h': no number 'amunt'; the nearest is 'amount'",
        "8: features.names: 'crd.count_1h': no entity 'crd'; the nearest is 'card'",
        "10: features.names: 'card.count_60m': is card.count_1h, which is declared already",
        "11: features.names: 'log(amount': a ')' is missing",
    ]


def test_problems_of_all_sections_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """windows.capacity.crd = 5
limits.amount_minor_max = 1_000_000_000_000_000
[features]
names = ["card.amount_sum_1h"]
"""
    assert [line.split(": ")[:2] for line in features_refused(tmp_path, text)] == [
        ["1", "windows.capacity"],
        ["2", "limits.amount_minor_max"],
    ]


def test_wrong_names_and_conditions_are_found_at_their_keys(tmp_path: Path) -> None:
    text = """
[fields]
numeric = { age = "age" }
categorical.card = "x"
[features]
location = ["age", "agee"]
[features.conditions]
a = { field = "chanel", values = ["x"] }
b = { field = "amunt", above = 1 }
c = {}
[features.conditions.d]
field = "age"
above = 2
below = 1
"""
    assert features_refused(tmp_path, text) == [
        "4: fields.categorical.card: 'card' is an entity already: give the category another name",
        "6: features.location: no number 'agee'; the nearest is 'age'",
        "8: features.conditions.a.field: no category 'chanel'; the nearest is 'card'",
        "9: features.conditions.b.field: no number 'amunt'; the nearest is 'amount'",
        (
            "10: features.conditions.c: it is one of hours, weekdays, field with "
            "values, and field with above, below or both"
        ),
        "11: features.conditions.d: above is not less than below: it is never true",
    ]


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("hours = '0-6'", Condition(hours=(0, 6))),
        ("hours = '22-05'", Condition(hours=(22, 5))),
        ("weekdays = ['sun', 'mon', 'sun']", Condition(weekdays=(0, 6))),
        ("field = 'channel'\nvalues = ['a', 5411, false]", Condition("channel", ("a", 5411, 0))),
        ("field = 'amount'\nabove = 500", Condition("amount", above=500.0)),
        ("field = 'age'\nbelow = -1.5", Condition("age", below=-1.5)),
    ],
)
def test_a_condition_is_read_as_it_is_meant(
    tmp_path: Path, text: str, condition: Condition
) -> None:
    fields = "[fields]\nnumeric.age = 'age'\ncategorical.channel = 'channel'"
    config = load(write(tmp_path, f"{fields}\n[features.conditions.x]\n{text}"))
    found = config.inputs().conditions["x"]
    assert found == condition
    assert bool not in map(type, found.values)
    assert set(config.inputs().conditions) == {"night", "weekend", "x"}


def test_a_wrong_key_of_a_condition_is_told_the_nearest_of_a_condition(tmp_path: Path) -> None:
    assert features_refused(tmp_path, "[features.conditions]\nx = { hour = '0-6' }") == [
        "2: features.conditions.x.hour: no such key; the nearest is 'hours'"
    ]


def test_conditions_and_capacities_can_be_given_by_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FRAUD_FEATURES__NAMES", '["is_late", "is_dear", "card+merchant.count_1h"]')
    monkeypatch.setenv("FRAUD_FEATURES__CONDITIONS__LATE__HOURS", "22-5")
    monkeypatch.setenv("FRAUD_FEATURES__CONDITIONS__DEAR", '{"field": "amount", "above": 1.5}')
    monkeypatch.setenv("FRAUD_WINDOWS__CAPACITY", '{"card+merchant": 9}')
    config = load()
    assert config.inputs().conditions["late"] == Condition(hours=(22, 5))
    assert config.inputs().conditions["dear"] == Condition("amount", above=1.5)
    assert config.windows.capacity == {"card+merchant": 9}
    assert len(config.declared()) == 3


def test_a_list_by_environment_has_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUD_FEATURES__NAMES", '["amount", "card.amunt_mean_1h"]')
    monkeypatch.setenv("FRAUD_WINDOWS__CAPACITY", '{"crd": 5}')
    text = "[features]\nnames = ['hour_sin',\n'hour_cos']\n[windows]\ncapacity.card = 5"
    assert features_refused(tmp_path, text) == [
        "  - features.names: 'card.amunt_mean_1h': no number 'amunt'; the nearest is 'amount'",
    ]
    monkeypatch.setenv("FRAUD_FEATURES__NAMES", '["amount", "log(card.count_1h)"]')
    assert features_refused(tmp_path, text) == [
        "  - windows.capacity: no feature is about 'crd'; the nearest is 'card'",
    ]


def test_what_stands_in_the_file_keeps_its_line_beside_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUD_WINDOWS__CAPACITY", '{"merchant": 5}')
    monkeypatch.setenv("FRAUD_KAFKA__GROUP", "x")
    text = '[windows]\ncapacity = {"crd" = 5}\n[kafka]\nbootstrap = 5'
    found = features_refused(tmp_path, text)
    assert found == ["4: kafka.bootstrap: Input should be a valid string (it is 5)"]
    text = text.removesuffix("5") + "'x:1'"
    assert features_refused(tmp_path, text) == [
        "2: windows.capacity: no feature is about 'crd'; the nearest is 'card'"
    ]


def test_a_table_of_both_has_its_line_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUD_FEATURES__CONDITIONS__C__HOURS", "0-1")
    says = "features.conditions.c: it is one of hours"
    (line,) = features_refused(tmp_path, "[features]\n[features.conditions.c]\nfield = 'amount'")
    assert line.startswith(f"2: {says}")
    monkeypatch.setenv("FRAUD_FEATURES__CONDITIONS__C__FIELD", "amount")
    (line,) = features_refused(tmp_path, "[features.conditions]")
    assert line.startswith(f"  - {says}")


def test_what_a_caller_asks_for_has_no_line(tmp_path: Path) -> None:
    path = write(tmp_path, "[features]\nnames = ['amount']\n[model]\nfrauds_min = 0")
    with pytest.raises(ConfigError) as caught:
        load(path, features={"names": ["amunt"]})
    assert f"  - {path}:4: model.frauds_min" in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        load(path, features={"names": ["amunt"]}, model={"frauds_min": 1})
    assert "\n  - features.names: 'amunt'" in str(caught.value)


@pytest.mark.parametrize("expression", ["card", "card+merchant", "card+amount"])
def test_every_type_of_entity_can_have_its_capacity(tmp_path: Path, expression: str) -> None:
    names = "['log(card.count_1h)', 'card.new_merchant', 'card.same_amount_1d']"
    text = f"[features]\nnames = {names}\n[windows.capacity]\n'{expression}' = 7"
    assert load(write(tmp_path, text)).engine_parameters().capacities == {expression: 7}


@pytest.mark.parametrize("expression", ["merchant", "card + merchant", "merchant+card", "x", ""])
def test_a_capacity_that_no_feature_uses_is_refused(tmp_path: Path, expression: str) -> None:
    names = "['card.count_1h', 'card.new_merchant']"
    text = f"[features]\nnames = {names}\n[windows.capacity]\n'{expression}' = 7"
    (line,) = features_refused(tmp_path, text)
    says = f"windows.capacity: no feature is about '{expression}'; the nearest is 'card"
    assert line.startswith(f"4: {says}")


SUM = "features.names = ['card.amount_mean_1h']"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("limits.amount_minor_max = 9_223_372_036_855", "1: limits.amount_minor_max"),
        ("windows.events_max = 9_223_373", "1: limits.amount_minor_max"),
    ],
)
def test_amounts_whose_sum_could_overflow_are_refused_with_the_largest_that_fits(
    tmp_path: Path, text: str, place: str
) -> None:
    (line,) = features_refused(tmp_path, f"{text}\n{SUM}")
    assert line.startswith(place)
    largest = int(line.rsplit(" ", 1)[1])
    fits = f"{text}\n{SUM}\n" if "windows" in text else f"{SUM}\n"
    load(write(tmp_path, f"{fits}limits.amount_minor_max = {largest}"))
    assert features_refused(tmp_path, f"{fits}limits.amount_minor_max = {largest + 1}")


def test_amounts_that_nobody_sums_may_be_as_large_as_they_like(tmp_path: Path) -> None:
    names = "features.names = ['amount', 'card.amount_max_1h']"
    load(write(tmp_path, f"{names}\nlimits.amount_minor_max = 1_000_000_000_000_000"))


@pytest.mark.parametrize("aggregate", ["std", "zscore"])
def test_squares_of_amounts_must_fit_too(tmp_path: Path, aggregate: str) -> None:
    head = f"windows.events_max = 1000\nfeatures.names = ['card.amount_{aggregate}_1h']\n"
    load(write(tmp_path, f"{head}limits.amount_minor_max = {2**40 - 1}"))
    [problem] = features_refused(tmp_path, f"{head}limits.amount_minor_max = {2**40}")
    assert "squares" in str(problem)


def test_lengths_of_windows_are_told_where_they_went(tmp_path: Path) -> None:
    assert features_refused(tmp_path, "[windows]\nlengths = ['1h', '1d']") == [
        (
            "2: windows.lengths: no such key; windows are declared in "
            "features.names: 'card.count_{1h,7d}'"
        )
    ]


def test_the_card_of_a_replay_is_an_entity(tmp_path: Path) -> None:
    load(write(tmp_path, "[replay]\ncard = 'merchant'"))
    assert features_refused(tmp_path, "[replay]\ncard = 'merchnt'") == [
        "2: replay.card: fields.entities has no 'merchnt'; the nearest is 'merchant'"
    ]


@pytest.mark.parametrize("key", ["alert_budget = 0", "half_lives = ['0s']", "half_lives = [7]"])
def test_a_budget_and_half_lives_are_above_zero(tmp_path: Path, key: str) -> None:
    assert f"replay.{key.split(maxsplit=1)[0]}" in refused(tmp_path, f"[replay]\n{key}")


# The environment.


def test_the_environment_lies_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "[kafka]\nbootstrap = 'file:1'\ngroup = 'of-the-file'")
    monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAP", "environment:1")
    monkeypatch.setenv("FRAUD_FEATURES__NAMES", '["card.count_{1h,7d}"]')
    monkeypatch.setenv("FRAUD_DECISION__REVIEW", "0.25")
    monkeypatch.setenv("fraud_worker__batch_rows_max", "7")
    config = load(path)
    assert config.kafka.bootstrap == "environment:1"
    assert config.kafka.group == "of-the-file"
    assert list(map(str, config.declared())) == ["card.count_1h", "card.count_7d"]
    assert config.decision.review == 0.25
    assert config.worker.batch_rows_max == 7


def test_the_environment_lies_over_what_a_caller_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUD_MODEL__FRAUDS_MIN", "5")
    config = load(model={"frauds_min": 3, "genuine_min": 4})
    assert (config.model.frauds_min, config.model.genuine_min) == (5, 4)


def test_what_a_caller_asks_for_lies_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "[model]\nfrauds_min = 9\ngenuine_min = 9")
    config = load(path, model={"frauds_min": 3})
    assert (config.model.frauds_min, config.model.genuine_min) == (3, 9)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("FRAUD_KAFKA__BOOTSTRAPP", "FRAUD_KAFKA__BOOTSTRAP"),
        ("FRAUD_KAFKA_BOOTSTRAP", "FRAUD_KAFKA__BOOTSTRAP"),
        ("FRAUD_HASH_KEY", "FRAUD_SECURITY__HASH_KEY"),
        ("fraud_features__name", "FRAUD_FEATURES__NAMES"),
        ("FRAUD_KAFKA__BOOTSTRAP__X", "FRAUD_KAFKA__BOOTSTRAP"),
    ],
)
def test_a_variable_that_sets_nothing_is_reported_once_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch, name: str, nearest: str
) -> None:
    monkeypatch.setenv(name, SECRET)
    text = refusal()
    assert f"{name}: this environment variable sets nothing; the nearest is {nearest}\n" in (
        text + "\n"
    )
    assert SECRET not in text


def test_a_variable_with_a_nearly_right_key_is_one_problem_not_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAPP", "x:1")
    assert len(refusal().splitlines()) == 2


def test_entities_can_be_given_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUD_FIELDS__ENTITIES__ACCOUNT", "account.id")
    assert load().fields.entities == {"account": "account.id"}


@pytest.mark.parametrize("name", ["FRAUD_FEATURES__NAMES", "FRAUD_KAFKA", "FRAUD_KAFKA__CLIENT"])
def test_a_variable_that_should_be_json_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, f"sasl.password={SECRET}")
    text = refusal()
    assert f"{name}: a list or a table is written as JSON" in text
    assert SECRET not in text


# librdkafka's own settings.


def test_settings_of_librdkafka_pass_through_untouched(tmp_path: Path) -> None:
    text = """
    [kafka.client]
    "security.protocol" = "SASL_SSL"
    "socket.timeout.ms" = 5000
    "enable.ssl.certificate.verification" = true
    log_level = 3
    "x.ratio" = 0.5
    """
    client = load(write(tmp_path, text)).kafka.client
    assert client == {
        "security.protocol": "SASL_SSL",
        "socket.timeout.ms": 5000,
        "enable.ssl.certificate.verification": True,
        "log_level": 3,
        "x.ratio": 0.5,
    }
    assert type(client["enable.ssl.certificate.verification"]) is bool
    assert type(client["socket.timeout.ms"]) is int


def test_a_dotted_name_without_quotes_means_the_same(tmp_path: Path) -> None:
    text = "[kafka.client]\nsasl.mechanism = 'PLAIN'\nsasl.password = 'x'\nssl.ca.location = '/x'"
    client = load(write(tmp_path, text)).kafka.client
    assert client == {"sasl.mechanism": "PLAIN", "sasl.password": "x", "ssl.ca.location": "/x"}


@pytest.mark.parametrize(
    "variables",
    [
        {"FRAUD_KAFKA__CLIENT__SASL__PASSWORD": SECRET},
        {"FRAUD_KAFKA__CLIENT__sasl.password": SECRET},
        {"FRAUD_KAFKA__CLIENT": f'{{"sasl.password": "{SECRET}"}}'},
    ],
)
@pytest.mark.parametrize("written", ['"sasl.password" = "old"', 'sasl.password = "old"', ""])
def test_a_setting_by_environment_lies_over_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], written: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    path = write(tmp_path, f"[kafka.client]\n'sasl.username' = 'me'\n{written}")
    assert load(path).kafka.client == {"sasl.username": "me", "sasl.password": SECRET}


def test_a_setting_with_an_underscore_for_a_dot_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FRAUD_KAFKA__CLIENT__SASL_PASSWORD", SECRET)
    text = refusal()
    assert "no setting sasl_password" in text
    assert "FRAUD_KAFKA__CLIENT__SASL__PASSWORD" in text
    assert SECRET not in text


# Secrets.


@pytest.mark.parametrize(
    "text",
    [
        f"[security]\nhash_key = ['{SECRET}']",
        f"[security]\nhash_kee = '{SECRET}'",
        f"security = '{SECRET}'",
        f"hash_key = '{SECRET}'",
        f"[kafka.client]\n'sasl.password' = ['{SECRET}']",
        f"[kafka.client]\nsasl.password = ['{SECRET}']",
        f"[kafka]\nclient = '{SECRET}'",
        f"kafka = ['{SECRET}']",
    ],
)
def test_no_error_shows_a_secret(tmp_path: Path, text: str) -> None:
    assert SECRET not in refused(tmp_path, text)


def test_a_setting_of_a_wrong_type_is_named_by_its_whole_name(tmp_path: Path) -> None:
    lines = refused(tmp_path, "[kafka.client]\nsasl.password = ['x']").splitlines()
    place = f"{tmp_path / 'fraudstream.toml'}:1: kafka.client"
    assert lines[1:] == [f"  - {place}: sasl.password must be a text, a number, true or false"]


def test_no_representation_shows_a_secret(tmp_path: Path) -> None:
    text = f"""
    [kafka.client]
    "sasl.password" = "{SECRET}"
    [registry]
    url = "https://me:{SECRET}@registry"
    [security]
    hash_key = "{SECRET}"
    """
    config = load(write(tmp_path, text))
    assert config.hash_key() == bytes.fromhex(SECRET)
    for shown in (repr(config), str(config), repr(config.security), f"{config.kafka}"):
        assert SECRET not in shown


@pytest.mark.parametrize("key", ["", "abc", SECRET[:-1], SECRET + "0", "z" * 32, SECRET + "\n"])
def test_a_wrong_hash_key_is_refused_with_the_remedy_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("FRAUD_SECURITY__HASH_KEY", key)
    with pytest.raises(ConfigError) as caught:
        load().hash_key()
    assert "openssl rand -hex 16" in str(caught.value)
    assert "FRAUD_SECURITY__HASH_KEY" in str(caught.value)
    if key:
        assert key.strip() not in str(caught.value)


def test_a_hash_key_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text(SECRET.upper() + "\n")
    monkeypatch.setenv("FRAUD_SECURITY__HASH_KEY", f"file:{tmp_path / 'key'}")
    assert load().hash_key() == bytes.fromhex(SECRET)


@pytest.mark.parametrize(
    "content", [b"", bytes.fromhex(SECRET), bytes(range(128, 160)), SECRET.encode() * 2]
)
def test_a_file_without_a_hash_key_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(ConfigError, match="32 hexadecimal digits") as caught:
        load(security={"hash_key": f"file:{tmp_path / 'key'}"}).hash_key()
    assert SECRET not in str(caught.value)
    assert "\\x" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_secrets_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"security\.hash_key: cannot read the file"):
        load(security={"hash_key": f"file:{tmp_path / name}"}).hash_key()


# The file itself.


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    text = refusal(tmp_path / "none.toml")
    assert str(tmp_path / "none.toml") in text
    assert "No such file" in text


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "cannot read the configuration" in refusal(tmp_path)


def test_a_file_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    assert "nested too deep" in refused(tmp_path, "a = " + "[" * 5000 + "]" * 5000)


@pytest.mark.parametrize("content", [b"kafka:\n  group: x\n", b"\xff\xfe", b"[kafka\n", b"a = "])
def test_what_is_not_toml_is_said_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "fraudstream.toml"
    path.write_bytes(content)
    assert f"{path} is not TOML" in refusal(path)


@pytest.mark.parametrize(
    "path",
    [*sorted((ROOT / "examples").glob("*.toml")), ROOT / "deploy" / "fraudstream.toml"],
    ids=lambda path: path.name,
)
def test_the_files_that_ship_can_be_loaded(path: Path) -> None:
    engine_of_small(load(path))


def engine_of_small(config: Config) -> None:
    parameters = config.engine_parameters()
    assert parameters.features.names
    assert config.limits.limits().record_bytes_max > 0


def test_the_file_of_the_containers_speaks_to_their_broker_and_registry() -> None:
    config = load(ROOT / "deploy" / "fraudstream.toml")
    assert config.kafka.bootstrap == "kafka:29092"
    assert config.kafka.allow_insecure
    assert config.registry.url == "http://registry:8081"


def test_without_a_file_the_defaults_decode_the_contract_that_ships() -> None:
    config = load()
    decoders = decoders_of(config, registry_of(config), bytes(16))
    assert decoders.transactions.layout == Layout(("card", "merchant"))


# What the engine gets.


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (
            "[decision]\nexplore = 0.1",
            2,
            "decision.explore: it is a share of decision.alerts_per_day, which is 0: set that",
        ),
        (
            "[model]\nkind = 'onnx'\nsource = 'm.onnx'\nfeedback = 'separate'",
            4,
            "model.feedback: a model of kind 'onnx' learns nothing here: leave it 'mixed'",
        ),
        (
            "[model.challengers.x]\nkind = 'onnx'\nsource = 'm.onnx'\nfeedback = 'separate'",
            4,
            "model.challengers.x.feedback: a model of kind 'onnx' learns nothing here",
        ),
    ],
)
def test_what_makes_no_sense_together_is_refused(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert f"{path}:{line}: {said}" in str(caught.value)


def test_every_setting_of_the_engine_comes_from_its_own_key(tmp_path: Path) -> None:
    text = """
    [fields]
    minor_digits = 3
    entities = { account = "account.id", shop = "shop.id" }
    numeric = { age = "account.age", lat = "lat", lon = "lon" }
    categorical = { channel = "channel" }
    [features]
    names = ["account.{count,age_mean}_{90s,36h}", "is_remote", "account+shop.rate_1h"]
    location = ["lat", "lon"]
    conditions.remote = { field = "channel", values = ["web", 7, true] }
    conditions.old = { field = "age", above = 60, below = 99.5 }
    [windows]
    events_max = 1001
    entities_max = 1002
    allowed_lateness = "3s"
    idle_after = "4s"
    [windows.capacity]
    "account+shop" = 1003
    [labels]
    maturity = "5d"
    waiting_max = 3003
    learn_interval = "6s"
    genuine_share = 0.125
    [decision]
    calibrate = false
    alerts_per_day = 70
    explore = 0.25
    review = 0.1
    challenge = 0.2
    block = 0.3
    [worker]
    batch_rows_max = 77
    """
    config = load(write(tmp_path, text))
    key = bytes(range(16))
    found = config.engine_parameters(key)
    layout = Layout(("account", "shop"), ("age", "lat", "lon"), ("channel",))
    assert found.features.layout == layout
    assert found.features.inputs == Inputs(
        ("account", "shop"),
        ("age", "lat", "lon"),
        ("channel",),
        {
            "remote": Condition("channel", ("web", 7, 1)),
            "old": Condition("age", above=60.0, below=99.5),
        },
        ("lat", "lon"),
        3,
    )
    assert found.features.minor_per_unit == 1000
    assert found.thresholds == Thresholds(0.1, 0.2, 0.3)
    assert (found.calibrate, found.alerts_per_day, found.explore) == (False, 70.0, 0.25)
    assert (found.events_max, found.entities_max, found.waiting_max) == (1001, 1002, 3003)
    assert dict(found.capacities) == {"account+shop": 1003}
    assert found.hash_key == key
    assert config.engine_parameters().hash_key == bytes(16)
    assert (found.allowed_lateness_us, found.idle_after_us) == (3_000_000, 4_000_000)
    assert (found.labels.maturity_us, found.learn_interval_us) == (5 * DAY, 6_000_000)
    assert found.labels.genuine_share == 0.125
    assert found.batch_rows_max == 77
    assert found.features.names == (
        *("account.count_90s", "account.count_36h", "account.age_mean_90s", "account.age_mean_36h"),
        *("is_remote", "account+shop.rate_1h"),
    )
    engine_of(config, key)


def test_limits_reach_the_decoder_under_their_own_names(tmp_path: Path) -> None:
    text = """
    [limits]
    record_bytes_max = 100
    id_bytes_max = 10
    amount_minor_max = 1000
    event_time_min_us = 5
    future_skew_max = "7s"
    """
    limits = load(write(tmp_path, text)).limits.limits()
    assert (limits.record_bytes_max, limits.id_bytes_max, limits.amount_minor_max) == (
        100,
        10,
        1000,
    )
    assert (limits.event_time_min_us, limits.future_skew_max_us) == (5, 7_000_000)


def test_features_that_see_a_part_of_their_entity_must_be_allowed(tmp_path: Path) -> None:
    text = '[worker]\nstate = "per_partition"\n'
    assert "partial_features: with a state per partition" in refused(tmp_path, text)
    assert "'merchant.count_10m', and 9 more" in refused(tmp_path, text)
    assert not load(write(tmp_path, '[worker]\nstate = "whole"\n')).per_partition
    assert load(write(tmp_path, text + "partial_features = true\n")).per_partition
    cards = '[features]\nnames = ["amount", "{card,card+merchant}.count_1h"]\n'
    assert load(write(tmp_path, text + cards)).per_partition
    told = refused(tmp_path, text + cards + '[fields]\nkey = "merchant"\n')
    assert "'card.count_1h' would count" in told
    assert "no entity of fields.entities is 'shop'" in refused(tmp_path, '[fields]\nkey = "shop"\n')


def test_one_model_for_all_partitions_needs_both_topics_and_partitions(tmp_path: Path) -> None:
    state = '[worker]\nstate = "per_partition"\npartial_features = true\n'
    training, models = 'training = "fraud.training"\n', 'models = "fraud.models"\n'
    config = load(write(tmp_path, f"{state}[topics]\n{training}{models}"))
    assert config.exchange() == ExchangeTopics("", "fraud.training", "fraud.models")
    assert config.engine_parameters().version_interval_us == 10_000_000
    assert {"fraud.training", "fraud.models"} <= set(config.topics.outputs())
    told = refused(tmp_path, f"{state}[topics]\n{training}")
    assert "topics.training: one model for all needs topics.models too" in told
    told = refused(tmp_path, f"{state}[topics]\n{models}")
    assert "topics.models: one model for all needs topics.training too" in told
    same = 'training = "fraud.models"\n'
    told = refused(tmp_path, f"{state}[topics]\n{same}{models}")
    assert "topics.training: fraud.models is another topic's name too" in told
    told = refused(tmp_path, f"[topics]\n{training}{models}")
    assert "topics.training: one state for all has nobody to tell" in told
    alone = load(write(tmp_path, state))
    assert (alone.one_model, alone.engine_parameters().version_interval_us) == (False, 0)


def test_partitions_that_tell_each_other_see_their_entities_whole(tmp_path: Path) -> None:
    text = '[worker]\nstate = "per_partition"\n[topics]\nshared = "fraud.shared"\n'
    names = '[features]\nnames = ["{card,merchant,card+merchant}.count_1h"]\n'
    config = load(write(tmp_path, text + names))
    assert config.shared_entities() == ("merchant",)
    assert config.exchange() == ExchangeTopics("fraud.shared")
    assert config.engine_parameters().shared == ("merchant",)
    # Of verdicts nobody tells.
    verdicts = '[features]\nnames = ["{card,merchant}.frauds_7d", "merchant.count_1h"]\n'
    told = refused(tmp_path, text + verdicts)
    assert "'merchant.frauds_7d' would know of frauds in the payment's partition alone" in told
    assert "give topics.shared" not in told
    allowed = text.replace("[topics]", "partial_features = true\n[topics]") + verdicts
    assert load(write(tmp_path, allowed)).shared_entities() == ("merchant",)
    alone = '[features]\nnames = ["card.count_1h"]\n'
    assert load(write(tmp_path, text + alone)).exchange() == NO_EXCHANGE
    without = text.replace('[topics]\nshared = "fraud.shared"\n', "")
    assert "give topics.shared, so that partitions tell" in refused(tmp_path, without + names)
    told = refused(tmp_path, '[topics]\nshared = "fraud.shared"\n')
    assert "topics.shared: one state for all has nobody to tell" in told


def test_what_holds_for_the_whole_stream_is_shared_out_among_partitions(tmp_path: Path) -> None:
    text = "[decision]\nalerts_per_day = 100\n[labels]\nsource_max_per_day = 10\n"
    config = load(write(tmp_path, text))
    assert config.engine_parameters().alerts_per_day == 100
    each = config.engine_parameters(partitions=4)
    assert (each.alerts_per_day, each.labels.source_max_per_day) == (25, 3)
    assert load(None).engine_parameters(partitions=4).labels.source_max_per_day == 0


def test_a_configuration_cannot_be_changed() -> None:
    config = load()
    with pytest.raises(ValueError, match="frozen"):
        config.kafka.group = "other"


# The page about it.


def test_the_page_about_it_is_up_to_date_and_says_something_of_every_key() -> None:
    program = (
        "import sys; sys.path.insert(0, 'docs'); import make_configuration as m; "
        "sys.stdout.buffer.write(m.page().encode())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert done.stdout.decode() == page, "run: python docs/make_configuration.py"
    for section, info in Config.model_fields.items():
        assert f"## [{section}]" in page
        for key in info.annotation.model_fields:
            assert f"| `{key}` |" in page
    assert "|  |" not in page, "a key has no docstring"


def test_a_snapshot_key_is_long_hexadecimal_or_in_a_file(tmp_path: Path) -> None:
    assert load().snapshot_key() is None
    assert load(security={"snapshot_key": SECRET}).snapshot_key() == bytes.fromhex(SECRET)
    (tmp_path / "key").write_text(SECRET * 2 + "\n")
    named = load(security={"snapshot_key": f"file:{tmp_path / 'key'}"})
    assert named.snapshot_key() == bytes.fromhex(SECRET * 2)
    for wrong in ("abc", SECRET[:-2], SECRET + "0", "z" * 32):
        with pytest.raises(ConfigError, match=r"security\.snapshot_key must be at least 32") as why:
            load(security={"snapshot_key": wrong}).snapshot_key()
        assert SECRET[:-2] not in str(why.value)
    with pytest.raises(ConfigError, match=r"security\.snapshot_key: cannot read the file"):
        load(security={"snapshot_key": f"file:{tmp_path / 'missing'}"}).snapshot_key()
    assert SECRET not in repr(load(security={"snapshot_key": SECRET}))


def test_a_url_of_redis_is_shown_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"redis://user:{SECRET}@127.0.0.1/0"
    config = load(redis={"url": url})
    assert config.redis_url() == url
    for shown in (repr(config), str(config), repr(config.redis)):
        assert SECRET not in shown
    monkeypatch.setenv("FRAUD_REDIS__URL", url)
    assert load().redis_url() == url
    monkeypatch.setenv("FRAUD_REDIS__TIMEOUT", "20s")
    with pytest.raises(ConfigError, match=r"redis\.timeout") as wrong:
        load()
    assert SECRET not in str(wrong.value)


@pytest.mark.parametrize("name", ["a/b", "a b", "x" * 65, "a:b"])
def test_a_workers_name_is_fit_for_a_key(name: str) -> None:
    with pytest.raises(ConfigError, match=r"recovery\.name"):
        load(recovery={"name": name})


def test_a_port_that_others_can_reach_needs_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for host in ("0.0.0.0", "::", "10.0.0.1", "engine"):
        with pytest.raises(ConfigError, match=rf"admin\.host: others can reach '{host}'") as wrong:
            load(admin={"host": host})
        assert "set FRAUD_ADMIN__TOKEN" in str(wrong.value)
        assert load(admin={"host": host, "token": SECRET}).admin.host == host
    for host in ("127.0.0.1", "::1", "localhost"):
        assert load(admin={"host": host}).admin_token() == ""
    monkeypatch.setenv("FRAUD_ADMIN__TOKEN", SECRET)
    assert load(admin={"host": "0.0.0.0"}).admin_token() == SECRET


def test_a_token_is_shown_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(admin={"token": SECRET})
    for shown in (repr(config), str(config), repr(config.admin)):
        assert SECRET not in shown
    for wrong in ("x" * 15, SECRET + " ", SECRET + "\u00e9", SECRET + '"', "y" * 257):
        with pytest.raises(ConfigError, match=r"admin\.token must be 16 to 256") as why:
            load(admin={"token": wrong}).admin_token()
        assert wrong not in str(why.value)
    with pytest.raises(ConfigError, match=r"admin\.token: cannot read the file"):
        load(admin={"token": f"file:{tmp_path / 'missing'}"}).admin_token()
    with pytest.raises(ConfigError, match=r"admin\.token") as number:
        load(admin={"token": 1234567890123456})
    assert "1234567890123456" not in str(number.value)
    monkeypatch.setenv("FRAUD_ADMIN__PORT", "no port")
    with pytest.raises(ConfigError, match=r"admin\.port"):
        load(admin={"token": SECRET})


def test_who_watches_scores_is_chosen_with_what_he_needs(tmp_path: Path) -> None:
    text = """
    [monitor]
    level_detectors = ["kswin", "page_hinkley"]
    page_hinkley_threshold = 5
    kswin_alpha = 0.0001
    kswin_window = 500
    kswin_newest = 250
    """
    rules = load(write(tmp_path, text)).engine_parameters(b"sixteen bytes ok").monitor
    assert rules is not None
    assert rules.level_detectors == ("kswin", "page_hinkley")
    assert (rules.page_hinkley_threshold, rules.kswin_alpha) == (5.0, 0.0001)
    assert (rules.kswin_window, rules.kswin_newest) == (500, 250)
    usual = load(write(tmp_path, "")).engine_parameters(b"sixteen bytes ok").monitor
    assert usual is not None
    follows = {"warm_up_us": usual.warm_up_us, "quality_windows": usual.quality_windows}
    assert usual == replace(MonitorParameters(), **follows)
    told = refused(tmp_path, text.replace("250", "251").replace('["kswin', '["page_hinkley'))
    assert (
        "monitor.kswin_newest: 251 is more than half of monitor.kswin_window: at most 250" in told
    )
    assert "monitor.level_detectors: 'page_hinkley' is there twice" in told
    assert "it is 'cusum'" in refused(tmp_path, text.replace('["kswin', '["cusum'))
    assert refused(tmp_path, '[monitor]\nsegments = ["amuont"]\n').count("monitor.segments") == 1
