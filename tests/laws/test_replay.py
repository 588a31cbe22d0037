"""Law d: the same log gives the same bytes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from inputs.streams import digest, hostile_log, random_cuts, random_parameters, run, with_promotions
from seeds import seeds

ROOT = Path(__file__).parents[2]


@seeds(6)
def test_a_replay_gives_the_same_bytes(seed):
    rng = np.random.default_rng(seed)
    parameters = random_parameters(rng)
    log = with_promotions(rng, hostile_log(rng, 350))
    cuts = random_cuts(rng, log)
    first, second = run(parameters, log, cuts), run(parameters, log, cuts)
    assert first.said() == second.said()
    assert first.state() == second.state()
    assert first.features.tobytes() == second.features.tobytes()


@pytest.mark.quality
@seeds(1)
def test_a_replay_in_a_process_with_other_hash_seeds_gives_the_same_bytes(seed):
    program = f"from inputs import streams; print(streams.digest({seed}))"
    expected = digest(seed)
    for hash_seed in ("0", "77"):
        environment = os.environ | {
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
            "PYTHONWARNINGS": "ignore",
        }
        process = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        assert process.stdout.strip() == expected


@seeds(4)
def test_a_step_writes_into_nothing_that_it_was_given(seed):
    rng = np.random.default_rng(seed)
    log = hostile_log(rng, 200)
    before = log.transactions.longs.tobytes(), log.labels.longs.tobytes()
    engine = run(random_parameters(rng), log).engine
    again = hostile_log(np.random.default_rng(seed), 200)
    assert (log.transactions.longs.tobytes(), log.labels.longs.tobytes()) == before
    for batch, take in ((again.transactions, engine.step), (again.labels, engine.label)):
        kept = batch.longs.tobytes()
        take(batch)
        assert batch.longs.tobytes() == kept


@seeds(4)
def test_effects_do_not_change_when_the_engine_goes_on(seed):
    rng = np.random.default_rng(seed)
    log = hostile_log(rng, 200)
    engine = run(random_parameters(rng), log.head(20)).engine
    effects = engine.step(log.transactions)
    before, alerts = columns_of(effects), bytes_of(effects.alerted)
    engine.label(log.labels)
    engine.step(hostile_log(rng, 200).transactions)
    assert columns_of(effects) == before
    assert bytes_of(effects.alerted) == alerts


def bytes_of(alerted):
    return [[column.tobytes() for column in each] for each in alerted]


def columns_of(effects):
    columns = {**vars(effects), **vars(effects.readings)}
    return {k: v.tobytes() for k, v in columns.items() if isinstance(v, np.ndarray)}
