// The page of one board that comes with it, for a report that is a file.

import { staged } from "./stage.js";
import { joined, pointOf } from "./timeline.js";

const { board, history } = JSON.parse(document.getElementById("numbers").textContent);
const points = joined(history, [pointOf(board)]);
const link = { state: "report", why: null, heardAt: null };
staged(document.getElementById("page"), () => ({ board, points, link, now: performance.now() }), { range: null })();
