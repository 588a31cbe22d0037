"""From the configuration to a worker's recovery."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from schemas.decoder import Decoder
from schemas.records import RecordCodec
from stream.config import Config
from stream.kafka.client import Connection
from stream.kafka.reader import PlaceReader
from stream.recovery.code_version import code_version
from stream.recovery.identity import Identity
from stream.recovery.recovery import Recovery
from stream.recovery.segments import Journal, Segments
from stream.recovery.tail import KafkaReader
from stream.snapshots.background import BackgroundWriter
from stream.snapshots.folder import SnapshotFolder
from stream.store.copier import Copier
from stream.store.setup import copier_of

# Where what is configured decides nothing: how much is taken at once, where arrays lie, on how
# many threads.
_DECIDES = {
    "fields": set(),
    "limits": set(),
    "features": set(),
    "windows": {"threads"},
    "labels": {"waiting_folder"},
    "model": set(),
    "decision": set(),
}


def recovery_of(
    config: Config,
    connection: Connection,
    decoders: tuple[Decoder, Decoder],
    alerts: RecordCodec,
    hash_key: bytes,
    tell: Callable[[str], None],
) -> Recovery | None:
    """Build a worker's recovery; None where it is off, as it is on the embedded broker.

    Parameters
    ----------
    config : Config
    connection : Connection
    decoders : (Decoder, Decoder)
        Of transactions and labels.
    alerts : RecordCodec
        How alerts are written.
    hash_key : bytes
    tell : callable
        Told in words what an operator should know.

    Raises
    ------
    RecoveryError
        If another worker has the folder.
    SnapshotError
        If it is empty and there are copies of snapshots, none of which can be used.
    """
    if not config.recovery.folder or connection.embedded:
        return None
    folder = Path(config.recovery.folder)
    snapshots = SnapshotFolder(folder, config.snapshot_key(), config.recovery.keep)
    copier, journal = copier_of(config, tell), Journal(folder)
    try:
        if copier is not None:
            bring_back(copier, snapshots, journal)
    except BaseException:
        journal.close()
        raise
    reader = KafkaReader(
        PlaceReader(connection, config.kafka.group, tell), config.topics.alerts, alerts, tell
    )
    return Recovery(
        journal,
        identity_of(config, decoders, hash_key),
        snapshots,
        BackgroundWriter(snapshots),
        reader,
        config.recovery.snapshot_interval / 1e6,
        tell,
        copier=copier,
    )


def bring_back(copier: Copier, snapshots: SnapshotFolder, journal: Segments) -> None:
    """Fill a folder in which nothing is: a journal is of its own snapshots, and they of it.

    Raises
    ------
    SnapshotError
        There are copies, and none can be used.
    """
    if not snapshots.numbers() and not journal.numbers():
        copier.bring_back(snapshots)


def identity_of(config: Config, decoders: tuple[Decoder, Decoder], hash_key: bytes) -> Identity:
    """Return who a worker of this code and configuration is."""
    return Identity(
        code_version(),
        configuration_digest(config, hash_key),
        config.topics.transactions,
        config.topics.labels,
        decoders[0].schema_ids,
        decoders[1].schema_ids,
    )


def configuration_digest(config: Config, hash_key: bytes) -> str:
    """Return twelve hexadecimal digits; equal ones decide alike, of the same records."""
    digest = hashlib.blake2b(key=hash_key, digest_size=6)
    for name, without in _DECIDES.items():
        digest.update(getattr(config, name).model_dump_json(exclude=without).encode() + b"\0")
    return digest.hexdigest()
