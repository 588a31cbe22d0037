// The live page: what was heard of the worker, and showing it.

import { follow } from "./connection.js";
import { staged } from "./stage.js";
import { joined, pointOf } from "./timeline.js";

// Without a new board for so long, what is shown is old.
const STALE_MS = 4000;

const spoken = document.getElementById("spoken");
const state = { board: null, points: [], link: { state: "connecting", why: null, heardAt: null } };
const plan = staged(document.getElementById("page"), () => ({ ...state, link: linkNow(), now: performance.now() }));

/** How the connection stands: open and silent is stale. */
function linkNow() {
  const { link } = state;
  const old = link.heardAt !== null && performance.now() - link.heardAt > STALE_MS;
  if (link.state !== "live" || !old) return link;
  return { ...link, state: "stale", why: "the worker answers, and sends no new numbers" };
}

function onBoard(board) {
  // A stream begins with the latest board, which may be known already.
  if (board.now_ms === state.board?.now_ms) return;
  state.board = board;
  state.points = joined(state.points, [pointOf(board)]);
  state.link = { ...state.link, heardAt: performance.now() };
  plan();
}

function onState(name, why) {
  if (name !== state.link.state) spoken.textContent = name === "live" ? "live" : `${name}${why ? `: ${why}` : ""}`;
  state.link = { ...state.link, state: name, why };
  plan();
}

function begin() {
  const stop = new AbortController();
  follow({
    since: () => state.points.at(-1)?.time_ms ?? 0,
    onHistory: (points) => (state.points = joined(state.points, points)),
    onBoard,
    onState,
    signal: stop.signal,
  });
  // A page that is put away and kept for later holds no stream.
  addEventListener("pagehide", () => stop.abort(), { once: true });
}

addEventListener("pageshow", (event) => event.persisted && begin());
// How old the numbers are goes on by itself.
setInterval(() => linkNow().state === "live" || plan(), 1000);
begin();
plan();
