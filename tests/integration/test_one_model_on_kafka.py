"""Workers on a real Kafka whose first partition learns one model for all."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from fault_log import injects, repeats, seen
from workers.worker_site import PARTITIONS, TOPICS, Site, Traffic, end_well, remembering, until

from models.states.snapshot import pack, unpack
from schemas.errors import RecoveryError, SnapshotError, StorageError
from schemas.records import RecordCodec, builtin
from stream.config.configuration import load
from stream.histories import Histories
from stream.recovery.history import take

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workers.lives import Lives

    from stream.engine.engine import Engine

pytestmark = pytest.mark.kafka

PER_PARTITION = 'state = "per_partition"\npartial_features = true\n'
ONE_MODEL = '[model]\nversion_interval = "500ms"\n'
EXAMPLES, VERSIONS = RecordCodec(builtin("training_example"), 22), RecordCodec(builtin("model"), 23)


@pytest.fixture
def site(tmp_path: Path, site_factory: Callable[..., Site]) -> Site:
    more = remembering(tmp_path / "state", interval="1h").replace("[model]\n", ONE_MODEL)
    return site_factory(PER_PARTITION + more, names=(*TOPICS, "training", "models"))


@injects(
    "kill -9 of workers one after the other, that of the partition which learns for all too",
    "one model, of all examples; decided as a replay decides",
)
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_partitions_come_to_one_model_of_all_examples(
    site: Site, lives: Lives, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic = Traffic(site, 300, 5, label_key=None)
    traffic.start()
    workers = [lives.started(), lives.started()]
    until(lambda: bool(newest_version(site)), 180)
    # Each has been killed in the end: the trainer's too, and what it left was taken up.
    for victim in list(workers):
        site.wait_for_more(300)
        assert victim.end(signal.SIGKILL, 10) == -signal.SIGKILL
        workers.remove(victim)
        workers.append(lives.started())
        before = newest_version(site)
        until(lambda before=before: newest_version(site) > before, 180)
    site.wait_for_more(600)
    sent = traffic.finish()
    decided = site.wait_until_decided(sent)
    site.wait_until_committed("transactions", "labels")
    config = ("--config", str(site.config))
    status, out, err = lives.run("backtest", *config, "--json")
    assert status == 0, out + err
    recorded = json.loads(out)["recorded"]
    assert recorded["decisions"]["other"] == []
    assert recorded["decisions"]["same"] > 300

    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)
    with Histories(load(site.config), print) as histories:
        found: list[object] = []

        def agree() -> bool:
            """Tell whether every partition has the newest version by now."""
            found.clear()
            try:
                engines = [engine_of(histories, folder) for folder in histories.folders()]
                newest = state_of(site, newest_version(site))
            except (StorageError, RecoveryError, SnapshotError) as error:
                # It was another's, and goes once it has been taken over; or it is not whole yet.
                found.append(error)
                return False
            found.extend(engine.learner.learned for engine in engines)
            theirs = [pack(engine.learner.state()) for engine in engines[1:]]
            return len(engines) == PARTITIONS and theirs == [newest] * (PARTITIONS - 1)

        until(agree, 180, lambda: str(found))
        # Of their own labels alone none of them would know so much.
        told = {
            (example["partition"], example["offset"], example["part"]): example["verdicts"]
            for example in map(EXAMPLES.decode, (each.value() for each in site.read("training")))
        }
        new = sum(verdict & 2 > 0 for verdicts in told.values() for verdict in verdicts)
        trainer = engine_of(histories, histories.folder_of(0))
        own = trainer.counters.labels_learned + trainer.counters.matured
        assert {partition for partition, _, _ in told} == {1, 2}
        assert new < trainer.learner.learned <= new + own
    for worker in workers:
        end_well(worker)
    seen(2, len(sent), len(sent - decided.keys()), repeats(site.alert_ids()))


def engine_of(histories: Histories, folder: Path) -> Engine:
    """Return what a partition's engine is by its newest snapshot and its journal."""
    history = histories.history(folder)
    start = next(history.starts())
    for taken in history.steps(start.progress, history.chain(start)):
        take(start.engine, taken)
    return start.engine


def newest_version(site: Site) -> int:
    """Return of which payment the newest version of the models is; 0: there is none."""
    records = [VERSIONS.decode(each.value()) for each in site.read("models")]
    return max((each["offset"] for each in records), default=0)


def state_of(site: Site, offset: int) -> bytes:
    """Return the champion of a version."""
    records = [VERSIONS.decode(each.value()) for each in site.read("models")]
    parts = {each["part"]: each["state"] for each in records if each["offset"] == offset}
    return pack(unpack(b"".join(parts[at] for at in sorted(parts))).parts["model"])
