"""Both ways in which features see all partitions count each payment in each window once."""

import pytest
from servers.kafka_server import unique_name

from benchmarks.bench_shared import PARTITIONS, Hop, Sharing, sent_on, told


@pytest.mark.kafka
def test_a_batch_that_is_told_is_counted_by_all_others_and_one_sent_on_by_its_owner(
    kafka_bootstrap,
):
    hops = [Hop(kafka_bootstrap, unique_name("hop")) for _ in range(3)]
    try:
        sharing, other = Sharing(20, 1), Sharing(20, 1)
        told(sharing, hops[0])()
        assert [each.arrived for each in sharing.others] == [20] * (PARTITIONS - 1)
        sent_on(other, *hops[1:])()
        assert [each.arrived for each in other.others] == [20, *[0] * (PARTITIONS - 2)]
    finally:
        for hop in hops:
            hop.close()
