"""The figures as Prometheus reads them: made when it asks, from what the worker left behind."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from stream.admin.described import PREFIX, Buckets, Described, Moment
from stream.admin.metrics import METRICS
from stream.telemetry.figures import Figures


class FiguresCollector(Collector):
    """Gives Prometheus what the figures say at the moment of a scrape.

    Parameters
    ----------
    moment : callable
        Returns it; it takes no lock.
    """

    def __init__(self, moment: Callable[[], Moment]) -> None:
        self._moment = moment

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        moment = self._moment()
        for each in METRICS:
            if isinstance(each, Buckets):
                yield _histogram(each, moment.figures)
            else:
                yield _family(each, moment)


def _family(described: Described, moment: Moment) -> Metric:
    """Return a counter or a gauge with its values."""
    kind = CounterMetricFamily if described.kind == "counter" else GaugeMetricFamily
    family: CounterMetricFamily | GaugeMetricFamily = kind(
        PREFIX + described.name, described.meaning, labels=described.labels
    )
    for labels, value in described.samples(moment):
        family.add_metric(list(labels), float(value))
    return family


def _histogram(described: Buckets, figures: Figures) -> Metric:
    """Return a histogram with its buckets."""
    family = HistogramMetricFamily(PREFIX + described.name, described.meaning, labels=())
    found = described.values(figures, described.bounds)
    if found is not None:
        up_to, total = found
        ends = map(floatToGoString, (*described.bounds, math.inf))
        buckets = [(end, float(n)) for end, n in zip(ends, up_to, strict=True)]
        family.add_metric([], buckets, total)
    return family
