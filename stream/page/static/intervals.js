// How sure a share is that was seen in so many trials.

const DEVIATIONS = 1.959963984540054;

/** Return a 95 % interval by Wilson's score; without trials it is everything. */
export function wilson(share, n) {
  if (!(n > 0) || share === null) return [0, 1];
  const square = DEVIATIONS ** 2;
  const middle = share + square / (2 * n);
  const half = DEVIATIONS * Math.sqrt((share * (1 - share)) / n + square / (4 * n * n));
  return [Math.max(0, (middle - half) / (1 + square / n)), Math.min(1, (middle + half) / (1 + square / n))];
}
