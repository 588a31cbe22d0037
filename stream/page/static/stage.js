// Where the page is shown again whenever something is new, at most once a frame.

import { firstChoices, show, widthObserver } from "./page.js";

/** Return a function that plans to show the page; told() is all of its view but the reader's choices. */
export function staged(root, told, choices = {}) {
  let ui = { ...firstChoices(), ...choices };
  let planned = false;

  function act(choice) {
    ui = { ...ui, ...choice };
    plan();
  }

  const observer = widthObserver((widths) => {
    const changed = Object.entries(widths).some(([id, width]) => ui.widths[id] !== width);
    if (changed) act({ widths: { ...ui.widths, ...widths } });
  });

  function plan() {
    if (planned) return;
    planned = true;
    requestAnimationFrame(() => {
      planned = false;
      show(root, { ...told(), ui, act }, observer);
    });
  }

  return plan;
}
