"""Write the table of metrics in docs/operations.md from the code that exposes them.

python docs/make_operations.py
"""

from __future__ import annotations

import sys
from pathlib import Path

PAGE = Path(__file__).with_name("operations.md")
sys.path.insert(0, str(PAGE.parent.parent))

from stream.admin.described import PREFIX  # noqa: E402 - found through the line above.
from stream.admin.metrics import METRICS  # noqa: E402

BEGIN, END = "<!-- metrics:begin -->", "<!-- metrics:end -->"


def table() -> str:
    """Return a row for each metric."""
    rows = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
    for each in METRICS:
        name = PREFIX + each.name + ("_total" if each.kind == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in each.labels)
        rows.append(f"| `{name}` | {each.kind} | {labels} | {each.meaning} |")
    return "\n".join(rows)


def page(text: str) -> str:
    """Return the page with its table made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
