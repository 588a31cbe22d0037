"""From the configuration to the page of a worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.routing import BaseRoute

from schemas.errors import StorageError
from stream.cases.shown_alerts import shown_alerts_of
from stream.config.configuration import Config
from stream.page.boards import BoardMaker
from stream.page.disk_history import DiskHistory
from stream.page.feed import Feed
from stream.page.history import MemoryHistory
from stream.page.markers import Markers
from stream.page.routes import page_routes
from stream.page.verdict_routes import verdict_routes
from stream.telemetry.traffic import TrafficMeter

HISTORY, MARKERS = "history", "markers.json"


def page_folder(config: Config) -> Path | None:
    """Return where the page's past is kept, `HISTORY` and `MARKERS`; None: nowhere."""
    return Path(config.recovery.folder) / "page" if config.recovery.folder else None


class Page:
    """The page of the workers that a meter looks at: their drift too, for its metrics.

    Parameters
    ----------
    config : Config
        What is shown of the past outlives the worker where `recovery.folder` is set.
    meter : TrafficMeter
    tell : callable
        Told in words if the past cannot be kept.
    bootstrap : str
        The brokers, where they are not the configuration's.

    Attributes
    ----------
    feed : Feed
    routes : list of BaseRoute
        Empty where `admin.page` is off.
    """

    def __init__(
        self,
        config: Config,
        meter: TrafficMeter,
        tell: Callable[[str], None] = lambda _: None,
        bootstrap: str = "",
    ) -> None:
        folder = page_folder(config)
        self._disk: DiskHistory | None = None
        if folder is not None:
            try:
                self._disk = DiskHistory(folder / HISTORY)
            except StorageError as error:
                tell(str(error))
                folder = None
        history = MemoryHistory() if self._disk is None else self._disk
        markers = Markers(None if folder is None else folder / MARKERS)
        self.feed = Feed(history)
        self.routes: list[BaseRoute] = page_routes(self.feed) if config.admin.page else []
        judged = shown_alerts_of(config)
        if judged is not None:
            self.routes += verdict_routes(judged)
        brokers = bootstrap or config.kafka.bootstrap
        BoardMaker(config, meter, self.feed, history, markers, brokers, judged)

    def close(self) -> None:
        """End all streams, which a server would wait for, and keep no more of the past."""
        self.feed.close()
        if self._disk is not None:
            self._disk.close()
