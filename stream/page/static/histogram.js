// Two distributions over the same bins, each bin's two bars beside each other.

import { h } from "./dom.js";
import { linear, roundTicks } from "./scales.js";
import { number, percent } from "./words.js";

const MARGIN = { top: 8, right: 8, bottom: 34, left: 40 };

/** Return the ends of a bin in words; the first and the last have one each. */
export function binName(edges, at) {
  if (edges.length === 0) return "all";
  if (at === 0) return `up to ${number(edges[0])}`;
  if (at === edges.length) return `over ${number(edges[at - 1])}`;
  return `${number(edges[at - 1])} to ${number(edges[at])}`;
}

/**
 * Return a picture of a distribution of the board: how it is now, and how the reference was.
 * id: by which its width is known. mark: { value, text }, where something begins, such as alerts.
 */
export function histogram({ id, of, width: given, height = 170, mark = null }) {
  const width = Math.max(180, given ?? 320);
  const bins = of.reference.length;
  const greatest = Math.max(...of.reference, ...of.current, 0.01);
  const ticks = roundTicks(greatest);
  const y = linear(0, ticks[ticks.length - 1], height - MARGIN.bottom, MARGIN.top);
  const x = linear(0, bins, MARGIN.left, width - MARGIN.right);
  const bar = (x(1) - x(0)) * 0.38;
  return h(
    "div",
    { class: "plot", "data-measure": id },
    h(
      "svg",
      { role: "img", "aria-label": inWords(of), viewBox: `0 0 ${width} ${height}`, width, height },
      ticks.map((value) => [
        h("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }),
        h("text", { x: MARGIN.left - 5, y: y(value) + 3.5, "text-anchor": "end" }, `${number(value * 100)} %`),
      ]),
      of.reference.map((share, at) =>
        h(
          "g",
          {},
          h("title", {}, `${binName(of.edges, at)}: now ${percent(of.current[at])}, reference ${percent(share)}`),
          h("rect", { class: "bar-reference", x: x(at + 0.5) - bar, y: y(share), width: bar - 0.5, height: y(0) - y(share) }),
          h("rect", { class: "bar-now", x: x(at + 0.5) + 0.5, y: y(of.current[at]), width: bar - 0.5, height: y(0) - y(of.current[at]) }),
        ),
      ),
      edgeNames(of.edges, x, height),
      begins(mark, of.edges, x, height),
    ),
  );
}

/** Names of edges, as many as have room, in two rows where they are many. */
function edgeNames(edges, x, height) {
  const free = [-Infinity, -Infinity];
  return edges.map((edge, at) => {
    const name = number(edge);
    const place = x(at + 1);
    const half = (name.length * 6) / 2;
    const row = free.findIndex((each) => place - half > each);
    if (row < 0) return null;
    free[row] = place + half + 4;
    return h("text", { x: place, y: height - MARGIN.bottom + 13 + 12 * row, "text-anchor": "middle" }, name);
  });
}

function begins(mark, edges, x, height) {
  if (mark === null || edges.length === 0) return null;
  const place = x(placeOf(mark.value, edges));
  const turned = place > x(edges.length) * 0.7;
  return h(
    "g",
    { class: "limit" },
    h("line", { x1: place, x2: place, y1: MARGIN.top, y2: height - MARGIN.bottom }),
    h("text", { x: turned ? place - 4 : place + 4, y: MARGIN.top + 8, "text-anchor": turned ? "end" : "start" }, mark.text),
  );
}

/** Return where a value lies, in bins; within the first and the last nobody knows, so in the middle. */
function placeOf(value, edges) {
  const bin = edges.findIndex((edge) => value <= edge);
  if (bin === 0) return value === edges[0] ? 1 : 0.5;
  if (bin < 0) return edges.length + 0.5;
  return bin + (value - edges[bin - 1]) / (edges[bin] - edges[bin - 1] || 1);
}

/** All of it for those who cannot see it. */
function inWords(of) {
  const bins = of.reference.map((share, at) => `${binName(of.edges, at)}: ${percent(of.current[at])} now, ${percent(share)} then`);
  return `${of.name} now and in the reference. ${bins.join("; ")}.`;
}

/** Which bar is which. */
export function histogramLegend() {
  const entry = (look, name) =>
    h("span", { class: "legend-entry" }, h("span", { class: `block ${look}`, "aria-hidden": "true" }), ` ${name}`);
  return h("div", { class: "legend" }, entry("block-reference", "reference"), entry("block-now", "now"));
}
