"""Before the first record: pages that are touched, and garbage that is looked for once."""

import gc
import mmap
from pathlib import Path

import numpy as np
import pytest
from inputs.streams import random_parameters

from models.compiler import compile as compile_model
from models.river.adapter import logistic_pipeline
from stream.engine.engine import Engine
from stream.process_memory import collect, touch


def resident_bytes():
    """What of this process lies in memory now."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the system does not say")


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the system does not say")
def test_touching_takes_the_memory_and_changes_nothing():
    # Of the system itself: what an allocator has had before is there already.
    array = np.frombuffer(mmap.mmap(-1, 2**26), np.float64).reshape(64, 2**17)
    array[3, 5] = 7.0
    before = resident_bytes()
    assert touch([array]) == array.nbytes == 2**26
    assert resident_bytes() - before > 0.9 * array.nbytes
    assert array[3, 5] == array.sum() == 7.0


def test_a_mapped_file_is_left_alone(tmp_path):
    (tmp_path / "rows").write_bytes(bytes(8))
    mapped = np.memmap(tmp_path / "rows", np.float64, "r", shape=(1,))
    assert touch([mapped, np.array(1)]) == 0


def test_all_that_an_engine_remembers_can_be_touched():
    parameters = random_parameters(np.random.default_rng(1))
    learner = compile_model(logistic_pipeline(), list(parameters.features.names))
    engine = Engine(parameters, learner)
    arrays = list(engine.arrays())
    held = {id(array.base if array.base is not None else array) for array in arrays}
    assert len(held) == len(arrays)
    assert touch(arrays) >= engine.features.bytes_allocated + engine.waiting.features.nbytes


def test_what_was_dropped_after_a_collection_is_freed_by_the_next():
    freed = []

    class Held:
        def __del__(self):
            freed.append(True)

    held = Held()
    held.itself = held
    collect()
    try:
        del held
        gc.collect()
        assert not freed
        collect()
        assert freed
    finally:
        # As it was: tests are spared looking through what lives on, too.
        collect()
