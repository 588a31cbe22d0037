// What somebody should look at, in sentences; the panels below say more.

import { wilson } from "./intervals.js";
import { brief, count, distance, duration, fixed, percent, several } from "./words.js";

const NAMED_MAX = 3;
// Records that wait for longer than this are said to wait.
const LAG_SAID_MS = 5000;
const DEAD_SHARE = 0.01;

/** Return sentences of a board, each with its kind: bad, warn, or good where there is nothing. */
export function notices(board) {
  const found = [left, tripped, cold, behind, drifted, scoresMoved, overBudget, missed, dead].flatMap((look) => look(board) ?? []);
  return found.length ? found : [{ kind: "good", text: "Nothing stands out: traffic flows, and what differs from the reference is within noise." }];
}

function left({ about }) {
  if (!about.left) return null;
  return { kind: "warn", text: `No worker was asked: this is of ${about.left}, and of what was kept beside it. Rules, lists, alerts and what waits are known to a running worker alone.` };
}

function tripped({ rules }) {
  const names = rules.shown.filter(({ mode }) => mode === "tripped").map(({ id }) => id);
  if (names.length === 0) return null;
  const others = names.length > NAMED_MAX ? ` and ${count(names.length - NAMED_MAX)} more` : "";
  return { kind: "bad", text: `${several(names.length, "rule")} matched too much and decides nothing until rules are applied again: ${names.slice(0, NAMED_MAX).join(", ")}${others}.` };
}

function cold({ about }) {
  return about.ready ? null : { kind: "warn", text: "The model is not ready: payments get no score until it has seen enough labels." };
}

function behind({ traffic }) {
  const { lag_records: lag, records_per_s: speed } = traffic;
  if (!lag) return null;
  const wait = speed > 0 ? (lag / speed) * 1000 : Infinity;
  if (wait < LAG_SAID_MS) return null;
  const taken = speed > 0 ? `about ${duration(wait)} of work at this speed` : "and none was taken in the last second";
  return { kind: "bad", text: `${several(lag, "record")} wait on the brokers: ${taken}.` };
}

function drifted({ drift }) {
  const names = drift.features.filter((feature) => feature.drifted).map(({ name }) => name);
  if (names.length === 0) return null;
  const others = names.length > NAMED_MAX ? ` and ${count(names.length - NAMED_MAX)} more` : "";
  return { kind: "bad", text: `${several(names.length, "feature")} drifted: ${names.slice(0, NAMED_MAX).join(", ")}${others}.` };
}

function scoresMoved({ drift }) {
  const { score } = drift;
  if (score === null || score.psi === null || score.psi_null === null || score.psi <= score.psi_null) return null;
  const what = score.drifted ? "Scores drifted" : "Scores moved further than noise alone";
  return { kind: score.drifted ? "bad" : "warn", text: `${what}: PSI ${distance(score.psi)}, where noise reaches ${distance(score.psi_null)}.` };
}

function overBudget({ quality }) {
  const { budget_per_day: budget, windows } = quality;
  const full = windows.slice(0, -1).slice(-3);
  if (budget === null || full.length === 0) return null;
  const days = full.reduce((sum, { from_ms, to_ms }) => sum + (to_ms - from_ms) / 86_400_000, 0);
  const perDay = full.reduce((sum, { alerts }) => sum + alerts, 0) / days;
  if (perDay < 1.5 * budget) return null;
  return { kind: "warn", text: `Alerts come at ${brief(perDay)} a day, ${fixed(perDay / budget, 1)} times the budget of ${brief(budget)}.` };
}

/** Recall that fell, where the frauds are enough to say so. */
function missed({ quality }) {
  const known = quality.windows.filter(({ recall, frauds }) => recall !== null && frauds > 0);
  const last = known.pop();
  if (!last || known.length < 3) return null;
  const frauds = known.reduce((sum, window) => sum + window.frauds, 0);
  const before = known.reduce((sum, window) => sum + window.recall * window.frauds, 0) / frauds;
  if (wilson(last.recall, last.frauds)[1] >= before) return null;
  return { kind: "bad", text: `Recall of the last mature window is ${percent(last.recall)} of ${several(last.frauds, "fraud")}, after ${percent(before)} before.` };
}

function dead({ traffic }) {
  const letters = Object.values(traffic.dead_letters).reduce((sum, n) => sum + n, 0);
  const { records = 0 } = traffic.totals;
  if (records === 0 || letters / records < DEAD_SHARE) return null;
  return { kind: "warn", text: `${percent(letters / records)} of all records became dead letters.` };
}
