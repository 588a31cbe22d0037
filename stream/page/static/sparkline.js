// A few values as a small line, with the value that noise alone reaches as a faint one.

import { h } from "./dom.js";

const WIDTH = 84;
const HEIGHT = 20;

/** Return the line; values may be null, where it is broken. label: all of it in words. */
export function sparkline(values, limit, label) {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return h("span", { class: "faint" }, "–");
  const most = Math.max(...known, limit ?? 0) || 1;
  const x = (at) => (values.length < 2 ? WIDTH - 3 : 2 + (at / (values.length - 1)) * (WIDTH - 5));
  const y = (value) => HEIGHT - 2 - (value / most) * (HEIGHT - 4);
  let pen = "M";
  let d = "";
  values.forEach((value, at) => {
    d += value === null ? "" : `${pen}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = value === null ? "M" : "L";
  });
  const last = values[values.length - 1];
  return h(
    "svg",
    { class: "sparkline", role: "img", "aria-label": label, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT },
    limit !== null && h("line", { class: "noise", x1: 0, x2: WIDTH, y1: y(limit), y2: y(limit) }),
    h("path", { d }),
    last !== null && h("circle", { cx: x(values.length - 1), cy: y(last), r: 2 }),
  );
}
