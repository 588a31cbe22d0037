// Boards as they come, for as long as the page is open, whatever becomes of the server.
//
// Each turn asks for what was missed, then listens. A stream that ends, fails or falls silent leads
// to the next turn; waits grow while nobody answers.

const WAIT_FIRST_MS = 500;
const WAIT_MOST_MS = 8000;
const POLL_MS = 5000;
const ANSWER_MAX_MS = 10_000;
// Boards come every second; a connection that is silent for so long may lead to nobody.
const SILENCE_MAX_MS = 15_000;

// Who is not let in is told so; all other failures pass.
const REFUSALS = new Set([400, 401, 403, 404, 421]);

const sleep = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => resolve(clearTimeout(timer)), { once: true });
  });

/**
 * Follow a worker until the signal says to stop.
 * since(): the time of the latest point that is known. onHistory(points), onBoard(board): what came.
 * onState(state, why): connecting, live, polling, reconnecting, refused; why is in words, or null.
 */
export async function follow({ since, onHistory, onBoard, onState, signal }) {
  let wait = WAIT_FIRST_MS;
  onState("connecting", null);
  while (!signal.aborted) {
    const answer = await ask(since(), signal);
    if (signal.aborted) return;
    if (answer.problem) {
      onState(answer.problem, answer.why);
      await sleep(wait * (0.75 + Math.random() / 2), signal);
      wait = Math.min(WAIT_MOST_MS, 2 * wait);
      continue;
    }
    wait = WAIT_FIRST_MS;
    onHistory(answer.body.history);
    if (answer.body.board !== null) onBoard(answer.body.board);
    const opened = await listen(onBoard, () => onState("live", null), signal);
    if (signal.aborted) return;
    if (opened) {
      // Whoever ended it is stopping, or busy: a moment later the answer is a better one.
      onState("reconnecting", null);
      await sleep(WAIT_FIRST_MS, signal);
    } else {
      // The answer came, so somebody is there: all live streams are taken.
      onState("polling", "as many live pages are open as may be");
      await sleep(POLL_MS, signal);
    }
  }
}

/** Return { body }, or { problem, why }. */
async function ask(since, signal) {
  try {
    const response = await fetch(`api/board?since=${Math.round(since)}`, {
      cache: "no-store",
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MAX_MS)]),
    });
    if (response.ok) return { body: await response.json() };
    const problem = REFUSALS.has(response.status) ? "refused" : "reconnecting";
    return { problem, why: `${response.status}: ${(await response.text()).slice(0, 200)}` };
  } catch {
    return { problem: "reconnecting", why: null };
  }
}

/** Hand boards over until the stream ends; tell whether it was ever open. */
function listen(onBoard, onOpen, signal) {
  return new Promise((resolve) => {
    const source = new EventSource("api/stream");
    let opened = false;
    let silence = null;
    const end = () => {
      clearTimeout(silence);
      source.close();
      signal.removeEventListener("abort", end);
      resolve(opened);
    };
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(end, SILENCE_MAX_MS);
    };
    source.onopen = () => {
      opened = true;
      onOpen();
      heard();
    };
    source.addEventListener("board", (event) => {
      heard();
      onBoard(JSON.parse(event.data));
    });
    // A browser's own reconnecting would not say what was missed, nor give up a refusal.
    source.onerror = end;
    signal.addEventListener("abort", end, { once: true });
    heard();
  });
}
