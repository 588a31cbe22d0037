// Numbers, times and durations in words, each with its unit. What is not known is a dash.

export const UNKNOWN = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const clockFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minuteFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

const isKnown = (value) => typeof value === "number" && Number.isFinite(value);

/** 1,234,567 */
export function count(value) {
  return isKnown(value) ? whole.format(value) : UNKNOWN;
}

/** 1.23M where there is little room. */
export function brief(value) {
  return isKnown(value) ? short.format(value) : UNKNOWN;
}

/** Three digits that say something: 0.0123, 4.57, 1,234. */
export function number(value) {
  if (!isKnown(value)) return UNKNOWN;
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return whole.format(value);
  if (size !== 0 && size < 0.0005) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/** Two decimals, as PSI and scores are read; what is above 0 never looks like 0. */
export function fixed(value, digits = 2) {
  if (!isKnown(value)) return UNKNOWN;
  const least = 10 ** -digits;
  if (value > 0 && value < least / 2) return `< ${least}`;
  return value.toFixed(digits);
}

/** A share of 1 as per cent, with two digits that say something. */
export function percent(value) {
  if (!isKnown(value)) return UNKNOWN;
  const hundred = value * 100;
  if (hundred > 0 && hundred < 0.005) return "< 0.01 %";
  if (hundred >= 9.95 || hundred === 0) return `${hundred.toFixed(0)} %`;
  return `${hundred.toFixed(hundred < 0.995 ? 2 : 1)} %`;
}

/** A distance of distributions: with many payments noise is small, and so are the digits that count. */
export function distance(value) {
  if (!isKnown(value)) return UNKNOWN;
  if (value > 0 && value < 0.00005) return "< 0.0001";
  return value >= 0.0995 || value === 0 ? value.toFixed(2) : value.toFixed(value < 0.00995 ? 4 : 3);
}

/** So many a second. */
export function rate(value) {
  if (!isKnown(value)) return UNKNOWN;
  return `${value >= 10_000 ? short.format(value) : number(Number(value.toPrecision(3)))}/s`;
}

/** A latency. */
export function millis(value) {
  if (!isKnown(value)) return UNKNOWN;
  return value >= 1000 ? `${number(value / 1000)} s` : `${number(value)} ms`;
}

/** How long, in the largest two units that say enough. */
export function duration(ms) {
  if (!isKnown(ms)) return UNKNOWN;
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 0.95) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${Number(seconds.toFixed(1))} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = seconds / 60;
  if (minutes < 90) return `${Math.round(minutes)} min`;
  const hours = minutes / 60;
  if (hours < 36) return `${Number(hours.toFixed(hours < 10 ? 1 : 0))} h`;
  return `${Math.round(hours / 24)} days`;
}

/** How long, as somebody would promise it: in whole units, never none. */
export function about(ms) {
  return duration(Math.max(1000, ms < 10_000 ? Math.ceil(ms / 1000) * 1000 : ms));
}

/** 14:03:07 */
export function clock(ms) {
  return isKnown(ms) ? clockFormat.format(ms) : UNKNOWN;
}

/** A time that says its day where that is not today's. */
export function moment(ms, now) {
  if (!isKnown(ms)) return UNKNOWN;
  const sameDay = isKnown(now) && new Date(ms).toDateString() === new Date(now).toDateString();
  return sameDay ? clock(ms) : `${dayFormat.format(ms)}, ${minuteFormat.format(ms)}`;
}

/** What stands under a time axis whose ticks are so far apart. */
export function tick(ms, step) {
  if (step >= 86_400_000) return dayFormat.format(ms);
  return (step >= 60_000 ? minuteFormat : clockFormat).format(ms);
}

/** "1 alert", "2 alerts" */
export function several(n, one, more = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : more}`;
}
