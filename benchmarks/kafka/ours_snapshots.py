"""As `ours_decisions`, with a journal, and a snapshot of the state every second."""

from __future__ import annotations

import tempfile

from benchmarks.kafka import ours

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        ours.main(
            lambda job: {
                "topics": {"decisions": job.decisions},
                "recovery": {"folder": home, "snapshot_interval": "1s"},
            }
        )
