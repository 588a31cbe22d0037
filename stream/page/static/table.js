// A table whose columns sort it, by mouse and by keyboard.

import { h } from "./dom.js";

/**
 * Return a table.
 *
 * id: its name; caption: what it is, read to those who cannot see it.
 * columns: [{ name, title, value(row), show(row), number, optional, down }]; one with a value sorts,
 * and begins with the greatest where it is `down`; one that is optional gives way on a phone.
 * key(row): by which a row is known again. order: [column's name, "up" or "down"], beforehand.
 * below(row): what is opened beneath it, or nothing. look(row): its classes.
 */
export function table({ id, caption, columns, rows, key, order, below, look, ui, act }) {
  const [by, way] = ui.orders[id] ?? order;
  const sorted = [...rows].sort(comparing(columns.find(({ name }) => name === by), way));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      { id },
      h("caption", { class: "unseen" }, caption),
      h("thead", {}, h("tr", {}, columns.map((column) => header(column, by, way, (next) => act({ orders: { ...ui.orders, [id]: next } }))))),
      h(
        "tbody",
        {},
        sorted.map((row) => {
          const more = below?.(row);
          return [
            h("tr", { key: key(row), class: look?.(row) ?? "" }, columns.map((column, at) => cell(column, at, row))),
            more && h("tr", { key: `${key(row)} opened`, class: "opened" }, h("td", { colspan: columns.length }, more)),
          ];
        }),
      ),
    ),
  );
}

function header(column, by, way, choose) {
  const classes = classesOf(column);
  if (!column.value) return h("th", { scope: "col", class: classes }, column.name);
  const chosen = by === column.name;
  const first = column.down ? "down" : "up";
  const next = chosen ? (way === "up" ? "down" : "up") : first;
  return h(
    "th",
    { scope: "col", class: classes, "aria-sort": chosen ? (way === "up" ? "ascending" : "descending") : null },
    h(
      "button",
      { type: "button", class: "sort", title: column.title, onclick: () => choose([column.name, next]) },
      column.name,
      h("span", { class: "arrow", "aria-hidden": "true" }, chosen ? (way === "up" ? " ▲" : " ▼") : ""),
    ),
  );
}

function cell(column, at, row) {
  const content = column.show(row);
  return at === 0
    ? h("th", { scope: "row", class: classesOf(column) }, content)
    : h("td", { class: classesOf(column) }, content);
}

function classesOf({ number, optional }) {
  return [number && "number", optional && "optional"].filter(Boolean).join(" ");
}

/** Return an order of rows; what is not known comes last, either way. */
function comparing(column, way) {
  const sign = way === "up" ? 1 : -1;
  return (one, other) => {
    const [a, b] = [column.value(one), column.value(other)];
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a === "string") return sign * a.localeCompare(b, "en", { numeric: true });
    return sign * (a - b);
  };
}
