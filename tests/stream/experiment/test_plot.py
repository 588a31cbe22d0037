"""The picture: well formed, complete, and in words."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from inputs.experiments import outcome, plan_by_hand
from seeds import seeds

from stream.experiment.plot import svg, ticks
from stream.experiment.results import document

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ["plain", "<b>&\"bold'", "a_name_much_longer_than_its_column_is_wide"]


def drawn(names: list[str], n: int, **measures: Any) -> tuple[ET.Element, str, dict[str, Any]]:
    plan = plan_by_hand(names, n)
    rng = np.random.default_rng(1)
    outcomes = {
        (name, seed): outcome(**({"protocol__ap": float(rng.random())} | measures))
        for name in names
        for seed in range(n)
    }
    found = document(plan, outcomes)
    text = svg(found)
    return ET.fromstring(text), text, found


def test_every_configuration_is_drawn_and_said() -> None:
    root, text, found = drawn(NAMES, 4)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert description is not None
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert title.text == "3 configurations over 4 seeds"
    words = str(description.text)
    for each in found["configurations"]:
        assert (
            f"{each['name']}: average precision {each['mean']['protocol.ap']['mean']:.4f}" in words
        )
    texts = [str(node.text) for node in root.iter(f"{SVG}text")]
    assert "plain" in texts
    assert "<b>&\"bold'" in texts
    assert "a_name_much_longer_than_i…" in texts
    for measure in ("average precision", "card precision@100", "AUC ROC"):
        assert measure in texts
    circles = list(root.iter(f"{SVG}circle"))
    assert len(circles) == 9
    assert "prefers-color-scheme: dark" in text
    width, height = float(str(root.get("width"))), float(str(root.get("height")))
    for node in root.iter():
        for key, most in (
            ("x", width),
            ("x1", width),
            ("x2", width),
            ("cx", width),
            ("cy", height),
        ):
            assert 0 <= float(node.get(key, 0)) <= most


def test_an_interval_is_drawn_where_the_axis_says() -> None:
    root, _, found = drawn(["a", "b"], 4)
    axis = [
        (float(str(node.get("x"))), float(str(node.text)))
        for node in root.iter(f"{SVG}text")
        if node.get("text-anchor") and float(str(node.get("x"))) < 400
    ]
    (x0, v0), (x1, v1) = axis[0], axis[-1]
    lines = [node for node in root.iter(f"{SVG}line") if node.get("class") == "interval"]
    for line, each in zip(lines[:2], found["configurations"], strict=True):
        for key, end in (("x1", "low"), ("x2", "high")):
            at = v0 + (float(str(line.get(key))) - x0) / (x1 - x0) * (v1 - v0)
            assert at == pytest.approx(each["mean"]["protocol.ap"][end], abs=0.002 * (v1 - v0))


def test_one_seed_has_no_line_and_no_protocol_other_panels() -> None:
    root, _, _ = drawn(["a"], 1, protocol__ap=None, protocol__auc=None, protocol__cp100=None)
    assert not [node for node in root.iter(f"{SVG}line") if node.get("class") == "interval"]
    assert len(list(root.iter(f"{SVG}circle"))) == 3
    said = [str(node.text) for node in root.iter(f"{SVG}text")]
    assert "all days but the first 10; mean and 95 % interval" in said


def test_nothing_known_is_still_a_picture() -> None:
    plan = plan_by_hand(["a"], 1)
    root = ET.fromstring(svg(document(plan, {("a", 0): {"error": "x"}})))
    assert not list(root.iter(f"{SVG}circle"))
    assert "not known" in str(root.find(f"{SVG}desc").text)  # type: ignore[union-attr]


@seeds(20)
def test_ticks_are_round_few_and_around_everything(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = float(rng.normal() * 10.0 ** rng.integers(-4, 3))
    high = low + float(rng.choice([0.0, 10.0 ** rng.integers(-6, 3)]) * rng.random())
    found = ticks(low, high)
    assert 2 <= len(found) <= 6
    step = found[1] - found[0]
    assert found[0] <= low + 1e-6 * step
    assert found[-1] >= high - 1e-6 * step
    np.testing.assert_allclose(np.diff(found), step, rtol=1e-6)
