"""What a partition tells the others, and what it does with what they tell."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stream.config.configuration import Config
from stream.engine.effects import Effects
from stream.engine.parameters import EngineParameters
from stream.exchange.shared_payments import SharedPayments, Told
from stream.features.sharing import SharedLayout
from stream.kafka.sink import OutRecord
from stream.learner import lesson_records
from stream.learner.lesson_records import LessonRecords
from stream.learner.tuition import Tuition
from stream.learner.version_records import ToldVersion, VersionRecords
from stream.records.publish import Codecs

# What one record tells.
Heard = Told | lesson_records.Told | ToldVersion


@dataclass
class HeardCounts:
    """What a state heard of others.

    Attributes
    ----------
    payments : int
        Told by them, repeats too.
    lessons : int
        Learned for them.
    versions : int
        Of the models, taken over.
    passed_over : int
        Records that mean nothing here, or are of other features or models.
    """

    payments: int = 0
    lessons: int = 0
    versions: int = 0
    passed_over: int = 0


class Listener(Protocol):
    """Who hears it; see `stream.engine.engine.Engine`."""

    tuition: Tuition

    def hear(self, partition: int, words: NDArray[np.int64]) -> None:
        """Let windows count payments that another partition took."""
        ...


class PartitionExchange:
    """Writes and reads the topics on which partitions tell each other.

    Parameters
    ----------
    shared : SharedPayments or None
        None: payments are not told.
    lessons : LessonRecords or None
    versions : VersionRecords or None
        None: each partition learns alone.
    """

    def __init__(
        self,
        shared: SharedPayments | None,
        lessons: LessonRecords | None = None,
        versions: VersionRecords | None = None,
    ) -> None:
        self._shared = shared
        self._lessons = lessons
        self._versions = versions
        self._by_topic = {
            each.topic: each for each in (shared, lessons, versions) if each is not None
        }

    def __contains__(self, topic: str) -> bool:
        """Tell whether partitions tell each other on a topic."""
        return topic in self._by_topic

    def records(self, effects: Effects) -> Iterator[OutRecord]:
        """Yield what others are to know of a step."""
        if self._shared is not None:
            yield from self._shared.records(effects.shared)
        if self._lessons is not None:
            yield from self._lessons.records(effects.lessons)
        if self._versions is not None:
            yield from self._versions.records(effects.versions)

    def read(self, topic: str, value: bytes | None) -> Heard | None:
        """Return what a record tells; None of what means nothing here."""
        return self._by_topic[topic].read(value)


def hear(engine: Listener, heard: Heard | None, counts: HeardCounts) -> None:
    """Let an engine hear what a record tells, and count it; None: it means nothing here."""
    match heard:
        case Told():
            engine.hear(*heard)
            counts.payments += heard.words.shape[1]
        case lesson_records.Told():
            if engine.tuition.learn(*heard):
                counts.lessons += len(heard.lessons.is_fraud)
        case ToldVersion():
            adopted = engine.tuition.adopt(*heard)
            counts.versions += adopted is True
            counts.passed_over += adopted is False
        case None:
            counts.passed_over += 1


def exchange_of(
    config: Config, parameters: EngineParameters, codecs: Codecs, partition: int | None
) -> PartitionExchange:
    """Return what a partition tells and hears; nothing where there is one state for all.

    Parameters
    ----------
    config : Config
    parameters : EngineParameters
    codecs : Codecs
    partition : int or None
        Its own; None: it only reads, or there is one state for all.
    """
    exchange, names = config.exchange(), parameters.features.names
    own = -1 if partition is None else partition
    shared = lessons = versions = None
    if exchange.shared and codecs.shared is not None:
        layout = SharedLayout(parameters.features, parameters.shared, parameters.hash_key)
        rows_max = parameters.batch_rows_max
        shared = SharedPayments(exchange.shared, codecs.shared, layout, rows_max, own)
    if codecs.lesson is not None and codecs.model is not None and exchange.models:
        digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
        lessons = LessonRecords(exchange.lessons, codecs.lesson, digest, len(names), own)
        versions = VersionRecords(exchange.models, codecs.model, digest, config.snapshot_key())
    return PartitionExchange(shared, lessons, versions)
