"""As `ours_decisions`, with the live page, and ten browsers that have it open."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.kafka import ours
from stream.admin.setup import admin_server
from stream.config.configuration import Config
from stream.page.setup import Page
from stream.telemetry.traffic import TrafficMeter


@contextmanager
def watched(config: Config) -> Iterator[TrafficMeter]:
    """Serve the page, and have it read."""
    meter = TrafficMeter(config)
    page = Page(config, meter)
    with admin_server(config, meter, more=page.routes) as server:
        command = [sys.executable, "-m", "benchmarks.kafka.page_readers", server.address]
        readers = subprocess.Popen(command)
        try:
            yield meter
        finally:
            page.close()
            readers.terminate()
            readers.wait(10.0)


if __name__ == "__main__":
    ours.main(lambda job: {"topics": {"decisions": job.decisions}}, watched)
