// What an alert was, said by whoever reads the page, where the server takes it.

import { h } from "./dom.js";

const ANSWER_MAX_MS = 60_000;
const NAME_MAX = 64;
const WORDS = { fraud: "Fraud", legit: "Legitimate" };

/** Tell whether verdicts can be given here: a report is no server. */
export function takesVerdicts({ board, link }) {
  return board.about.verdicts === true && link.state !== "report";
}

/** Who says so: a name that each verdict carries. */
export function nameField({ ui, act }) {
  return h(
    "label",
    { class: "judge-name", key: "judge-name" },
    "Your name, for verdicts: ",
    h("input", {
      type: "text",
      name: "by",
      maxlength: String(NAME_MAX),
      autocomplete: "username",
      oninput: (event) => act({ by: event.target.value.trim() }),
    }),
  );
}

/** Two buttons of an alert, and what came of them. */
export function verdictButtons({ alert_id: id, transaction_id: payment, verdict }, { ui, act }) {
  const state = ui[place(id)] ?? {};
  const off = !ui.by || state.busy === true;
  return h(
    "p",
    { class: "judge" },
    Object.entries(WORDS).map(([word, text]) =>
      h(
        "button",
        {
          type: "button",
          disabled: off,
          "data-verdict": word,
          "aria-label": `${text}: payment ${payment}`,
          title: ui.by ? null : "Write your name first.",
          onclick: () => give(id, word, ui.by, act),
        },
        text,
      ),
    ),
    h("span", { class: state.failed ? "judge-said bad" : "judge-said", role: "status" }, state.text ?? verdict ?? ""),
  );
}

function place(id) {
  return `verdict ${id}`;
}

async function give(id, verdict, by, act) {
  const show = (state) => act({ [place(id)]: state });
  show({ busy: true, text: "sending" });
  try {
    const response = await fetch("api/verdicts", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ alert_id: id, verdict, by }),
      signal: AbortSignal.timeout(ANSWER_MAX_MS),
    });
    const text = await response.text();
    if (!response.ok) return show({ failed: true, text: `not taken: ${text.slice(0, 200)}` });
    const said = JSON.parse(text);
    show({ text: said.sent ? `${said.verdict}, by ${said.by}` : `${said.by} said ${said.verdict} already` });
  } catch {
    show({ failed: true, text: "not taken: nobody answered" });
  }
}
