// How good decisions were: known for mature payments, estimated for those whose labels may yet come.

import { h } from "../dom.js";
import { wilson } from "../intervals.js";
import { timeChart } from "../time_chart.js";
import { about, duration, moment, percent, several } from "../words.js";
import { eventNow, markersByEvent, nothing, panel } from "./panel.js";

// [name, what is known, its estimate, of how many payments, as they are called]
const MEASURES = [
  ["Precision", "precision", "estimated_precision", "mature_alerts", "alert"],
  ["Recall", "recall", "estimated_recall", "frauds", "fraud"],
  ["Value recall", "value_recall", "estimated_value_recall", null, null],
];

export function quality(view) {
  const { windows } = view.board.quality;
  const head = { name: "quality", title: "Quality by window of event time", wide: 8, says: maturity(view.board) };
  if (windows.length === 0) return panel(head, nothing("No payment was decided yet."));
  return panel(
    head,
    h("p", { class: "legend" }, key("known", "known: mature payments alone"), key("estimate", "estimated: as if scores were right")),
    h("div", { class: "charts" }, MEASURES.map((measure) => chart(view, ...measure)), calibration(view)),
  );
}

function key(look, text) {
  const swatch = h("svg", { class: "swatch", width: 26, height: 8, "aria-hidden": "true" }, h("g", { class: `line ${look}` }, h("path", { d: "M0 4L26 4" })));
  return h("span", { class: "legend-entry" }, swatch, ` ${text}`);
}

/** What is mature, or when the first will be. */
export function maturity(board) {
  const { maturity_ms, horizon_ms, windows } = board.quality;
  const rule = `A payment is mature ${duration(maturity_ms)} after it was made: what nobody has reported by then counts as genuine.`;
  const mature = windows.reduce((sum, window) => sum + window.mature, 0);
  if (mature > 0) return `${rule} Known up to ${moment(horizon_ms, board.now_ms)}, for ${several(mature, "payment")}.`;
  if (windows.length === 0) return rule;
  const wait = windows[0].from_ms + maturity_ms - eventNow(board);
  return `${rule} No label is mature yet: the first will be in about ${about(wait)}.`;
}

function frame({ board, ui, act }) {
  const { windows, horizon_ms } = board.quality;
  return {
    group: "event",
    from: windows[0].from_ms,
    to: windows[windows.length - 1].to_ms,
    horizon: horizon_ms ?? windows[0].from_ms,
    markers: markersByEvent(board),
    height: 140,
    unit: (value) => `${Math.round(value * 100)} %`,
    ui,
    act,
  };
}

const middle = (window) => (window.from_ms + window.to_ms) / 2;

function chart(view, title, known, estimate, size, unit) {
  const { windows } = view.board.quality;
  const at = new Map(windows.map((window) => [middle(window), window]));
  const points = (value) => windows.map((window) => [middle(window), window[value]]);
  const last = windows.findLast((window) => window[known] !== null);
  const guess = windows.findLast((window) => window[estimate] !== null);
  const said = last ? sure(last[known], size && last[size], unit) : "not known yet";
  return timeChart({
    ...frame(view),
    id: `quality-${known}`,
    title,
    most: 1,
    summary: `${title} by window. Known, of the last mature window: ${said}. Estimated for the latest: ${guess ? percent(guess[estimate]) : "nothing"}.`,
    series: [
      { name: "known", look: "known", points: points(known), say: (value, time) => sure(value, size && at.get(time)[size], unit) },
      { name: "estimated", look: "estimate", points: points(estimate), say: percent },
    ],
  });
}

/** A share with how sure it is. */
function sure(value, n, unit) {
  if (!n) return percent(value);
  const [low, high] = wilson(value, n);
  return `${percent(value)} (${Math.round(low * 100)} to ${Math.round(high * 100)} % by ${several(n, unit)})`;
}

function calibration(view) {
  const { windows } = view.board.quality;
  const points = (at) => windows.map((window) => [middle(window), window.calibration?.[at] ?? null]);
  const last = windows.findLast((window) => window.calibration !== null)?.calibration;
  return timeChart({
    ...frame(view),
    id: "quality-calibration",
    title: "Share of fraud, said and was",
    unit: percent,
    summary: last
      ? `Mean score and share of fraud of mature payments by window; of the last ${percent(last[0])} was said, and ${percent(last[1])} was.`
      : "Mean score and share of fraud by window; no payment is mature yet.",
    series: [
      { name: "said", look: "second", points: points(0), say: percent },
      { name: "was", look: "known", points: points(1), say: percent },
    ],
  });
}
