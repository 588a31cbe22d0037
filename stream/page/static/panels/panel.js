// What all panels have: a heading, a sentence, and words where there is nothing to show yet.

import { h } from "../dom.js";

/** Return a panel. name: its id; wide: how many of the page's twelve columns it takes. */
export function panel({ name, title, wide, says = null, aside = null }, ...content) {
  return h(
    "section",
    { class: `panel wide-${wide}`, "aria-labelledby": `${name}-title`, id: name, key: name },
    h("div", { class: "panel-head" }, h("h2", { id: `${name}-title` }, title), aside),
    says && h("p", { class: "says" }, says),
    ...content,
  );
}

/** Why there is nothing to see yet. */
export function nothing(...words) {
  return h("p", { class: "nothing" }, ...words);
}

/** A word that stands out, never by its colour alone. kind: good, warn, bad, or calm. */
export function badge(kind, text) {
  return h("span", { class: `badge badge-${kind}` }, text);
}

/** What is markers on charts by the wall's clock. */
export function markersByClock({ markers }) {
  return markers.map(({ time_ms, kind, text }) => ({ time: time_ms, kind, text }));
}

/** What is markers on charts by event time. */
export function markersByEvent({ markers }) {
  return markers
    .filter(({ event_ms }) => event_ms !== null)
    .map(({ event_ms, kind, text }) => ({ time: event_ms, kind, text }));
}

/** The event time that the stream has come to. */
export function eventNow(board) {
  const { horizon_ms, maturity_ms } = board.quality;
  return horizon_ms === null ? board.now_ms : horizon_ms + maturity_ms;
}
