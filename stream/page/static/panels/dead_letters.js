// Records that could not be decided, by the reason.

import { h } from "../dom.js";
import { count, percent, several } from "../words.js";
import { nothing, panel } from "./panel.js";

export function deadLetters({ board }) {
  const { dead_letters: letters, totals } = board.traffic;
  const reasons = Object.entries(letters).filter(([, n]) => n > 0).sort(([, one], [, other]) => other - one);
  const head = { name: "dead-letters", title: "Dead letters", wide: 4 };
  if (reasons.length === 0) return panel(head, nothing("None: every record could be read and decided."));
  const all = reasons.reduce((sum, [, n]) => sum + n, 0);
  const most = reasons[0][1];
  const share = totals.records ? `, ${percent(all / totals.records)} of all records` : "";
  return panel(
    { ...head, says: `${several(all, "record")} since the start${share}. The topic has their bytes, each with its reason.` },
    h(
      "ul",
      { class: "bars" },
      reasons.map(([reason, n]) =>
        h(
          "li",
          { key: reason },
          h("span", { class: "bar-name" }, reason),
          h("span", { class: "number" }, count(n)),
          h("span", { class: "reason-bar", "aria-hidden": "true" }, h("span", { style: { width: `${((n / most) * 100).toFixed(1)}%` } })),
        ),
      ),
    ),
  );
}
