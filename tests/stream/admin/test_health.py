"""Whether a worker lives and whether it is ready, in every phase of its life."""

from dataclasses import replace

import pytest

from stream.admin.health import Health
from stream.config.configuration import load
from stream.telemetry.figures import Phase
from stream.telemetry.traffic import TrafficMeter


class Life:
    """A meter without a worker, whose clock is turned by hand."""

    def __init__(self):
        self.now_s = 100.0
        self.meter = TrafficMeter(load(), clock=lambda: self.now_s)
        self.health = Health(self.meter, 60.0)

    def be(self, phase, assigned=0):
        self.meter.phase = phase
        self.meter.figures = replace(self.meter.figures, phase=phase, assigned=assigned)


@pytest.fixture
def life():
    return Life()


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.RECOVERING, Phase.STOPPING])
def test_who_does_not_work_yet_or_any_more_lives_and_is_not_ready(life, phase):
    life.be(phase, assigned=4)
    life.now_s += 10_000
    assert life.health.alive() == (True, "ok")
    assert life.health.ready() == (False, phase.value)


def test_who_has_partitions_is_ready(life):
    life.be(Phase.RUNNING, assigned=1)
    assert life.health.ready() == (True, "ready")


def test_who_has_none_waits(life):
    life.be(Phase.RUNNING)
    yes, why = life.health.ready()
    assert not yes
    assert why.startswith("waiting")
    assert life.health.alive().yes


def test_a_loop_that_stands_still_is_neither(life):
    life.be(Phase.RUNNING, assigned=1)
    life.now_s += 60
    assert life.health.alive().yes
    life.now_s += 1
    for said in (life.health.alive(), life.health.ready()):
        assert said == (False, "stuck: the loop has stood still for 61 s")
    life.meter.tally.turned()
    assert life.health.alive().yes
    assert life.health.ready().yes


def test_told_to_stop_it_is_not_ready_at_once(life):
    life.be(Phase.RUNNING, assigned=1)
    life.meter.stopping()
    assert life.health.ready() == (False, "stopping")
    life.meter.running()
    assert life.health.ready() == (False, "stopping"), "it does not begin again"
