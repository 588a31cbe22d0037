"""What the doctor says of a folder that lies where others see late what is written."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from schemas.errors import ConfigError
from schemas.kept_kernels import COUNTS
from schemas.kernel_cache import cache_folder
from stream import doctor
from stream.config.configuration import load

NFS = "nfs4"


@pytest.fixture
def recovery_of(tmp_path, monkeypatch):
    """Return what is found of recovery, on a file system and with a state."""
    kept = {"fraud.transactions": SimpleNamespace(compacted=False, seconds=math.inf)}
    monkeypatch.setattr(doctor.topics, "retention", lambda *_: kept)
    for name in ("_kernels", "_schemas", "_broker", "_topics", "_redis"):
        monkeypatch.setattr(doctor, name, lambda config: "")

    def found(kind, state):
        monkeypatch.setattr(doctor, "stale_file_system", lambda folder: kind)
        config = load(
            None,
            recovery={"folder": str(tmp_path)},
            worker={"state": state, "partial_features": True},
        )
        (finding,) = (each for each in doctor.examine(config) if each.check == "recovery")
        return finding.ok, finding.text

    return found


def test_workers_that_share_a_folder_must_see_what_others_write(recovery_of):
    ok, text = recovery_of(NFS, "per_partition")
    assert not ok
    assert "is on nfs4" in text
    assert "CephFS" in text
    assert recovery_of("", "per_partition")[0]


@pytest.mark.parametrize(("lag_s", "ok"), [(0.0, False), (7 * 86_400.0, True)])
def test_versions_of_models_may_be_compacted_once_no_recovery_reads_them(
    lag_s, ok, tmp_path, monkeypatch
):
    kept = {
        "fraud.training": SimpleNamespace(compacted=False, seconds=math.inf),
        "fraud.models": SimpleNamespace(compacted=True, seconds=math.inf, uncompacted_s=lag_s),
    }
    monkeypatch.setattr(doctor.topics, "retention", lambda *_: kept)
    config = load(
        None,
        recovery={"folder": str(tmp_path)},
        worker={"state": "per_partition", "partial_features": True},
        topics={"training": "fraud.training", "models": "fraud.models"},
    )
    if ok:
        assert "the inputs are kept for ever" in doctor._recovery(config)
        return
    with pytest.raises(ConfigError, match=r"fraud\.models is compacted after 0 s.*min\.compaction"):
        doctor._recovery(config)


def test_one_worker_is_warned_only(recovery_of):
    ok, text = recovery_of(NFS, "whole")
    assert ok
    assert "can be written, but is on nfs4" in text
    assert "nfs" not in recovery_of("", "whole")[1]


def test_a_folder_of_kernels_may_be_read_only(monkeypatch):
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    text = doctor._kernel_cache(load(None))
    assert text.startswith(f"{cache_folder()}, which is only read; for ")


def test_kernels_that_every_start_compiles_are_said(monkeypatch):
    monkeypatch.setattr(COUNTS, "not_kept", 0)
    assert doctor._kernels(load(None)).startswith("ready in ")
    monkeypatch.setattr(COUNTS, "not_kept", 7)
    with pytest.raises(ConfigError, match="7 kernels are compiled at every start"):
        doctor._kernels(load(None))
