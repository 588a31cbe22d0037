// Lines over time, with what happened meanwhile, and a cross-hair for mouse, finger and keyboard.

import { h } from "./dom.js";
import { linear, logTicks, logarithmic, roundTicks, thinned, timeTicks } from "./scales.js";
import { UNKNOWN, moment, tick } from "./words.js";

const MARGIN = { top: 16, right: 10, bottom: 20, left: 46 };
const FIRST_WIDTH = 320;
// A marker's name is left out where the one before it takes the room.
const LETTER = 6.2;

/**
 * Return a chart.
 *
 * id, title, summary: its name in the page, above it, and all of it in words.
 * group: charts of a group share the cross-hair, and have the same time below them.
 * from, to: milliseconds. series: [{ name, look, points: [[time, value or null]], say(value, time) }]
 * unit(value): a value of the axis in words. scale: "log", or nothing. most: the axis' end, if it is given.
 * markers: [{ time, kind, text }]. horizon: what is behind it is not known yet.
 * limit: { value, text }, a line across. ui, act: where the cross-hair is, and how it is moved.
 */
export function timeChart(options) {
  const width = Math.max(180, options.ui.widths[options.id] ?? FIRST_WIDTH);
  const height = options.height ?? 150;
  const cursor = nearest(options, options.ui.cursors[options.group]);
  const frame = framed(options, width, height);
  return h(
    "figure",
    { class: "chart", key: options.id },
    h("figcaption", {}, h("span", { class: "chart-title" }, options.title), legend(options, cursor)),
    h(
      "div",
      {
        class: "plot",
        tabindex: "0",
        role: "group",
        "aria-label": `${options.title}. Left and right arrow read the values, Escape leaves.`,
        "data-measure": options.id,
        onpointermove: (event) => point(event, frame, options),
        onpointerdown: (event) => point(event, frame, options),
        onpointerleave: () => move(options, null),
        onblur: () => move(options, null),
        onkeydown: (event) => step(event, options, cursor),
      },
      h(
        "svg",
        { role: "img", "aria-label": options.summary, viewBox: `0 0 ${width} ${height}`, width, height },
        axes(options, frame),
        beyond(options, frame),
        marked(options, frame),
        options.series.map((each) => line(each, frame)),
        limit(options, frame),
        crossHair(options, frame, cursor),
      ),
    ),
  );
}

function framed(options, width, height) {
  const [left, right] = [MARGIN.left, width - MARGIN.right];
  const [top, bottom] = [MARGIN.top, height - MARGIN.bottom];
  const values = options.series.flatMap(({ points }) => points.map(([, value]) => value)).filter((value) => value !== null);
  const greatest = Math.max(options.limit?.value ?? 0, ...extremes(values));
  const log = options.scale === "log";
  const ticks = log
    ? logTicks(Math.min(...extremes(values.filter((value) => value > 0))), greatest)
    : roundTicks(options.most ?? greatest);
  const y = (log ? logarithmic : linear)(ticks[0], ticks[ticks.length - 1], bottom, top);
  return { width, height, left, right, top, bottom, ticks, y, x: linear(options.from, options.to, left, right) };
}

/** Return the least and the greatest; an argument for each value would be too many for a call. */
function extremes(values) {
  let [least, greatest] = [Infinity, -Infinity];
  for (const value of values) {
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
  }
  return values.length ? [least, greatest] : [];
}

function axes(options, frame) {
  const { ticks, step: distance } = timeTicks(options.from, options.to, (frame.right - frame.left) / 76);
  return h(
    "g",
    { class: "axes" },
    frame.ticks.map((value) => [
      h("line", { class: "grid", x1: frame.left, x2: frame.right, y1: frame.y(value), y2: frame.y(value) }),
      h("text", { x: frame.left - 5, y: frame.y(value) + 3.5, "text-anchor": "end" }, options.unit(value)),
    ]),
    ticks
      .filter((time) => frame.x(time) < frame.right - 14 && frame.x(time) > frame.left + 10)
      .map((time) =>
        h("text", { x: frame.x(time), y: frame.height - 5, "text-anchor": "middle" }, tick(time, distance)),
      ),
  );
}

/** What lies behind the horizon, shaded, with its name. */
function beyond(options, frame) {
  const { horizon } = options;
  if (horizon === null || horizon === undefined || horizon >= options.to) return null;
  const x = Math.max(frame.left, frame.x(horizon));
  const room = frame.right - x > 74;
  return h(
    "g",
    { class: "beyond" },
    h("rect", { x, y: frame.top, width: Math.max(0, frame.right - x), height: frame.bottom - frame.top }),
    h("line", { x1: x, x2: x, y1: frame.top, y2: frame.bottom }),
    h("text", room ? { x: x + 4, y: frame.bottom - 5 } : { x: x - 4, y: frame.bottom - 5, "text-anchor": "end" }, "not mature"),
  );
}

