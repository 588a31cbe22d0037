// Alerts a day at the rate of each window, against what analysts have time for.

import { timeChart } from "../time_chart.js";
import { brief, duration, fixed, several } from "../words.js";
import { eventNow, markersByEvent, nothing, panel } from "./panel.js";

const DAY_MS = 86_400_000;
// Of a window that has only begun there is nothing to say.
const BEGUN = 0.25;

export function budget(view) {
  const { board, ui, act } = view;
  const { budget_per_day: allowed, review_threshold: threshold, windows } = board.quality;
  const head = { name: "budget", title: "Alerts against the budget", wide: 4 };
  const points = ratesOf(windows, eventNow(board));
  if (points.length === 0) return panel(head, nothing("No window of event time is far enough yet."));
  const last = points[points.length - 1][1];
  const words =
    allowed === null
      ? `No budget is set: whatever scores at least ${fixed(threshold, 3)} is an alert.`
      : `The threshold moves so that the mean is ${several(allowed, "alert")} a day; it is ${fixed(threshold, 3)} now.`;
  return panel(
    { ...head, says: words },
    timeChart({
      id: "budget-chart",
      group: "event",
      title: "Alerts a day, by window",
      summary: `Alerts a day at the rate of each window; ${brief(last)} in the last one. ${words}`,
      from: windows[0].from_ms,
      to: windows[windows.length - 1].to_ms,
      height: 190,
      unit: brief,
      markers: markersByEvent(board),
      limit: allowed === null ? null : { value: allowed, text: `budget ${brief(allowed)}` },
      series: [{ name: "alerts a day", look: "alarm", points, say: (value) => brief(value) }],
      ui,
      act,
    }),
    shareOf(windows),
  );
}

/** Return [time, alerts a day] of each window that is far enough. */
export function ratesOf(windows, now) {
  const rates = [];
  for (const { from_ms, to_ms, alerts } of windows) {
    const length = Math.min(to_ms, now) - from_ms;
    if (length >= BEGUN * (to_ms - from_ms)) rates.push([(from_ms + to_ms) / 2, (alerts / length) * DAY_MS]);
  }
  return rates;
}

function shareOf(windows) {
  const decisions = windows.reduce((sum, window) => sum + window.decisions, 0);
  const alerts = windows.reduce((sum, window) => sum + window.alerts, 0);
  if (alerts === 0) return nothing(`No alert among ${several(decisions, "payment")}.`);
  const span = duration(windows[windows.length - 1].to_ms - windows[0].from_ms);
  return nothing(`${several(alerts, "alert")} in ${span}: one in ${brief(decisions / alerts)} payments.`);
}
