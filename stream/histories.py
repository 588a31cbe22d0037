"""What a configuration's workers took and kept, opened to be taken once more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Self

from schemas.errors import ConfigError, RecoveryError
from stream.app import codecs_of, connection_of, decoders_of, engine_of, publisher_of, registry_of
from stream.assembly import input_partitions
from stream.config.configuration import Config
from stream.engine.engine import Engine
from stream.exchange.partition_exchange import exchange_of
from stream.kafka.reader import PartitionReader
from stream.records.publish import Publisher
from stream.recovery.history import History
from stream.recovery.segments import Segments
from stream.recovery.setup import (
    PARTITION_FOLDERS,
    identity_of,
    partition_folder,
    partition_of,
)
from stream.recovery.tail import KafkaReader, Tail
from stream.recovery.tenure import newest_tenure
from stream.snapshots.folder import SnapshotFolder


class Histories:
    """The folders of `recovery.folder`, and the brokers that hold what was taken.

    Parameters
    ----------
    config : Config
    tell : callable
        Told of broker trouble that heals by itself.

    Raises
    ------
    ConfigError
        If there is no folder.
    RegistryError, SchemaError, BrokerError

    Attributes
    ----------
    places : PartitionReader
    """

    def __init__(self, config: Config, tell: Callable[[str], None]) -> None:
        if not config.recovery.folder:
            raise ConfigError(
                "recovery.folder is not set: without a journal nothing can be replayed"
            )
        self.config = config
        self.root = Path(config.recovery.folder)
        self.hash_key = config.hash_key()
        self._connection = connection_of(config)
        registry = registry_of(config)
        self.decoders = decoders_of(config, registry, self.hash_key)
        self.codecs = codecs_of(config, registry)
        registry.close()
        self.places = PartitionReader(self._connection, config.kafka.group, tell)
        tail = Tail(config.topics.alerts, self.codecs.alert, tell)
        self._reader = KafkaReader(self.places, tail)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def folders(self) -> list[Path]:
        """Return the folder of every state, by partition where each has its own.

        Raises
        ------
        RecoveryError
            If there is none.
        """
        if not self.config.per_partition:
            return [self.root]
        found = [newest_tenure(each) for each in sorted(self.root.glob(PARTITION_FOLDERS))]
        folders = [each for each in found if each is not None]
        if not folders:
            raise RecoveryError(f"recovery.folder: {self.root} holds the state of no partition")
        return folders

    def folder_of(self, partition: int) -> Path:
        """Return where the state lies that decided a partition's payments.

        Raises
        ------
        RecoveryError
            If it is not there.
        """
        if not self.config.per_partition:
            return self.root
        folder = newest_tenure(partition_folder(self.root, partition))
        if folder is None:
            raise RecoveryError(
                f"recovery.folder: nothing of partition {partition} is in {self.root}"
            )
        return folder

    def history(self, folder: Path) -> History:
        """Return what was taken by a folder's worker."""
        config, decoders, hash_key = self.config, self.decoders, self.hash_key
        partitions = input_partitions(config, self._connection) if config.per_partition else 1
        inputs = decoders.transactions, decoders.labels
        parameters = config.engine_parameters(hash_key, partitions)

        def engine() -> Engine:
            made = engine_of(config, hash_key, partitions=partitions)
            if config.per_partition:
                made.training.serve(partition_of(folder))
            return made

        return History(
            Segments(folder),
            SnapshotFolder(folder, config.snapshot_key()),
            identity_of(config, inputs, hash_key, decoders.control),
            self._reader,
            engine,
            *inputs,
            decoders.control,
            exchange_of(config, parameters, self.codecs, None),
        )

    def publisher(self, engine: Engine) -> Publisher:
        """Return what words an engine's decisions."""
        return publisher_of(self.config, engine)
