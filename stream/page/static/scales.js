// Where values lie on a picture, and at which of them a line is drawn.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 28, 91, 182, 364].map((n) => n * DAY),
];

/** Return round values from 0 to at least `most`, about `n` steps. */
export function roundTicks(most, n = 3) {
  if (!(most > 0)) return [0, 1];
  const rough = most / n;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999999);
  const ticks = [];
  for (let i = 0; i <= Math.ceil(most / step - 1e-9); i += 1) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

/** Return powers of ten around what there is, two at least. */
export function logTicks(least, most) {
  const low = Math.floor(Math.log10(least > 0 ? least : 1));
  const high = Math.max(low + 1, Math.ceil(Math.log10(most > 0 ? most : 10) - 1e-9));
  return Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
}

/** Return round times of the reader's own clock within a span, at most `n`, and their distance. */
export function timeTicks(from, to, n) {
  const wanted = (to - from) / Math.max(1, n);
  const step = STEPS.find((each) => each >= wanted) ?? Math.ceil(wanted / DAY) * DAY;
  const offset = new Date(to).getTimezoneOffset() * MINUTE;
  const ticks = [];
  for (let t = Math.ceil((from - offset) / step) * step + offset; t <= to; t += step) ticks.push(t);
  return { ticks, step };
}

/** Return a function from values to places. */
export function linear(from, to, start, end) {
  const span = to - from || 1;
  return (value) => start + ((value - from) / span) * (end - start);
}

/** Return the same on a logarithmic scale; what lies below it stands at its beginning. */
export function logarithmic(from, to, start, end) {
  const place = linear(Math.log10(from), Math.log10(to), start, end);
  return (value) => place(Math.log10(Math.max(value, from)));
}

/**
 * Return at most about four points in each of so many columns: the first, the last, the least, the
 * greatest. A line through them covers the same pixels as one through all.
 */
export function thinned(points, columns) {
  if (points.length <= 4 * columns) return points;
  const from = points[0][0];
  const width = (points[points.length - 1][0] - from) / columns || 1;
  const kept = [];
  for (let i = 0; i < points.length; ) {
    const column = Math.floor((points[i][0] - from) / width);
    let j = i;
    let low = i;
    let high = i;
    for (; j < points.length && Math.floor((points[j][0] - from) / width) === column; j += 1) {
      if (points[j][1] < points[low][1]) low = j;
      if (points[j][1] > points[high][1]) high = j;
    }
    for (const at of [...new Set([i, low, high, j - 1])].sort((a, b) => a - b)) kept.push(points[at]);
    i = j;
  }
  return kept;
}
