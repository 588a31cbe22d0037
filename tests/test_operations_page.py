"""docs/operations.md says what is there."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from stream.admin.health import Health
from stream.admin.routes import ops_routes
from stream.admin.security import PROBES
from stream.config.configuration import load
from stream.telemetry.traffic import TrafficMeter

DOCS = Path(__file__).resolve().parents[1] / "docs"
TEXT = (DOCS / "operations.md").read_text(encoding="utf-8")


def test_its_table_of_metrics_is_the_codes() -> None:
    made = runpy.run_path(str(DOCS / "make_operations.py"))["page"]
    assert made(TEXT) == TEXT, "run: python docs/make_operations.py"


def test_its_table_of_paths_is_the_servers() -> None:
    meter = TrafficMeter(load())
    paths = {route.path for route in ops_routes(meter, Health(meter, 60.0))}
    rows = re.findall(r"^\| `(/\w+)` \|.*\| (yes|no) \|$", TEXT, re.MULTILINE)
    assert {path for path, _ in rows} == paths
    assert {path for path, asked in rows if asked == "no"} == set(PROBES)


def test_what_it_links_to_exists() -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)", TEXT):
        assert (DOCS / link).exists(), link
    for path in re.findall(r"`(deploy/[\w./-]+)`", TEXT):
        assert (DOCS.parent / path).exists(), path
