"""Write the table of codes in docs/reason-codes.md from the table that ships.

python docs/make_reason_codes.py
"""

from __future__ import annotations

import sys
from pathlib import Path

PAGE = Path(__file__).with_name("reason-codes.md")
sys.path.insert(0, str(PAGE.parent.parent))

from stream.evidence.reason_codes import ReasonCode  # noqa: E402 - as above.
from stream.explanation.reason_files import reason_table  # noqa: E402 - as above.
from stream.features.grammar import duration_name  # noqa: E402 - found through the line above.

BEGIN, END = "<!-- codes:begin -->", "<!-- codes:end -->"


def table() -> str:
    """Return a row for each code."""
    found = reason_table()
    rows = [f"Version {found.version}.", ""]
    rows += ["| code | features | said | above the usual | below it |", "|---|---|---|---|---|"]
    for each in found.codes:
        high, low = each.high or "as said", each.low or "as said"
        rows.append(f"| {each.code} | {whom(each)} | {each.text} | {high} | {low} |")
    return "\n".join(rows)


def whom(code: ReasonCode) -> str:
    """Say which features a code speaks of."""
    parts = [", ".join(f"`{kind}`" for kind in code.kinds)]
    if code.of != "*":
        parts.append(f"of `{code.of}`")
    if code.window_max_us:
        parts.append(f"over at most {duration_name(code.window_max_us)}")
    return " ".join(parts)


def page(text: str) -> str:
    """Return the page with its table made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
