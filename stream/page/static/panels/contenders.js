// Champion and challengers by the labels so far, and payments that they do not decide alike.

import { h } from "../dom.js";
import { linear } from "../scales.js";
import { table } from "../table.js";
import { brief, fixed, moment, number, percent } from "../words.js";
import { badge, nothing, panel } from "./panel.js";

// [title, key of the board, show, "most" or "least" is best, words]
const MEASURES = [
  ["precision", "precision", percent, "most", "Share of those it would alert that were fraud"],
  ["recall", "recall", percent, "most", "Share of frauds that it would alert"],
  ["log loss", "log_loss", (value) => fixed(value, 4), "least", "Surprise at what was true; less is better"],
  ["Brier", "brier", (value) => fixed(value, 4), "least", "Squared distance from what was true; less is better"],
  ["off by", "calibration_error", (value) => fixed(value, 4), "least", "Mean distance of what it said from what was; less is better"],
  ["time", "predict_us", (value) => (value === null ? "–" : `${number(value)} µs`), "least", "Processor time that the score of a payment takes"],
];

export function contenders(view) {
  const { board, ui, act } = view;
  const rows = board.contenders.map((row, at) => ({ ...row, place: at }));
  const head = { name: "contenders", title: "Champion and challengers", wide: 7 };
  if (rows.length === 0) return panel(head, nothing("No label has come back yet, so nobody can be judged."));
  return panel(
    { ...head, says: "By the labels so far, each with what the model had said beforehand. Only the champion decides; the best value of a column is marked." },
    table({ id: "contender-table", caption: "Champion and challengers", columns: columns(rows), rows, key: ({ name, place }) => `${place} ${name}`, order: ["model", "up"], ui, act }),
    rows.length === 1 && nothing("No challenger is configured: model.challengers names some."),
  );
}

function columns(rows) {
  const role = ({ name, place, ready }) => [
    name,
    " ",
    place === 0 && badge("calm", "champion"),
    !ready && badge("warn", "cold"),
  ];
  return [
    { name: "model", value: ({ place }) => place, show: role },
    { name: "judged", value: ({ judged }) => judged, show: ({ judged }) => brief(judged), number: true, optional: true, down: true, title: "Labels that it was judged by" },
    ...MEASURES.map(([name, key, show, best, title]) => ({
      name,
      title,
      value: (row) => row[key],
      number: true,
      down: best === "most",
      optional: !["precision", "recall", "log_loss"].includes(key),
      show: (row) => (rows.length > 1 && isBest(rows, row[key], key, best) ? h("b", { class: "best", title: "the best" }, `${show(row[key])} ✓`) : show(row[key])),
    })),
  ];
}

function isBest(rows, value, key, best) {
  const known = rows.map((row) => row[key]).filter((each) => each !== null);
  return value !== null && value === (best === "most" ? Math.max(...known) : Math.min(...known));
}

export function disagreements(view) {
  const { disagreements: found, contenders: rows, now_ms: now } = view.board;
  const head = { name: "disagreements", title: "Where they disagree", wide: 5 };
  if (found.length === 0)
    return panel(head, nothing(rows.length > 1 ? "No payment was decided differently lately." : "There is nobody to disagree: no challenger is configured."));
  return panel(
    { ...head, says: "Payments that a challenger would have decided differently, the latest first." },
    h("div", { class: "legend" }, entry("champion"), entry("challenger")),
    h(
      "div",
      { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Disagreements" },
      h(
        "table",
        {},
        h("caption", { class: "unseen" }, "Payments on which champion and challenger disagree"),
        h("thead", {}, h("tr", {}, ["time", "by", "champion", "challenger", ""].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, found.map((one) => row(one, now))),
      ),
    ),
  );
}

function entry(who) {
  return h("span", { class: "legend-entry" }, h("span", { class: `block dot-${who}`, "aria-hidden": "true" }), ` ${who}`);
}

function row({ time_ms, challenger, champion_score: one, challenger_score: other }, now) {
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, moment(time_ms, now)),
    h("td", {}, challenger),
    h("td", { class: "number" }, fixed(one, 3)),
    h("td", { class: "number" }, fixed(other, 3)),
    h("td", {}, dumbbell(one, other)),
  );
}

/** Two values between 0 and 1, and how far they are apart. */
export function dumbbell(one, other) {
  const x = linear(0, 1, 5, 79);
  return h(
    "svg",
    { class: "dumbbell", width: 84, height: 14, "aria-hidden": "true" },
    h("line", { class: "grid", x1: 5, x2: 79, y1: 7, y2: 7 }),
    h("line", { class: "between", x1: x(one), x2: x(other), y1: 7, y2: 7 }),
    h("circle", { class: "dot-champion", cx: x(one), cy: 7, r: 4 }),
    h("circle", { class: "dot-challenger", cx: x(other), cy: 7, r: 4 }),
  );
}
