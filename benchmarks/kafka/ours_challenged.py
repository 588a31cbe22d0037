"""As `ours_decisions`, with a challenger, which is of the same kind and as ready."""

from __future__ import annotations

from benchmarks.kafka import ours
from benchmarks.kafka.job import Job

CHAMPION, CHALLENGER = "one", "other"


def overrides(job: Job) -> ours.Overrides:
    """Return what is configured otherwise."""
    other = {"frauds_min": 10, "genuine_min": 100}
    return {
        "topics": {"decisions": job.decisions},
        "model": {"name": CHAMPION, "challengers": {CHALLENGER: other}},
    }


if __name__ == "__main__":
    ours.main(overrides)
