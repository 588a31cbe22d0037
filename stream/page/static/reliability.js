// What was said against what was: points on the diagonal are probabilities that mean what they say.

import { h } from "./dom.js";
import { wilson } from "./intervals.js";
import { linear } from "./scales.js";
import { count, percent } from "./words.js";

const MARGIN = { top: 8, right: 10, bottom: 34, left: 42 };
// Most payments have scores near 0: on a scale of square roots those can be told apart.
const TICKS = [0, 0.01, 0.05, 0.2, 0.5, 1];

/** Return the diagram; id: by which its width is known. */
export function reliabilityDiagram({ id, bins, width: given }) {
  const width = Math.min(300, Math.max(180, given ?? 280));
  const height = width;
  const x = rooted(MARGIN.left, width - MARGIN.right);
  const y = rooted(height - MARGIN.bottom, MARGIN.top);
  const most = Math.max(...bins.map((bin) => bin.count), 1);
  return h(
    "div",
    { class: "plot", "data-measure": id },
    h(
      "svg",
      { role: "img", "aria-label": inWords(bins), viewBox: `0 0 ${width} ${height}`, width, height },
      TICKS.map((value) => [
        h("line", { class: "grid", x1: x(0), x2: x(1), y1: y(value), y2: y(value) }),
        h("text", { x: x(0) - 5, y: y(value) + 3.5, "text-anchor": "end" }, `${Math.round(value * 100)} %`),
        h("text", { x: x(value), y: y(0) + 13, "text-anchor": "middle" }, `${Math.round(value * 100)}`),
      ]),
      h("text", { x: x(0.5), y: height - 6, "text-anchor": "middle" }, "said, %"),
      h("line", { class: "diagonal", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }),
      bins.map((bin) => dot(bin, x, y, most)),
    ),
  );
}

function rooted(start, end) {
  const place = linear(0, 1, start, end);
  return (share) => place(Math.sqrt(share));
}

function dot(bin, x, y, most) {
  const [low, high] = wilson(bin.was, bin.count);
  return h(
    "g",
    { class: "reliability" },
    h("title", {}, sentence(bin)),
    h("line", { x1: x(bin.said), x2: x(bin.said), y1: y(low), y2: y(high) }),
    h("circle", { cx: x(bin.said), cy: y(bin.was), r: 2.5 + 4 * Math.sqrt(bin.count / most) }),
  );
}

function sentence({ said, was, count: n }) {
  return `said ${percent(said)}, was ${percent(was)} of ${count(n)} payments`;
}

function inWords(bins) {
  return `What was said and what was, by score. ${bins.map(sentence).join("; ")}.`;
}
