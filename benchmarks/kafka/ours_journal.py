"""As `ours`, and what was taken is noted in a journal, and the state in snapshots."""

from __future__ import annotations

import tempfile

from benchmarks.kafka import ours

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        ours.main(lambda job: {"recovery": {"folder": folder}})
