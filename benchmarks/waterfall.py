"""Where a microsecond goes, as a picture: the stages of `bench_stages`, one behind the other."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.bench_stages import STAGES
from benchmarks.report import ReportError
from stream.svg import INK, picture

_NAMES, _WIDTH, _VALUES, _ROW, _TOP, _BOTTOM = 380, 380, 70, 26, 64, 16
_STYLES = ([f".bar {{ fill: {ink} }}" for ink in INK],)


def svg(found: dict[str, Any]) -> str:
    """Draw the stages of a results file.

    Raises
    ------
    ReportError
        If it has none of them.
    """
    results = {each["name"].removeprefix("stage_"): each for each in found["results"]}
    missing = [stage for stage in STAGES if stage not in results]
    if missing:
        raise ReportError(f"the results have no stage {', '.join(missing)}: measure bench_stages")
    took = {stage: float(results[stage]["value"]) for stage in STAGES}
    whole = sum(took.values())
    size = max(map(int, results["decode"]["detail"]["by_batch"]))
    title = f"A payment and its label: {whole:.1f} us, in batches of {size}"
    words = " ".join(f"{STAGES[stage]}: {us:.2f} us." for stage, us in took.items())
    width, height = _NAMES + _WIDTH + _VALUES, _TOP + _ROW * len(took) + _BOTTOM
    where = "in one process, what Kafka's client takes left out"
    parts = []
    before = 0.0
    for row, (stage, us) in enumerate(took.items()):
        y, x = _TOP + _ROW * row, _NAMES + before / whole * _WIDTH
        length = us / whole * _WIDTH
        parts += [
            f'<text x="12" y="{y + 13}">{escape(STAGES[stage])}</text>',
            f'<rect class="bar" x="{x:.1f}" y="{y}" width="{length:.1f}" height="18"/>',
            f'<text class="small" x="{x + length + 6:.1f}" y="{y + 13}">{us:.2f}</text>',
        ]
        before += us
    return picture(title, where, words, (width, height), _STYLES, parts)


def write_into(results: list[Path], into: Path, *, check: bool) -> bool:
    """Draw the newest of some results files; tell whether the picture was the same before.

    Raises
    ------
    ReportError
        If a file cannot be read, or has no stages.
    """
    try:
        drawn = svg(json.loads(results[-1].read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError) as error:
        raise ReportError(f"{results[-1]} cannot be read as results: {error}") from error
    same = into.is_file() and into.read_text(encoding="utf-8") == drawn
    if not check:
        into.write_text(drawn, encoding="utf-8")
    return same
