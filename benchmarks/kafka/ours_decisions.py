"""As `ours`, and every decision is published."""

from __future__ import annotations

from benchmarks.kafka import ours

if __name__ == "__main__":
    ours.main(lambda job: {"topics": {"decisions": job.decisions}})
