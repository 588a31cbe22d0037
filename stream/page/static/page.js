// The page as a function of a board, the history and what its reader chose.

import { h, patch } from "./dom.js";
import { notices } from "./notices.js";
import { alerts } from "./panels/alerts.js";
import { budget } from "./panels/budget.js";
import { calibration } from "./panels/calibration.js";
import { contenders, disagreements } from "./panels/contenders.js";
import { deadLetters } from "./panels/dead_letters.js";
import { drift } from "./panels/drift.js";
import { events } from "./panels/events.js";
import { facts, linkState, tiles } from "./panels/header.js";
import { badge } from "./panels/panel.js";
import { quality } from "./panels/quality.js";
import { rules } from "./panels/rules.js";
import { scores } from "./panels/scores.js";
import { segments } from "./panels/segments.js";
import { traffic } from "./panels/traffic.js";

const PANELS = [traffic, events, quality, calibration, scores, drift, alerts, budget, rules, contenders, disagreements, segments, deadLetters];
// What only a running worker knows.
const OF_A_WORKER = new Set([alerts, rules, disagreements, deadLetters]);
const HOUR_MS = 3_600_000;

/** Return what a reader chose before anything was chosen. */
export function firstChoices() {
  return { range: HOUR_MS, open: null, allFeatures: false, orders: {}, cursors: {}, widths: {}, by: "" };
}

/** Return the page. view: { board or null, points, link, now, ui, act }. */
export function page(view) {
  const { board } = view;
  const top = h("header", { class: "top", key: "top" }, h("div", { class: "title" }, h("h1", {}, "fraudstream"), linkState(view)), board && facts(view));
  if (board === null) {
    return [top, h("main", { id: "main", tabindex: "-1", key: "main" }, h("p", { class: "nothing first" }, "No numbers yet: the worker sends the first a second after it has begun."))];
  }
  return [
    top,
    h(
      "main",
      { id: "main", tabindex: "-1", key: "main" },
      h("section", { class: "overview", "aria-label": "Overview" }, standingOut(board), tiles(view)),
      h("div", { class: "panels" }, PANELS.filter((each) => !(board.about.left && OF_A_WORKER.has(each))).map((each) => each(view))),
    ),
  ];
}

function standingOut(board) {
  const words = { bad: "look", warn: "note", good: "calm" };
  return h("ul", { class: "notices", "aria-label": "What stands out" }, notices(board).map(({ kind, text }) => h("li", {}, badge(kind, words[kind]), " ", text)));
}

/** Show a page in a place of the document, keeping the focus, and let `measured` know its widths. */
export function show(root, view, observer) {
  const focused = document.activeElement;
  patch(root, page(view));
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
  for (const each of root.querySelectorAll("[data-measure]")) observer.observe(each);
}

/** Return an observer that tells how wide each measured place is: { id: pixels }. */
export function widthObserver(tell) {
  return new ResizeObserver((entries) => {
    const widths = {};
    for (const { target, contentRect } of entries)
      if (contentRect.width > 0) widths[target.dataset.measure] = Math.floor(contentRect.width);
    tell(widths);
  });
}
