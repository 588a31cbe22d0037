"""Rules, dashboards and runbooks: each names only what is there, and all of it is there."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from inputs.figures import full_figures

from stream.admin.collector import FiguresCollector
from stream.admin.described import PREFIX, Moment
from stream.admin.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
RULE_TESTS = sorted((DEPLOY / "prometheus" / "tests").glob("*.yml"))
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
RUNBOOKS = ROOT / "docs" / "runbooks"
# What Prometheus and its client say of any process.
OF_EVERY_TARGET = {
    "up": {"job", "instance"},
    "process_start_time_seconds": {"job", "instance"},
    "process_resident_memory_bytes": {"job", "instance"},
}
OF_SCRAPES = {"job", "instance", "le"}
# Functions, operators and words of PromQL that are used here.
WORDS = {
    *("sum", "max", "min", "absent", "and", "or", "on", "by", "offset"),
    *("changes", "delta", "increase", "rate", "histogram_quantile", "topk"),
}
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?[a-z]*(?![\w.])")


def exposed() -> dict[str, set[str]]:
    """Every name that is scraped, and its labels, from a worker that has everything."""
    moment = Moment(full_figures(), 0.0, 0.0, 0)
    found: dict[str, set[str]] = {}
    for family in FiguresCollector(lambda: moment).collect():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def rules() -> list[dict[str, Any]]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> Iterator[tuple[str, str]]:
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                yield f"{path.stem}: {panel['title']}", target["expr"]
        for note in board["annotations"]["list"]:
            yield f"{path.stem}: {note['name']}", note["expr"]


QUERIES = [(rule["alert"], rule["expr"]) for rule in rules()] + list(panels())


def names_in(query: str) -> Iterator[tuple[str, set[str]]]:
    """Yield what a query asks for, and the labels by which it chooses."""
    query = query.replace("$__rate_interval", "1m")
    for name, chosen in re.findall(r"\b([a-z_]\w*)\s*\{([^}]*)\}", query):
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", chosen))
    bare = re.sub(r'\{[^}]*\}|"[^"]*"|\[[^\]]*\]', " ", query)
    bare = re.sub(r"\b(?:by|on)\s*\([^)]*\)", " ", bare)
    bare = NUMBER.sub(" ", bare)
    for name in re.findall(r"[a-zA-Z_:][\w:]*", bare):
        if name not in WORDS:
            yield name, set()


@pytest.mark.parametrize(("place", "query"), QUERIES, ids=[place for place, _ in QUERIES])
def test_what_is_asked_for_exists_and_has_these_labels(place: str, query: str) -> None:
    known = {name: labels | OF_SCRAPES for name, labels in exposed().items()} | OF_EVERY_TARGET
    asked = list(names_in(query))
    assert asked, place
    for name, labels in asked:
        assert name in known, f"{place} asks for {name}, which nobody exposes"
        assert labels <= known[name], f"{place}: {name} has no {labels - known[name]}"
    grouped = {
        label.strip()
        for labels in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", query)
        for label in labels.split(",")
    }
    of_all = set().union(*(known[name] for name, _ in asked))
    assert grouped <= of_all, f"{place}: nothing has {grouped - of_all}"


@pytest.mark.parametrize(
    "query",
    [
        "sum(rate(fraud_event_total[5m]))",
        'fraud_events_total{card="x"}',
        "sum by (card) (fraud_events_total)",
        "histogram_quantile(0.5, fraud_score)",
    ],
)
def test_a_name_that_is_wrong_is_found(query: str) -> None:
    with pytest.raises(AssertionError):
        test_what_is_asked_for_exists_and_has_these_labels("wrong", query)


def test_every_metric_is_exposed_and_is_shown_or_watched_or_is_for_looking_up() -> None:
    names = {PREFIX + each.name for each in METRICS}
    assert {name for name in names if not any(e.startswith(name) for e in exposed())} == set()
    asked = " ".join(query for _, query in QUERIES)
    unused = {name.removeprefix(PREFIX) for name in names if name not in asked}
    assert unused == {
        *("build_info", "erasures", "late", "model_labels_learned", "partitions_assigned"),
        *("recovery_seconds", "redis_entities", "replay_mismatch_steps", "snapshot_bytes"),
    }


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert notes["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"
    page = (ROOT / notes["runbook_url"]).read_text()
    assert page.startswith(f"# {rule['alert']}\n")
    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert headings == [
        "What it means",
        "What users feel",
        "How to look",
        "What to do",
        "What not to do",
    ]
    assert len(page.split()) < 450, "too long to be read at night"


def test_every_runbook_is_of_an_alert_and_none_is_there_twice() -> None:
    alerts = [rule["alert"] for rule in rules()]
    assert len(alerts) == len(set(alerts))
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(alerts)


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_what_a_runbook_names_exists(path: Path) -> None:
    text = path.read_text()
    known = exposed() | dict.fromkeys(PREFIX + each.name for each in METRICS)
    for name in re.findall(r"\bfraud_\w+", text):
        assert any(each == name or each.startswith(f"{name}_") for each in known), name
    commands = {line.split()[1] for line in re.findall(r"\bfraudstream [a-z]+", text)}
    assert commands <= {
        *("run", "doctor", "topics", "snapshots", "schemas", "reproduce", "features"),
        *("rules", "models"),
    }
    for link in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (path.parent / link).exists(), link


def test_every_rule_has_a_fixture_that_fires() -> None:
    fired = {
        case["alertname"]
        for path in RULE_TESTS
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in rules()}


def test_the_dashboards_are_what_the_script_makes() -> None:
    made = runpy.run_path(str(DEPLOY / "grafana" / "make_dashboards.py"))["written"]()
    found = {path.name: path.read_text(encoding="utf-8") for path in DASHBOARDS}
    assert found == made, "run: python deploy/grafana/make_dashboards.py"


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_lie_side_by_side_and_say_what_they_show(path: Path) -> None:
    board = json.loads(path.read_text())
    cells: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        taken = {
            (place["x"] + dx, place["y"] + dy)
            for dx in range(place["w"])
            for dy in range(place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not taken & cells, panel["title"]
        cells |= taken
        assert panel["type"] == "row" or panel["description"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))


def test_all_is_provisioned_where_compose_mounts_it() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    mounted = {
        source: target
        for service in ("prometheus", "grafana")
        for source, target in (
            mount.removesuffix(":ro").split(":") for mount in compose[service]["volumes"]
        )
    }
    for source in mounted:
        assert not source.startswith(".") or (ROOT / source).exists(), source
    (provider,) = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/dashboards/fraudstream.yml").read_text()
    )["providers"]
    assert mounted["./deploy/grafana/dashboards"] == provider["options"]["path"]
    (source,) = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text()
    )["datasources"]
    used = {
        target["datasource"]["uid"]
        for path in DASHBOARDS
        for panel in json.loads(path.read_text())["panels"]
        for target in panel.get("targets", [])
    }
    assert used == {source["uid"]}
    scraped = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    (job,) = scraped["scrape_configs"]
    assert job["job_name"] == "fraudstream"
    assert job["authorization"]["credentials_file"] == "/run/secrets/admin_token"
    (found,) = job["dns_sd_configs"]
    assert (found["names"], found["type"], found["port"]) == (["engine"], "A", 9464)
    assert source["jsonData"]["timeInterval"] == scraped["global"]["scrape_interval"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "rules", *map(str, RULES)],
        ["test", "rules", *map(str, RULE_TESTS)],
        ["check", "config", "--syntax-only", str(DEPLOY / "prometheus" / "prometheus.yml")],
    ],
    ids=["check", "test", "config"],
)
def test_promtool_agrees(arguments: list[str]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip(
            "promtool was NOT run: the rules were read as YAML only. It is in Debian's package "
            "prometheus, and in Prometheus' own releases"
        )
    done = subprocess.run(
        [promtool, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
