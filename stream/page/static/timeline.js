// What went through over time: the history that came with the page, and a point of every board.

const POINTS_MAX = 4000;
// Where the times between points become so many times as long, nothing was recorded.
const GAP = 4;
const GAP_LEAST_MS = 10_000;

/** Return a board's point of the history. */
export function pointOf(board) {
  const { decisions_per_s, alerts_per_s, lag_records, p50_ms, p99_ms, p999_ms } = board.traffic;
  return { time_ms: board.now_ms, decisions_per_s, alerts_per_s, lag_records, p50_ms, p99_ms, p999_ms };
}

/** Return points in the order of time, each time once, of two lists; bounded, the oldest thinned. */
export function joined(points, more) {
  const last = points.length ? points[points.length - 1].time_ms : -Infinity;
  const all = more.length && more[0].time_ms <= last ? inOrder([...points, ...more]) : [...points, ...more];
  if (all.length <= POINTS_MAX) return all;
  const half = all.length >> 1;
  return [...all.slice(0, half).filter((_, i) => i % 2 === 0), ...all.slice(half)];
}

function inOrder(points) {
  const byTime = new Map(points.map((point) => [point.time_ms, point]));
  return [...byTime.values()].sort((one, other) => one.time_ms - other.time_ms);
}

/** Return what is drawn of one value: [time, value], with a value of null where the line ends. */
export function lineOf(points, value, from) {
  const line = [];
  let before = null;
  for (const point of points) {
    if (point.time_ms < from) continue;
    const elapsed = before === null ? 0 : point.time_ms - before.time;
    if (before?.elapsed > 0 && elapsed > Math.max(GAP_LEAST_MS, GAP * before.elapsed))
      line.push([before.time + 1, null]);
    line.push([point.time_ms, point[value]]);
    before = { time: point.time_ms, elapsed };
  }
  return line;
}

/** Return the means of a line over pieces of so many milliseconds, which lie at round times. */
export function averaged(line, length) {
  const means = [];
  let [piece, sum, n] = [null, 0, 0];
  const close = () => n > 0 && means.push([(piece + 0.5) * length, sum / n]);
  for (const [time, value] of line) {
    const next = Math.floor(time / length);
    if (next !== piece) {
      close();
      [piece, sum, n] = [next, 0, 0];
    }
    if (value === null) {
      close();
      means.push([time, null]);
      [sum, n] = [0, 0];
    } else {
      sum += value;
      n += 1;
    }
  }
  close();
  return means;
}
