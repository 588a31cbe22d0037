// Every feature beside its reference, the most drifted first, and both distributions on demand.

import { h } from "../dom.js";
import { histogram, histogramLegend } from "../histogram.js";
import { sparkline } from "../sparkline.js";
import { table } from "../table.js";
import { distance, duration, fixed, moment, percent, several } from "../words.js";
import { badge, nothing, panel } from "./panel.js";
import { sentence, verdict } from "./scores.js";

const SHOWN = 10;

export function drift(view) {
  const { board, ui, act } = view;
  const { features, current_rows: rows, window_ms: window } = board.drift;
  const drifted = features.filter((feature) => feature.drifted).length;
  const head = { name: "drift", title: "Feature drift", wide: 7 };
  if (features.length === 0) return panel(head, nothing("There is no reference yet: it is made of the first payments."));
  const shown = ui.allFeatures ? features : mostDrifted(features, ui.open);
  return panel(
    {
      ...head,
      says: `${drifted === 0 ? "No feature" : several(drifted, "feature")} of ${features.length} drifted, by ${several(rows, "payment")} of the last ${duration(window)}. Choose one to see both distributions.`,
    },
    table({
      id: "drift-table",
      caption: "Features by drift",
      columns: columns(view),
      rows: shown,
      key: ({ name }) => name,
      order: ["× noise", "down"],
      look: (feature) => (feature.drifted ? "drifted" : ""),
      below: (feature) => (feature.name === ui.open ? opened(feature, view) : null),
      ui,
      act,
    }),
    features.length > SHOWN &&
      h("button", { type: "button", class: "more", "aria-expanded": String(ui.allFeatures), onclick: () => act({ allFeatures: !ui.allFeatures }) },
        ui.allFeatures ? `show the ${SHOWN} most drifted` : `show all ${features.length}`),
  );
}

/**
 * By how many times a feature is beyond noise; what has drifted for sure comes first. In tenths, so
 * that those within noise do not change places every second.
 */
function beyond({ psi, psi_null: noise, drifted }) {
  if (psi === null) return null;
  return (drifted ? 1e6 : 0) + Math.round(10 * (noise ? psi / noise : psi)) / 10;
}

function mostDrifted(features, open) {
  const order = [...features].sort((one, other) => (beyond(other) ?? -1) - (beyond(one) ?? -1));
  return order.filter(({ name }, at) => at < SHOWN || name === open);
}

function columns({ board, ui, act }) {
  return [
    { name: "feature", value: ({ name }) => name, show: (feature) => opener(feature, ui, act) },
    { name: "trend", optional: true, show: ({ name, history, psi_null: noise }) => sparkline(history, noise, `${name}: PSI of the last windows, ${history.map((each) => distance(each)).join(", ")}`) },
    { name: "PSI", value: ({ psi }) => psi, show: ({ psi }) => distance(psi), number: true, down: true, title: "Population stability index against the reference" },
    { name: "noise", value: ({ psi_null: noise }) => noise, show: ({ psi_null: noise }) => distance(noise), number: true, optional: true, down: true, title: "What the PSI stays below 95 times in 100 where nothing has changed" },
    { name: "× noise", value: beyond, show: (feature) => standing(feature, board.now_ms), down: true, title: "PSI in multiples of noise; drifted first" },
    { name: "missing", value: ({ missing }) => missing, show: missing, number: true, optional: true, down: true, title: "Share of payments without a value, and that of the reference" },
    { name: "unseen", value: ({ unseen }) => unseen, show: ({ unseen }) => percent(unseen), number: true, optional: true, down: true, title: "Share of values outside of all that the reference saw" },
  ];
}

function standing(feature, now) {
  if (feature.drifted) return badge("bad", ["drifted", feature.since_ms !== null && h("span", { class: "optional" }, ` ${moment(feature.since_ms, now)}`)]);
  if (feature.psi === null) return badge("calm", "not known");
  const times = feature.psi_null ? `${fixed(feature.psi / feature.psi_null, 1)} ×` : "";
  return feature.psi_null !== null && feature.psi > feature.psi_null ? badge("warn", times) : h("span", { class: "faint" }, times);
}

function missing({ missing: now, missing_reference: before }) {
  return [percent(now), h("span", { class: "faint" }, ` / ${percent(before)}`)];
}

function opener({ name }, ui, act) {
  const open = ui.open === name;
  return h(
    "button",
    {
      type: "button",
      class: "opener",
      "data-feature": name,
      "aria-expanded": String(open),
      onclick: () => act({ open: open ? null : name }),
      onkeydown: (event) => event.key === "Escape" && open && act({ open: null }),
    },
    h("span", { "aria-hidden": "true" }, open ? "▾ " : "▸ "),
    name,
  );
}

function opened(feature, { board, ui, act }) {
  const close = (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    // Back to where it was opened: what has the focus is about to go.
    [...document.querySelectorAll("[data-feature]")].find((each) => each.dataset.feature === feature.name)?.focus();
    act({ open: null });
  };
  const tests = [`KS ${distance(feature.ks)}`, `JS ${distance(feature.js)}`, `p ${fixed(feature.p_value, 3)}`].join(", ");
  return h(
    "div",
    { class: "drill-down", role: "region", "aria-label": `Distributions of ${feature.name}`, tabindex: "0", onkeydown: close },
    h("p", { class: "verdict" }, verdict(feature), " ", sentence(feature, board.drift.current_rows), ` ${tests}.`),
    feature.reference.length === 0
      ? nothing("No value was seen yet.")
      : [histogramLegend(), histogram({ id: "feature-histogram", of: feature, width: ui.widths["feature-histogram"] })],
    h("p", { class: "says" },
      `Missing: ${percent(feature.missing)} now, ${percent(feature.missing_reference)} in the reference. Outside of all that the reference saw: ${percent(feature.unseen)}.`),
  );
}
