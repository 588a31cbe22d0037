from stream.kafka.steady_clock import SteadyClock

MS = 1_000_000


def test_a_clock_that_is_put_back_goes_on_from_what_it_was():
    wall, passed = [1000 * MS], [0]
    clock = SteadyClock(lambda: wall[0], lambda: passed[0])
    said = [clock.ms()]
    # On by 10, on by an hour, back by two, and then 10 a time.
    for moved in (10, 3_600_000, -7_200_000, 10, 10):
        wall[0] += moved * MS
        passed[0] += 10 * MS
        said.append(clock.ms())
    assert said == [1000, 1010, 3_601_010, 3_601_020, 3_601_030, 3_601_040]


def test_a_clock_that_is_right_is_followed():
    wall, passed = [1000 * MS], [0]
    clock = SteadyClock(lambda: wall[0], lambda: passed[0])
    # One that ran too fast may be late, and is never early.
    wall[0], passed[0] = 1100 * MS, 90 * MS
    assert clock.ms() == 1100
    wall[0], passed[0] = 1105 * MS, 100 * MS
    assert clock.ms() == 1110
    wall[0], passed[0] = 1200 * MS, 110 * MS
    assert clock.ms() == 1200
