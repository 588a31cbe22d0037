// The latest alerts, and what raised each score. All of it is text of strangers.

import { h } from "../dom.js";
import { nameField, takesVerdicts, verdictButtons } from "../verdicts.js";
import { fixed, moment, several } from "../words.js";
import { badge, nothing, panel } from "./panel.js";

const KINDS = { BLOCK: "bad", CHALLENGE: "warn", REVIEW: "calm" };

export function alerts(view) {
  const { board } = view;
  const head = { name: "alerts", title: "Latest alerts", wide: 8 };
  if (board.alerts.length === 0)
    return panel(head, nothing(board.about.ready ? "No alert lately." : "No alert yet: the model gives no scores until it has seen enough labels."));
  const most = Math.max(...board.alerts.flatMap(({ reasons }) => reasons.map((reason) => Math.abs(reason.contribution))), 1);
  const judged = takesVerdicts(view);
  return panel(
    { ...head, says: "With the rules that matched, and the features that raised the score most; bars are contributions in log-odds, on one scale." },
    judged && nameField(view),
    h(
      "div",
      { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Latest alerts" },
      h("ol", { class: "alerts" }, board.alerts.map((one) => alert(one, most, board.now_ms, judged && verdictButtons(one, view)))),
    ),
  );
}

function alert(one, most, now, buttons) {
  return h(
    "li",
    { key: one.alert_id, class: "alert", "data-alert": one.alert_id },
    h(
      "p",
      { class: "alert-head" },
      badge(KINDS[one.outcome] ?? "calm", one.outcome),
      h("span", { class: "score" }, one.score === null ? "no score" : `score ${fixed(one.score, 3)}`),
      h("span", { class: "amount" }, one.amount),
      h("span", { class: "faint" }, moment(one.time_ms, now)),
      h("code", { class: "id" }, one.transaction_id),
    ),
    one.rules.length > 0 && h("ul", { class: "matched" }, one.rules.map(ruleLine)),
    one.reasons.length === 0
      ? nothing(one.rules.some(({ live }) => live) ? "A rule asked for it; no feature raised the score." : "No feature raised the score.")
      : h("ul", { class: "reasons" }, one.reasons.map((reason) => reasonLine(reason, most))),
    one.counterfactual ? h("p", { class: "alert-change faint" }, `It ${one.counterfactual}.`) : null,
    one.grouped > 0 ? h("p", { class: "alert-held faint" }, `${several(one.grouped, "review")} of the same entity held back since its alert before this one.`) : null,
    buttons,
  );
}

/** What a rule said of it; one that matched in shadow had no say. */
function ruleLine({ id, code, text, action, live, said }) {
  return h(
    "li",
    {},
    badge(live ? (KINDS[action] ?? "calm") : "calm", live ? "rule" : "rule in shadow"),
    h("code", { class: "reason-code" }, code || id),
    h("span", {}, text || id),
    said && h("span", { class: "faint" }, said),
  );
}

function reasonLine({ code, text, feature, said, contribution }, most) {
  const part = Math.min(1, Math.abs(contribution) / most);
  return h(
    "li",
    {},
    h("span", { class: "reason-text", title: `${code}: ${feature}` }, h("code", { class: "reason-code" }, code), ` ${text || feature}`),
    h("span", { class: "reason-value", title: feature }, said),
    h("span", { class: "reason-bar", "aria-hidden": "true" }, h("span", { style: { width: `${(part * 100).toFixed(1)}%` } })),
    h("span", { class: "number" }, `${contribution < 0 ? "−" : "+"}${Math.abs(contribution).toFixed(2)}`),
  );
}
