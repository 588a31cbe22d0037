// Scores now beside those of the reference, and how much they differ by noise alone.

import { h } from "../dom.js";
import { histogram, histogramLegend } from "../histogram.js";
import { sparkline } from "../sparkline.js";
import { count, distance, duration, fixed, moment, several } from "../words.js";
import { badge, nothing, panel } from "./panel.js";

export function scores({ board, ui }) {
  const { drift, quality } = board;
  const head = { name: "scores", title: "Scores now and in the reference", wide: 5 };
  if (drift.score === null || drift.score.reference.length === 0) return panel(head, whyNot(board));
  return panel(
    { ...head, says: of(board) },
    histogramLegend(),
    histogram({
      id: "score-histogram",
      of: drift.score,
      width: ui.widths["score-histogram"],
      height: 240,
      mark: { value: quality.review_threshold, text: `alerts from ${fixed(quality.review_threshold, 3)}` },
    }),
    h("p", { class: "verdict" }, verdict(drift.score), " ", sentence(drift.score, drift.current_rows)),
    h("p", { class: "trend" }, "PSI of the last windows: ", sparkline(drift.score.history, drift.score.psi_null, `PSI of the last windows: ${drift.score.history.map((each) => distance(each)).join(", ")}`)),
  );
}

function whyNot({ about, drift }) {
  if (!about.ready) return nothing("The model gives no scores yet: it has not seen enough labels.");
  if (drift.reference_rows === 0) return nothing("There is no reference yet: it is made of the first scored payments.");
  return nothing("No payment was scored in this window yet.");
}

/** What is compared with what. */
function of({ drift, now_ms: now }) {
  const since = drift.reference_from_ms === null ? "" : ` of ${moment(drift.reference_from_ms, now)} to ${moment(drift.reference_to_ms, now)}`;
  const pinned = drift.pinned ? ", pinned" : "";
  return `Payments of the last ${duration(drift.window_ms)} of event time (${count(drift.current_rows)}) beside ${count(drift.reference_rows)}${since}${pinned}.`;
}

/** How a distribution stands, in a word. */
export function verdict(one) {
  if (one.drifted) return badge("bad", "drifted");
  if (one.psi === null) return badge("calm", "not known yet");
  if (one.psi_null !== null && one.psi > one.psi_null) return badge("warn", "beyond noise");
  return badge("good", "within noise");
}

/** The PSI with what it is worth. */
export function sentence(one, rows) {
  if (one.psi === null) return "Too few payments to compare.";
  const noise = one.psi_null === null ? "" : `; noise alone reaches ${distance(one.psi_null)} with ${several(rows, "payment")}`;
  return `PSI ${distance(one.psi)}${noise}.`;
}
