"""When recovery is on, and what counts as another configuration."""

from __future__ import annotations

import pytest
from sim import parts

from models.states.snapshot import State
from schemas.errors import RecoveryError, SnapshotError
from stream.config.configuration import load
from stream.config.sections import DecisionSection
from stream.kafka.client import Connection
from stream.recovery.code_version import code_version, release
from stream.recovery.setup import configuration_digest, recovery_of, require_partitions
from stream.snapshots.folder import SnapshotFolder

KEY = bytes(range(16))


def digest(key=KEY, **overrides):
    return configuration_digest(load(None, **overrides), key)


@pytest.mark.parametrize(
    "decides",
    [
        {"decision": {"review": 0.4}},
        {"features": {"names": ("amount",)}},
        {"fields": {"amount_unit": "major"}},
        {"labels": {"maturity": "1d"}},
        {"limits": {"id_bytes_max": 63}},
        {"model": {"kind": "forest"}},
        {"model": {"challengers": {"other": {"kind": "forest"}}}},
        {"windows": {"events_max": 1000}},
        {"lists": {"blocked": {"of": "card"}}},
        {"key": bytes(16)},
    ],
)
def test_what_decides_is_another_configuration(decides):
    assert digest(**decides) != digest()


@pytest.mark.parametrize(
    "does_not",
    [
        {"worker": {"batch_rows_max": 7, "commit_interval": "1h"}},
        {"windows": {"threads": 3}},
        {"labels": {"waiting_folder": "/x"}},
        {"topics": {"decisions": "x"}},
        {"recovery": {"snapshot_interval": "1h"}},
        {"kafka": {"group": "x"}},
    ],
)
def test_what_decides_nothing_may_change(does_not):
    assert digest(**does_not) == digest()


class LaterDecision(DecisionSection):
    new_key: int = 7


@pytest.mark.parametrize(("value", "same"), [(7, True), (8, False)])
def test_a_key_that_a_release_adds_counts_once_it_is_set(value, same):
    config = load(None)
    later = config.model_copy(update={"decision": LaterDecision(new_key=value)})
    assert (configuration_digest(later, KEY) == configuration_digest(config, KEY)) == same


def test_it_is_off_without_a_folder_and_on_the_embedded_broker(tmp_path):
    _, decoders, codecs, _ = parts()
    folder = {"recovery": {"folder": str(tmp_path / "state")}}
    for config, embedded in ((load(None), False), (load(None, **folder), True)):
        connection = Connection("127.0.0.1:1", embedded=embedded)
        found = recovery_of(config, connection, decoders, codecs.alert, KEY, print)
        assert found is None
    assert not (tmp_path / "state").exists()
    connection = Connection("127.0.0.1:1", {"log_level": 0})
    tell = [].append
    recovery = recovery_of(load(None, **folder), connection, decoders, codecs.alert, KEY, tell)
    assert recovery is not None
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    recovery.close()


def test_an_empty_folder_is_filled_from_a_copy_and_one_that_is_not_is_left_alone(tmp_path):
    _, decoders, codecs, _ = parts()
    own, elsewhere = tmp_path / "state", tmp_path / "copies"
    elsewhere.mkdir()
    SnapshotFolder(elsewhere).write(State("worker/1", {"step": 7}), 4)
    config = load(None, recovery={"folder": str(own), "copy_folder": str(elsewhere)})
    connection = Connection("127.0.0.1:1", {"log_level": 0})

    def recovery(told):
        return recovery_of(config, connection, decoders, codecs.alert, KEY, told.append)

    told = []
    recovery(told).close()
    assert SnapshotFolder(own).numbers() == [4]
    assert "goes on from copy 4" in told[0]
    SnapshotFolder(elsewhere).write(State("worker/1", {"step": 8}), 5)
    recovery(told).close()
    assert SnapshotFolder(own).numbers() == [4]
    assert sum("goes on from copy" in text for text in told) == 1
    # Copies that cannot be used are an error, and the folder is free again.
    SnapshotFolder(own).path(4).unlink()
    for number in (4, 5):
        SnapshotFolder(elsewhere).path(number).write_bytes(b"nothing")
    for _ in range(2):
        with pytest.raises(SnapshotError, match="none of the 2 copies"):
            recovery(told)


def test_the_codes_version_is_the_release_and_a_digest():
    number, _, rest = code_version().partition("+")
    assert number == release()
    assert len(rest) == 16


def test_a_folder_is_of_one_number_of_partitions(tmp_path):
    require_partitions(tmp_path / "state", 4)
    require_partitions(tmp_path / "state", 4)
    with pytest.raises(RecoveryError, match=r"with 4 partitions, and now it has 6.*empty folder"):
        require_partitions(tmp_path / "state", 6)
    # Whoever was to write it died.
    (tmp_path / "state" / "partitions").write_text("")
    require_partitions(tmp_path / "state", 6)
    with pytest.raises(RecoveryError, match="with 6 partitions, and now it has 4"):
        require_partitions(tmp_path / "state", 4)


def test_a_folder_with_the_other_kind_of_state_is_refused(tmp_path):
    _, decoders, codecs, _ = parts()
    connection = Connection("127.0.0.1:1")
    whole, each = tmp_path / "whole", tmp_path / "each"
    whole.mkdir()
    (whole / "snapshot-000000000001.state").write_bytes(b"")
    (each / "partition-00000").mkdir(parents=True)
    for folder, partition in ((whole, (0, 3)), (each, None)):
        config = load(None, recovery={"folder": str(folder)})
        with pytest.raises(RecoveryError, match=r"worker\.state is another now: give another"):
            recovery_of(config, connection, decoders, codecs.alert, KEY, print, partition)
