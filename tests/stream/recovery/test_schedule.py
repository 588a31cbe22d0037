"""When a snapshot is due, by the time that has passed and by the work that was done."""

from stream.recovery.schedule import RETRY_S, Schedule


def test_one_is_due_after_each_interval_and_the_first_after_its_share():
    schedule = Schedule(10.0, first=0.25)
    schedule.live(100.0, replayed=False)
    assert not schedule.is_due(102.4)
    assert schedule.is_due(102.5)
    schedule.again(102.5)
    assert not schedule.is_due(112.4)
    assert schedule.is_due(112.5)


def test_what_was_replayed_once_is_not_replayed_again():
    schedule = Schedule(10.0)
    schedule.live(100.0, replayed=True)
    assert schedule.is_due(100.0)


def test_what_could_not_be_done_is_tried_again_soon_and_at_once_is_at_once():
    schedule = Schedule(10.0)
    schedule.again(5.0, soon=True)
    assert not schedule.is_due(5.0)
    assert schedule.is_due(5.0 + RETRY_S)
    schedule.again(6.0)
    schedule.at_once(7.0)
    assert schedule.is_due(7.0)


def test_much_work_makes_one_due_once():
    schedule = Schedule(10.0, replay_max_s=3.0)
    schedule.live(0.0, replayed=False)
    schedule.worked(3.0)
    assert not schedule.is_due(1.0)
    schedule.worked(0.5)
    assert schedule.is_due(1.0)
    # It could not be taken, and is not asked for at every turn.
    schedule.again(1.0, soon=True)
    assert not schedule.is_due(1.5)
    assert schedule.is_due(2.0)


def test_a_replay_costs_the_work_since_the_last_whole_one_was_begun():
    schedule = Schedule(10.0)
    schedule.worked(2.0)
    schedule.begun()
    schedule.worked(1.5)
    assert schedule.replay_s == 3.5
    schedule.whole()
    assert schedule.replay_s == 1.5
