// What goes through, how long it takes, and how much waits.

import { h } from "../dom.js";
import { timeChart } from "../time_chart.js";
import { averaged, lineOf } from "../timeline.js";
import { brief, count, duration, millis, number, rate } from "../words.js";
import { markersByClock, nothing, panel } from "./panel.js";

const MINUTE = 60_000;
const RANGES = [
  [5 * MINUTE, "5 min"],
  [60 * MINUTE, "1 h"],
  [360 * MINUTE, "6 h"],
  [null, "all"],
];
// However little there is, this much time has room.
const SPAN_LEAST_MS = MINUTE;

export function traffic(view) {
  const { board, points, ui } = view;
  const head = { name: "traffic", title: "Traffic", wide: 8, aside: ranges(view) };
  if (points.length === 0) return panel(head, nothing("Nothing was recorded yet."));
  const to = points[points.length - 1].time_ms;
  const first = points[0].time_ms;
  const from = Math.min(ui.range === null ? first : Math.max(first, to - ui.range), to - SPAN_LEAST_MS);
  const base = { group: "clock", from, to, markers: markersByClock(board), ui, act: view.act };
  const series = (name, look, value, say) => ({ name, look, say, points: lineOf(points, value, from) });
  const now = board.traffic;
  return panel(
    head,
    h(
      "div",
      { class: "charts" },
      timeChart({
        ...base,
        id: "throughput",
        title: "Decisions a second",
        summary: `Decisions a second over ${duration(to - from)}; ${rate(now.decisions_per_s)} now.`,
        unit: brief,
        series: [series("decisions", "now", "decisions_per_s", rate)],
      }),
      timeChart({
        ...base,
        id: "latency",
        title: "From arrival to decision",
        summary: `Latency over ${duration(to - from)}; now half within ${millis(now.p50_ms)}, 99 in 100 within ${millis(now.p99_ms)}, 999 in 1000 within ${millis(now.p999_ms)}.`,
        unit: millis,
        scale: "log",
        series: [
          series("p50", "first", "p50_ms", millis),
          series("p99", "second", "p99_ms", millis),
          series("p99.9", "third", "p999_ms", millis),
        ],
      }),
      timeChart({
        ...base,
        id: "lag",
        title: "Records that wait",
        summary: `Records waiting on the brokers over ${duration(to - from)}; ${count(now.lag_records)} now.`,
        unit: brief,
        series: [series("lag", "now", "lag_records", count)],
      }),
      timeChart({
        ...base,
        id: "alert-rate",
        title: "Alerts a minute",
        summary: `Alerts a minute over ${duration(to - from)}; ${rate(now.alerts_per_s)} in the last second.`,
        unit: brief,
        series: [{ name: "alerts", look: "alarm", say: number, points: aMinute(lineOf(points, "alerts_per_s", from), to - from) }],
      }),
    ),
    now.watermark_delay_ms !== null &&
      h("p", { class: "says" }, `The watermark is ${duration(now.watermark_delay_ms)} behind the clock: what is older counts as late.`),
  );
}

/** Alerts are few: means over a sixtieth of what is shown, so that a line can be seen in them. */
function aMinute(line, span) {
  return averaged(line, span / 60).map(([time, value]) => [time, value === null ? null : value * 60]);
}

function ranges({ ui, act }) {
  return h(
    "div",
    { class: "choices", role: "group", "aria-label": "Time shown" },
    RANGES.map(([range, name]) =>
      h("button", { type: "button", "aria-pressed": String(ui.range === range), onclick: () => act({ range }) }, name),
    ),
  );
}
