// What happened, in words: the markers of the charts.

import { h } from "../dom.js";
import { moment } from "../words.js";
import { nothing, panel } from "./panel.js";

export function events({ board }) {
  const head = { name: "events", title: "What happened", wide: 4 };
  if (board.markers.length === 0) return panel(head, nothing("Nothing yet: starts, models, policies, schemas, rules, lists and drifts are listed here."));
  return panel(
    { ...head, says: "Starts, models, policies, schemas, rules, lists and drifts; each is a line on the charts." },
    h(
      "div",
      { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "What happened" },
      h(
        "ol",
        { class: "events" },
        [...board.markers].sort((one, other) => other.time_ms - one.time_ms).map(({ time_ms, kind, text }) =>
          h("li", { class: `marker-${kind}` }, h("span", { class: "faint" }, moment(time_ms, board.now_ms)), h("b", {}, kind), h("span", {}, text)),
        ),
      ),
    ),
  );
}
