// Who is asked, whether it answers, and the few numbers that everybody looks at first.

import { h } from "../dom.js";
import { about, brief, clock, count, duration, millis, moment, rate } from "../words.js";
import { badge } from "./panel.js";

const LINKS = {
  connecting: ["calm", "connecting"],
  live: ["good", "live"],
  report: ["calm", "report"],
  stale: ["warn", "stale"],
  polling: ["warn", "asking every few seconds"],
  reconnecting: ["bad", "reconnecting"],
  refused: ["bad", "refused"],
};

/** Return how the connection stands, with the reason where it does not. */
export function linkState({ link, board, now }) {
  const [kind, name] = LINKS[link.state];
  const age = board === null || link.heardAt === null ? null : now - link.heardAt;
  const old = !["live", "connecting", "report"].includes(link.state) && board !== null;
  return h(
    "p",
    { class: "link", id: "link", "data-state": link.state },
    badge(kind, name),
    old && h("span", {}, ` stale since ${clock(board.now_ms)}${age === null ? "" : `, for ${about(age)}`}`),
    link.why && h("span", { class: "why" }, ` ${link.why}`),
  );
}

/** Return the facts of who is asked. */
export function facts({ board }) {
  const { release, group, bootstrap, started_ms, model, policy_version } = board.about;
  const fact = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  return h(
    "dl",
    { class: "facts" },
    fact("group", group),
    fact("brokers", bootstrap),
    fact("model", model),
    fact("policy", policy_version),
    fact("release", release),
    fact("started", `${moment(started_ms, board.now_ms)}, up ${duration(board.now_ms - started_ms)}`),
  );
}

/** Return the numbers that everybody looks at first. */
export function tiles({ board }) {
  const { traffic, drift, about: who } = board;
  const drifted = drift.features.filter((feature) => feature.drifted).length;
  const tile = (name, value, more) =>
    h("div", { class: "tile" }, h("dt", {}, name), h("dd", {}, h("b", {}, value), more && h("span", {}, more)));
  return h(
    "dl",
    { class: "tiles" },
    tile("decisions", rate(traffic.decisions_per_s), `${brief(traffic.totals.decisions)} so far`),
    tile("latency, p99", millis(traffic.p99_ms), `half within ${millis(traffic.p50_ms)}`),
    tile("waiting on the brokers", count(traffic.lag_records), "records"),
    tile("alerts", rate(traffic.alerts_per_s), `${brief(traffic.totals.alerts)} so far`),
    tile("labels", rate(traffic.labels_per_s), `${brief(traffic.totals.labels)} so far`),
    tile("drifted features", count(drifted), `of ${count(drift.features.length)}`),
    tile("model", who.ready ? "ready" : "cold", who.ready ? "scores payments" : "gives no scores yet"),
  );
}
