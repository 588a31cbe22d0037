"""Members of a group do the whole job between them."""

import pytest

from benchmarks.bench_workers import work


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.parametrize("members", [1, 2])
def test_all_members_have_a_part_and_nothing_is_left_out(kafka_bootstrap, members):
    took = work(kafka_bootstrap, members, 1_000, 1)
    assert took.times.wall > 0
    assert took.broker_s > 0
