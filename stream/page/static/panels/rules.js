// What people have the worker do beside the model: rules, and what they matched; lists and snoozes.

import { h } from "../dom.js";
import { table } from "../table.js";
import { brief, count, percent, several } from "../words.js";
import { badge, nothing, panel } from "./panel.js";

// [kind, word, sentence] of each mode, the loudest first.
const MODES = {
  tripped: ["bad", "tripped", "It matched too much: it decides nothing until rules are applied again"],
  live: ["good", "live", "It decides"],
  shadow: ["calm", "shadow", "What it says is noted, and nothing is done"],
  expired: ["calm", "expired", "It matches nothing any more"],
};
const LOUDNESS = Object.keys(MODES);

export function rules(view) {
  const { board, ui, act } = view;
  const { in_force: all, shown } = board.rules;
  const head = { name: "rules", title: "Rules", wide: 12 };
  if (all === 0) return panel(head, nothing("No rules are in force: fraudstream rules apply sends some."), ...beside(board));
  return panel(
    { ...head, says: `${several(all, "rule")} in force${shown.length < all ? `; shown are the ${count(shown.length)} that tripped or matched most` : ""}. Counts are of payments since these rules came in force; what a rule matches in shadow changes nothing.` },
    table({
      id: "rule-table",
      caption: "Rules in force",
      columns: COLUMNS,
      rows: shown,
      key: ({ id }) => id,
      order: ["mode", "up"],
      look: ({ mode }) => (mode === "tripped" ? "tripped" : ""),
      ui,
      act,
    }),
    ...beside(board),
  );
}

const COLUMNS = [
  { name: "rule", value: ({ id }) => id, show: named },
  { name: "action", value: ({ action }) => action, show: ({ action }) => action, optional: true },
  { name: "mode", value: ({ mode }) => LOUDNESS.indexOf(mode), show: standing, title: "Live: it decides. In shadow it is only noted. Tripped: it matched too much" },
  { name: "live", value: ({ live }) => live, show: ({ live }) => brief(live), number: true, down: true, title: "Payments that it matched where it has a say" },
  { name: "shadow", value: ({ shadow }) => shadow, show: ({ shadow }) => brief(shadow), number: true, down: true, title: "Payments that it matched where it has none" },
  { name: "failed", value: ({ failed }) => failed, show: ({ failed }) => brief(failed), number: true, down: true, optional: true, title: "Payments on which it had no result: a value was missing" },
];

/** A rule's id; on a phone what it asks for stands below it, where there is no column for that. */
function named({ id, action }) {
  return h("span", { class: "rule-id" }, id, h("span", { class: "on-phones faint" }, action));
}

function standing({ mode, share }) {
  const [kind, word, title] = MODES[mode] ?? ["calm", mode, ""];
  const partly = mode === "live" && share < 1 ? `, ${percent(share)}` : "";
  return h("span", { title }, badge(kind, `${word}${partly}`));
}

/** Return a line for lists, and one for alerts that nobody was told of. */
function beside({ rules: { lists, snoozes, by_cooldown: grouped, by_snooze: silenced } }) {
  const line = (name, text) => h("p", { class: "says", key: name }, h("b", {}, name), ` ${text}`);
  return [
    lists.length > 0 && line("Lists", `${lists.map(inWords).join("; ")}.`),
    (snoozes > 0 || grouped > 0 || silenced > 0) &&
      line("Held back", `since the start ${several(grouped, "alert")} by the cool-down and ${count(silenced)} by snoozes; ${several(snoozes, "snooze")} not over.`),
  ];
}

function inWords({ name, entries, entries_max: most, changes }) {
  return `${name}: ${count(entries)} of at most ${several(most, "entry", "entries")}, changed ${changes === 1 ? "once" : several(changes, "time")}`;
}
