"""From the configuration to a worker's recovery."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from schemas.decoder import Decoder
from schemas.errors import RecoveryError
from schemas.records import RecordCodec
from stream.config.configuration import Config
from stream.kafka.client import Connection
from stream.kafka.reader import PartitionReader
from stream.recovery.code_version import code_version
from stream.recovery.identity import Identity
from stream.recovery.recovery import Recovery
from stream.recovery.schedule import Schedule
from stream.recovery.segments import Journal, Segments
from stream.recovery.tail import KafkaReader, Tail
from stream.recovery.tenure import Tenure
from stream.snapshots.background import BackgroundWriter
from stream.snapshots.folder import SnapshotFolder
from stream.store.copier import Copier
from stream.store.setup import copier_of

PARTITION_FOLDERS = "partition-*"

# Where what is configured decides nothing: how much is taken at once, where arrays lie, on how
# many threads.
_DECIDES = {
    "fields": {"key"},
    "limits": set(),
    "features": set(),
    "windows": {"threads"},
    "labels": {"waiting_folder"},
    "model": {"registry": True, "challengers": {"__all__": {"cost_max_us"}}},
    "promotion": set(),
    "decision": set(),
    "lists": set(),
    "rules": set(),
}


def recovery_of(
    config: Config,
    connection: Connection,
    decoders: tuple[Decoder, Decoder],
    alerts: RecordCodec,
    hash_key: bytes,
    tell: Callable[[str], None],
    partition: tuple[int, int] | None = None,
    control: Decoder | None = None,
    tail: Tail | None = None,
) -> Recovery | None:
    """Build a worker's or a partition's recovery; None where it is off, as on the embedded broker.

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
    partition : (int, int), optional
        A partition that has a state of its own, and how many there are; whoever had it before
        has it no more. None: all have one state.
    control : Decoder, optional
        Of orders, where they are taken.
    tail : Tail, optional
        The same for all partitions that are taken up together: it is read once for them.

    Raises
    ------
    RecoveryError
        If another worker has the folder, or the topic had another number of partitions.
    SnapshotError
        If it is empty and there are copies of snapshots, none of which can be used.
    """
    if not config.recovery.folder or connection.embedded:
        return None
    section = config.recovery
    folder, tenure, first = Path(section.folder), None, 1.0
    _require_layout(folder, partition is not None)
    if partition is not None:
        require_partitions(folder, partition[1])
        tenure = Tenure(partition_folder(folder, partition[0]))
        # Not all of them at the same moment.
        folder, first = tenure.folder, (1 + partition[0]) / partition[1]
    kept = section.keep, section.history_days
    snapshots = SnapshotFolder(folder, config.snapshot_key(), *kept)
    copier = copier_of(config, tell, "" if partition is None else partition_name(partition[0]))
    journal = Journal(folder, tenure)
    try:
        if copier is not None:
            bring_back(copier, snapshots, journal)
    except BaseException:
        journal.close()
        if copier is not None:
            copier.close()
        raise
    reader = KafkaReader(
        PartitionReader(connection, config.kafka.group, tell),
        tail or Tail(config.topics.alerts, alerts, tell),
        None if partition is None else partition[0],
    )
    return Recovery(
        journal,
        identity_of(config, decoders, hash_key, control),
        snapshots,
        BackgroundWriter(snapshots),
        reader,
        Schedule(section.snapshot_interval / 1e6, section.replay_max / 1e6, first),
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


def _require_layout(folder: Path, per_partition: bool) -> None:
    """Refuse a folder with a state of the other kind: nobody would ever delete it.

    Raises
    ------
    RecoveryError
    """
    other = "snapshot-*.state" if per_partition else PARTITION_FOLDERS
    if folder.is_dir() and any(folder.glob(other)):
        kind = "one state for all partitions" if per_partition else "a state for each partition"
        raise RecoveryError(
            f"recovery.folder: {folder} holds {kind}, and worker.state is another now: give "
            "another folder, and delete this one once nobody needs it"
        )


def partition_name(partition: int) -> str:
    """Return what the state of a partition is called, here and where it is copied."""
    return f"partition-{partition:05d}"


def partition_folder(folder: Path, partition: int) -> Path:
    """Return where the state of a partition lies."""
    return folder / partition_name(partition)


def partition_of(folder: Path) -> int:
    """Return whose state lies in a folder, which may be that of a tenure in it."""
    for each in (folder, folder.parent):
        found = re.fullmatch(r"partition-(\d{5})", each.name)
        if found is not None:
            return int(found[1])
    raise ValueError(f"{folder} is no partition's")


def require_partitions(folder: Path, partitions: int) -> None:
    """Refuse a topic whose keys are spread over another number of partitions than before.

    Raises
    ------
    RecoveryError
        If it is another number, or the folder cannot be written to.
    """
    path = folder / "partitions"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError), open(path, "x", encoding="ascii") as file:
            file.write(f"{partitions}\n")
        before = path.read_text(encoding="ascii").strip()
        if not before:  # Whoever made it died.
            path.write_text(f"{partitions}\n", encoding="ascii")
    except OSError as error:
        raise RecoveryError(f"recovery.folder: {path}: {error.strerror}") from error
    if before and before != str(partitions):
        raise RecoveryError(
            f"recovery.folder: the state in {folder} is of a topic with {before} partitions, and "
            f"now it has {partitions}: the keys have moved between them. Begin with an empty "
            "folder, and an empty state"
        )


def identity_of(
    config: Config,
    decoders: tuple[Decoder, Decoder],
    hash_key: bytes,
    control: Decoder | None = None,
) -> Identity:
    """Return who a worker of this code and configuration is."""
    return Identity(
        code_version(),
        configuration_digest(config, hash_key),
        config.topics.transactions,
        config.topics.labels,
        decoders[0].schema_ids,
        decoders[1].schema_ids,
        config.topics.control,
        () if control is None else control.schema_ids,
        config.exchange(),
    )


def configuration_digest(config: Config, hash_key: bytes) -> str:
    """Return twelve hexadecimal digits; equal ones decide alike, of the same records."""
    digest = hashlib.blake2b(key=hash_key, digest_size=6)
    for name, without in _DECIDES.items():
        # A release that adds a key decides as before where nobody has set it.
        section = getattr(config, name).model_dump_json(exclude=without, exclude_defaults=True)
        digest.update(section.encode() + b"\0")
    if config.decision.reason_codes:
        # Which features are no reasons, and what is said of the others.
        digest.update(repr(config.reason_table()).encode())
    return digest.hexdigest()
