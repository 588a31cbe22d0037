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
from stream.exchange.shared_payments import ReceivedPayments, SharedPayments
from stream.features.sharing import SharedLayout
from stream.kafka.sink import OutRecord
from stream.records.publish import Codecs
from stream.shared_model.example_records import ExampleRecords, ReceivedExamples
from stream.shared_model.training import Training
from stream.shared_model.version_records import ReceivedVersion, VersionRecords

# What one record tells.
Received = ReceivedPayments | ReceivedExamples | ReceivedVersion


@dataclass
class HeardCounts:
    """What a state heard of others.

    Attributes
    ----------
    payments : int
        Told by them, repeats too.
    examples : int
        Learned for them.
    versions : int
        Of the models, taken over.
    passed_over : int
        Records that mean nothing here, or are of other features or models.
    """

    payments: int = 0
    examples: int = 0
    versions: int = 0
    passed_over: int = 0


class Listener(Protocol):
    """Who hears it; see `stream.engine.engine.Engine`."""

    training: Training

    def hear(self, partition: int, words: NDArray[np.int64]) -> None:
        """Let windows count payments that another partition took."""
        ...


class PartitionExchange:
    """Writes and reads the topics on which partitions tell each other.

    Parameters
    ----------
    shared : SharedPayments or None
        None: payments are not told.
    examples : ExampleRecords or None
    versions : VersionRecords or None
        None: each partition learns alone.
    """

    def __init__(
        self,
        shared: SharedPayments | None,
        examples: ExampleRecords | None = None,
        versions: VersionRecords | None = None,
    ) -> None:
        self._shared = shared
        self._examples = examples
        self._versions = versions
        self._by_topic = {
            each.topic: each for each in (shared, examples, versions) if each is not None
        }

    def __contains__(self, topic: str) -> bool:
        """Tell whether partitions tell each other on a topic."""
        return topic in self._by_topic

    def records(self, effects: Effects) -> Iterator[OutRecord]:
        """Yield what others are to know of a step."""
        if self._shared is not None:
            yield from self._shared.records(effects.shared)
        if self._examples is not None:
            yield from self._examples.records(effects.examples)
        if self._versions is not None:
            yield from self._versions.records(effects.versions)

    def read(self, topic: str, value: bytes | None) -> Received | None:
        """Return what a record tells; None of what means nothing here."""
        return self._by_topic[topic].read(value)


def hear(engine: Listener, heard: Received | None, counts: HeardCounts) -> None:
    """Let an engine hear what a record tells, and count it; None: it means nothing here."""
    match heard:
        case ReceivedPayments():
            engine.hear(*heard)
            counts.payments += heard.words.shape[1]
        case ReceivedExamples():
            if engine.training.learn(*heard):
                counts.examples += len(heard.examples.is_fraud)
        case ReceivedVersion():
            adopted = engine.training.adopt(*heard)
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
    shared = examples = versions = None
    if exchange.shared and codecs.shared is not None:
        layout = SharedLayout(parameters.features, parameters.shared, parameters.hash_key)
        rows_max = parameters.batch_rows_max
        shared = SharedPayments(exchange.shared, codecs.shared, layout, rows_max, own)
    if codecs.training is not None and codecs.model is not None and exchange.models:
        digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
        examples = ExampleRecords(exchange.training, codecs.training, digest, len(names), own)
        versions = VersionRecords(exchange.models, codecs.model, digest, config.snapshot_key())
    return PartitionExchange(shared, examples, versions)
