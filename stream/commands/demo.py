"""``fraudstream demo``: the whole engine at work, on the screen."""

from __future__ import annotations

import os
import time
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from schemas.kernel_form import GENERAL, VARIABLE
from stream.cli.console import INTERRUPTED, OK, alert_line, emit_json, emit_report, out, say
from stream.cli.console import until_signalled as signals
from stream.demo import Demo, DemoPlan
from stream.plurals import several

_REFRESH_S = 0.5
_ALERTS_SHOWN = 12


def run_demo(seconds: float | None, rate: float, seed: int, as_json: bool) -> int:
    """Run the demo and report; return the exit status."""
    # It is watched for a minute or two: a first start that compiles less is worth more.
    os.environ.setdefault(VARIABLE, GENERAL)
    say("fraudstream demo: Ctrl-C ends it")
    running: list[Demo] = []

    def stop() -> None:
        if not running:
            raise KeyboardInterrupt  # Nothing was sent yet that would have to be finished.
        running[0].stop()

    with signals(stop) as came, Demo(DemoPlan(rate, seconds, seed), say) as demo:
        if came:
            return INTERRUPTED  # A library caught the interruption on its way.
        running.append(demo)
        screen = _screen(demo, as_json)
        with screen:
            demo.run(screen.refresh)
        summary = demo.summary()
    if as_json:
        emit_json(summary)
    else:
        emit_report(summary, "demo")
    return INTERRUPTED if came else OK


def _screen(demo: Demo, as_json: bool) -> _Screen:
    if as_json:
        return _Screen(demo)
    return _LiveScreen(demo) if out.is_terminal else _LineScreen(demo)


class _Screen:
    """Shows nothing; the others show more."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self._next_s = 0.0

    def __enter__(self) -> _Screen:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def refresh(self) -> None:
        """Show how things stand, twice a second at most."""
        now = time.monotonic()
        if now >= self._next_s:
            self._next_s = now + _REFRESH_S
            self.show()

    def show(self) -> None:
        """Show how things stand."""


class _LineScreen(_Screen):
    """A line for every alert: for pipes and logs."""

    def __init__(self, demo: Demo) -> None:
        super().__init__(demo)
        self._shown = 0

    def __exit__(self, *_: object) -> None:
        self.show()

    def show(self) -> None:
        alerts = self.demo.subscriber.alerts
        new = min(alerts - self._shown, len(self.demo.subscriber.recent))
        self._shown = alerts
        for alert in list(self.demo.subscriber.recent)[-new:] if new else []:
            out.print(alert_line(alert), markup=False)


class _LiveScreen(_Screen):
    """A picture that renews itself: how things stand, and the latest alerts."""

    def __init__(self, demo: Demo) -> None:
        super().__init__(demo)
        self._live = Live(console=out, auto_refresh=False)

    def __enter__(self) -> _Screen:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self) -> None:
        self._live.update(Group(_status(self.demo.summary()), self._alerts()), refresh=True)

    def _alerts(self) -> Text:
        latest = list(self.demo.subscriber.recent)[-_ALERTS_SHOWN:]
        if not latest:
            return Text("no alerts yet: the model waits for its first labels", style="dim")
        return Text("\n".join(alert_line(alert) for alert in reversed(latest)), no_wrap=True)


def _status(summary: dict[str, Any]) -> Table:
    latency = summary["latency_ms"]
    quality = summary["prequential"]
    table = Table(
        title=f"{several(summary['events'], 'payment')}, {several(summary['alerts'], 'alert')}"
    )
    cells = {
        "payments/s": f"{summary['events_per_s']:,.0f}",
        "p50 ms": _number(latency["p50"]),
        "p99 ms": _number(latency["p99"]),
        "labels learned": f"{summary['labels_learned']:,}",
        "precision": _number(quality["precision"]),
        "recall": _number(quality["recall"]),
        "dead letters": f"{summary['dead_letters']:,}",
    }
    for name in cells:
        table.add_column(name, justify="right")
    table.add_row(*cells.values())
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
