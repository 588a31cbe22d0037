"""Figures: what is read off them."""

from dataclasses import FrozenInstanceError, replace

import pytest
from inputs.figures import full_figures

from stream.telemetry.figures import Figures, Phase


def test_counts_are_summed_up_by_how_their_keys_begin():
    counts = {("dlq", "wire", "a"): 1, ("dlq", "wire", "b"): 2, ("dlq", "label", "a"): 4}
    figures = replace(full_figures(), counts={**counts, ("late",): 8})
    assert figures.count("dlq") == 7
    assert figures.count("dlq", "wire") == 3
    assert figures.count("dlq", "wire", "b") == 2
    assert figures.count("late") == 8
    assert figures.count("nothing") == 0


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("assigned", [0, 1])
def test_ready_is_who_runs_and_has_partitions(phase, assigned):
    figures = Figures(0.0, 0.0, phase=phase, assigned=assigned)
    assert figures.ready == (phase is Phase.RUNNING and assigned == 1)


def test_a_lag_of_which_nothing_is_known_is_not_0():
    assert Figures(0.0, 0.0).lag is None
    assert full_figures().lag == 12


def test_nobody_changes_them():
    with pytest.raises(FrozenInstanceError):
        full_figures().records = 1
