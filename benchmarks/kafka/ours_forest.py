"""As `ours`, with a forest of ten trees that learns from every label."""

from __future__ import annotations

from benchmarks.kafka import ours

if __name__ == "__main__":
    ours.main(lambda job: {"model": {"kind": "forest", "trees": 10}})