function marked(options, frame) {
  let free = -Infinity;
  const inside = (options.markers ?? []).filter(({ time }) => time >= options.from && time <= options.to);
  return inside.map(({ time, kind, text }) => {
    const x = frame.x(time);
    const length = kind.length * LETTER;
    // Leaning to the side on which there is room.
    const turned = x + length + 4 > frame.right;
    const start = turned ? x - length - 3 : x;
    const named = start >= free;
    if (named) free = start + length + 8;
    return h(
      "g",
      { class: `marker marker-${kind}` },
      h("title", {}, text),
      h("line", { x1: x, x2: x, y1: 4, y2: frame.bottom }),
      named && h("text", { x: turned ? x - 3 : x + 3, y: 11, "text-anchor": turned ? "end" : "start" }, kind),
    );
  });
}

function limit(options, frame) {
  if (!options.limit) return null;
  const y = frame.y(options.limit.value);
  return h(
    "g",
    { class: "limit" },
    h("line", { x1: frame.left, x2: frame.right, y1: y, y2: y }),
    h("text", { x: frame.right, y: y - 4, "text-anchor": "end" }, options.limit.text),
  );
}

function line(series, frame) {
  const pieces = [[]];
  for (const each of series.points) {
    if (each[1] === null) pieces.push([]);
    else pieces[pieces.length - 1].push(each);
  }
  const columns = Math.max(1, Math.round(frame.right - frame.left));
  const paths = pieces.filter((piece) => piece.length > 1).map((piece) => path(thinned(piece, columns), frame));
  const alone = pieces.filter((piece) => piece.length === 1);
  return h(
    "g",
    { class: `line ${series.look}` },
    h("path", { d: paths.join("") || "M0 0" }),
    alone.map(([[time, value]]) => h("circle", { cx: round(frame.x(time)), cy: round(frame.y(value)), r: 2 })),
  );
}

function path(points, frame) {
  return `M${points.map(([time, value]) => `${round(frame.x(time))} ${round(frame.y(value))}`).join("L")}`;
}

function round(place) {
  return Math.round(place * 10) / 10;
}

function crossHair(options, frame, cursor) {
  if (cursor === null) return null;
  const x = frame.x(cursor);
  return h(
    "g",
    { class: "cross-hair" },
    h("line", { x1: x, x2: x, y1: frame.top, y2: frame.bottom }),
    options.series.map((series) => {
      const value = valueAt(series, cursor);
      return value === null ? null : h("circle", { class: series.look, cx: x, cy: frame.y(value), r: 3 });
    }),
  );
}

/** The names of the lines, with their values under the cross-hair, or the last ones. */
function legend(options, cursor) {
  const near = cursor === null ? [] : happened(options, cursor);
  return h(
    "div",
    { class: "legend", "aria-live": cursor === null ? "off" : "polite" },
    cursor !== null && h("span", { class: "legend-time" }, moment(cursor, options.to)),
    options.series.map((series) =>
      h(
        "span",
        { class: "legend-entry" },
        h("svg", { class: "swatch", width: 18, height: 8, "aria-hidden": "true" }, h("g", { class: `line ${series.look}` }, h("path", { d: "M0 4L18 4" }))),
        ` ${series.name} `,
        h("b", {}, said(series, cursor)),
      ),
    ),
    near.map(({ kind, text }) => h("span", { class: `legend-event marker-${kind}` }, text)),
  );
}

function said(series, cursor) {
  const known = series.points.filter(([, value]) => value !== null);
  const last = known[known.length - 1];
  if (cursor === null) return last ? series.say(last[1], last[0]) : UNKNOWN;
  const value = valueAt(series, cursor);
  return value === null ? UNKNOWN : series.say(value, cursor);
}

function valueAt(series, time) {
  return series.points.find(([each]) => each === time)?.[1] ?? null;
}

function happened(options, cursor) {
  const near = (options.to - options.from) / 100;
  return (options.markers ?? []).filter(({ time }) => Math.abs(time - cursor) <= near);
}

function times(options) {
  const all = new Set();
  for (const { points } of options.series)
    for (const [time, value] of points) if (value !== null && time >= options.from && time <= options.to) all.add(time);
  return [...all].sort((one, other) => one - other);
}

function nearest(options, time) {
  if (time === null || time === undefined) return null;
  let best = null;
  for (const each of times(options)) if (best === null || Math.abs(each - time) < Math.abs(best - time)) best = each;
  return best;
}

function move(options, time) {
  if ((options.ui.cursors[options.group] ?? null) === time) return;
  options.act({ cursors: { ...options.ui.cursors, [options.group]: time } });
}

function point(event, frame, options) {
  const box = event.currentTarget.getBoundingClientRect();
  const share = (event.clientX - box.left - frame.left) / (frame.right - frame.left);
  move(options, options.from + Math.min(1, Math.max(0, share)) * (options.to - options.from));
}

const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };

function step(event, options, cursor) {
  if (event.key === "Escape") return move(options, null);
  if (!(event.key in STEPS)) return undefined;
  event.preventDefault();
  const all = times(options);
  const at = cursor === null ? all.length : all.indexOf(cursor);
  const next = Math.min(all.length - 1, Math.max(0, at + STEPS[event.key]));
  return move(options, all[next] ?? null);
}
