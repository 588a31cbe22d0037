// Whether a score of 20 % means that one in five is fraud.

import { reliabilityDiagram } from "../reliability.js";
import { several } from "../words.js";
import { maturity } from "./quality.js";
import { nothing, panel } from "./panel.js";

export function calibration({ board, ui }) {
  const bins = board.quality.reliability.filter((bin) => bin.count > 0);
  const head = { name: "calibration", title: "What was said, and what was", wide: 4 };
  if (bins.length === 0) return panel(head, nothing(maturity(board)));
  const n = bins.reduce((sum, bin) => sum + bin.count, 0);
  return panel(
    { ...head, says: `Share of fraud by score, of ${several(n, "mature payment")}. On the diagonal a score means what it says; bars are 95 % intervals, scales those of square roots.` },
    reliabilityDiagram({ id: "reliability", bins, width: ui.widths.reliability }),
  );
}
