"""What Prometheus reads, parsed back by its own client and compared with the figures."""

import re

import pytest
from inputs.figures import full_figures
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as open_metrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse

from stream.admin.collector import FiguresCollector
from stream.admin.described import PREFIX, Moment
from stream.admin.metrics import END_TO_END_BOUNDS_S, METRICS, SCORING_BOUNDS_S
from stream.telemetry.figures import Figures
from stream.telemetry.standing import COUNTS


def registry_of(figures, turned_s=9.0, now_s=11.0, now_us=3_000_000):
    registry = CollectorRegistry()
    moment = Moment(figures, turned_s, now_s, now_us)
    registry.register(FiguresCollector(lambda: moment))
    return registry


@pytest.fixture(params=["text", "openmetrics"])
def scraped(request):
    registry = registry_of(full_figures())
    if request.param == "text":
        families = parse(generate_latest(registry).decode())
    else:
        families = parse_open(open_metrics(registry).decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(scraped, metric, **labels):
    return scraped[metric, frozenset(labels.items())]


def test_values_are_those_of_the_figures(scraped):
    assert value(scraped, "fraud_events_total", topic="a-topic", outcome="a-outcome") == 3
    assert value(scraped, "fraud_dlq_total", stage="wire", error="too_short") == 2
    assert value(scraped, "fraud_late_total") == 3
    assert value(scraped, "fraud_consumer_lag_records", topic="payments", partition="1") == 7
    assert value(scraped, "fraud_watermark_delay_seconds") == 2.0
    assert value(scraped, "fraud_loop_age_seconds") == 2.0
    assert value(scraped, "fraud_ready") == 1
    assert value(scraped, "fraud_phase", phase="running") == 1
    assert value(scraped, "fraud_phase", phase="starting") == 0
    assert value(scraped, "fraud_state_entries", kind="entities", type="card") == 2
    assert value(scraped, "fraud_state_capacity", kind="events", type="") == 10
    labels = {"model": "model", "kind": "forest", "version": "abc123"}
    assert value(scraped, "fraud_model_info", **labels) == 1
    assert value(scraped, "fraud_model_ready", model="simple") == 0
    assert value(scraped, "fraud_feature_psi", feature="amount") == 0.3
    assert value(scraped, "fraud_feature_drifted", feature="hour_sin") == 0
    assert value(scraped, "fraud_snapshot_age_seconds") == 30
    assert value(scraped, "fraud_redis_up") == 0
    assert value(scraped, "fraud_alert_budget_per_day") == 100


def test_rules_lists_and_models_are_told_by_their_names(scraped):
    assert value(scraped, "fraud_rule_matches_total", rule="wild", mode="live") == 201
    assert value(scraped, "fraud_rule_matches_total", rule="wild", mode="shadow") == 30
    assert value(scraped, "fraud_rule_errors_total", rule="tried") == 1
    modes = {"live": 1, "shadow": 1, "tripped": 1, "expired": 0}
    for mode, n in modes.items():
        assert value(scraped, "fraud_rules", mode=mode) == n
    assert value(scraped, "fraud_rule_tripped", rule="wild") == 1
    assert value(scraped, "fraud_rule_tripped", rule="tried") == 0
    assert value(scraped, "fraud_list_entries", list="stolen") == 120
    assert value(scraped, "fraud_list_capacity", list="stolen") == 1000
    assert value(scraped, "fraud_list_version", list="stolen") == 7
    assert value(scraped, "fraud_snoozes") == 3
    assert value(scraped, "fraud_model_champion", model="simple") == 1
    assert value(scraped, "fraud_model_champion", model="model") == 0
    assert value(scraped, "fraud_model_aside", model="model", cause="disabled") == 1
    assert value(scraped, "fraud_model_aside", model="model", cause="failed") == 0
    assert value(scraped, "fraud_promotions_total", cause="a-cause") == 3


def test_latencies_are_cut_at_the_bounds_that_matter(scraped):
    assert (SCORING_BOUNDS_S[0], SCORING_BOUNDS_S[-3]) == (0.0005, 0.5)
    assert value(scraped, "fraud_scoring_seconds_bucket", le="0.0005") == 1
    assert value(scraped, "fraud_scoring_seconds_bucket", le="0.001") == 2
    assert value(scraped, "fraud_scoring_seconds_bucket", le="2.0") == 2
    assert value(scraped, "fraud_scoring_seconds_bucket", le="+Inf") == 3
    assert value(scraped, "fraud_scoring_seconds_count") == 3
    assert value(scraped, "fraud_scoring_seconds_sum") == pytest.approx(5.001)
    assert value(scraped, "fraud_end_to_end_seconds_bucket", le="300.0") == 1
    assert value(scraped, "fraud_end_to_end_seconds_bucket", le="+Inf") == 2
    assert value(scraped, "fraud_label_delay_seconds_bucket", le="3600.0") == 0, "1.6 % longer"
    assert value(scraped, "fraud_label_delay_seconds_bucket", le="21600.0") == 1
    assert value(scraped, "fraud_score_bucket", le="0.02") == 1
    assert value(scraped, "fraud_score_sum") == 12.5


@pytest.mark.parametrize("bounds", [SCORING_BOUNDS_S, END_TO_END_BOUNDS_S])
def test_bounds_ascend(bounds):
    assert list(bounds) == sorted(set(bounds))


def test_what_is_not_known_is_not_said():
    text = generate_latest(registry_of(Figures(0.0, 0.0))).decode()
    names = {line.split("{")[0].split()[0] for line in text.splitlines() if line[0] != "#"}
    for absent in ("lag_records", "watermark", "snapshot_", "redis_up", "psi", "_bucket"):
        assert not [name for name in names if absent in name]
    # What has no labels begins at 0, so that the first one is seen as a rise.
    assert "fraud_restarts_total 0.0" in text
    assert "fraud_ready 0.0" in text


def test_every_count_is_told_with_its_labels():
    described = {each.name: each.labels for each in METRICS if each.kind == "counter"}
    assert described == COUNTS | {"rule_matches": ("rule", "mode"), "rule_errors": ("rule",)}


def test_every_name_has_one_meaning_that_ends_in_a_full_stop():
    names = [each.name for each in METRICS]
    assert len(names) == len(set(names))
    for each in METRICS:
        assert re.fullmatch(r"[a-z_]+", each.name)
        assert each.meaning.endswith(".")
        assert (PREFIX + each.name).startswith("fraud_")
        assert not {"card", "customer", "merchant", "entity", "id", "transaction"} & set(
            each.labels
        )
