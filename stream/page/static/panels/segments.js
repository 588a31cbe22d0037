// Who is alerted wrongly how often, and whether scores mean the same for everybody.

import { h } from "../dom.js";
import { wilson } from "../intervals.js";
import { table } from "../table.js";
import { brief, fixed, percent } from "../words.js";
import { badge, nothing, panel } from "./panel.js";

export function segments(view) {
  const { board, ui, act } = view;
  const head = { name: "segments", title: "Segments", wide: 8 };
  if (board.segments.length === 0) return panel(head, nothing("No payment of a segment is mature yet, or none is configured."));
  const rows = board.segments.map((segment) => ({ ...segment, others: ofOthers(segment, board.segments) }));
  return panel(
    { ...head, says: "Mature payments by a feature's value. False alarms are the share of genuine payments that were alerted: what people of a segment pay for being guarded. They are marked where they differ from those of the other values beyond chance." },
    table({
      id: "segment-table",
      caption: "Segments",
      columns: COLUMNS,
      rows,
      key: ({ feature, value }) => `${feature} = ${value}`,
      order: ["segment", "up"],
      ui,
      act,
    }),
  );
}

const genuine = ({ mature, frauds }) => mature - frauds;

/** Return the rate of the other values of the same feature. */
export function ofOthers(segment, all) {
  const others = all.filter(
    (each) => each.feature === segment.feature && each.value !== segment.value && each.false_positive_rate !== null,
  );
  const n = others.reduce((sum, each) => sum + genuine(each), 0);
  return n > 0 ? others.reduce((sum, each) => sum + each.false_positive_rate * genuine(each), 0) / n : null;
}

const COLUMNS = [
  { name: "segment", value: ({ feature, value }) => `${feature} = ${value}`, show: ({ feature, value }) => [h("span", { class: "faint" }, `${feature} = `), value] },
  { name: "decisions", value: ({ decisions }) => decisions, show: ({ decisions }) => brief(decisions), number: true, down: true, optional: true },
  { name: "mature", value: ({ mature }) => mature, show: ({ mature }) => brief(mature), number: true, optional: true, down: true, title: "Payments whose truth is known" },
  { name: "frauds", value: ({ frauds }) => frauds, show: ({ frauds }) => brief(frauds), number: true, down: true, optional: true },
  { name: "false alarms", value: (row) => row.false_positive_rate, show: wronged, down: true, title: "False-positive rate: the share of genuine payments that were alerted" },
  { name: "recall", value: ({ recall }) => recall, show: ({ recall }) => percent(recall), number: true, optional: true, down: true },
  { name: "said / was", value: ({ said, was }) => (said === null || !was ? null : said / was), show: calibrated, number: true, down: true, title: "Mean score, and share of fraud" },
];

function wronged(row) {
  const { false_positive_rate: share, others } = row;
  if (share === null) return percent(share);
  const [low, high] = wilson(share, genuine(row));
  const differs = others !== null && (others < low || others > high);
  const times = differs && others > 0 ? `${fixed(share / others, 1)} × others` : "differs";
  return [percent(share), differs && [" ", badge(share > others ? "warn" : "calm", times)]];
}

function calibrated({ said, was }) {
  return [percent(said), h("span", { class: "faint" }, " / "), percent(was)];
}
