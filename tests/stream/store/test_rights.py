"""What docs/redis.md says that the user of Redis needs is enough, and no more is asked for."""

import re
from pathlib import Path

import numpy as np
import pytest
import redis
from servers.kafka_server import unique_name

from models.states.snapshot import State
from schemas.errors import StoreError
from stream.snapshots.folder import SnapshotFolder
from stream.store.client import RedisAddress
from stream.store.entity_columns import EntityColumns
from stream.store.feature_hashes import FeatureHashes, look_up
from stream.store.keys import features_key
from stream.store.newest import Newest
from stream.store.redis_copies import RedisCopies

pytestmark = pytest.mark.redis

PAGE = Path(__file__).parents[3] / "docs" / "redis.md"
OF = EntityColumns("card", 0, np.arange(1), ("card.count_1h",))
ONE = Newest(np.array([7], np.uint64), np.ones((3, 1), np.int64), np.zeros(1), np.ones((1, 1)))


def documented():
    text = re.search(r"The user of Redis needs (.*?) on the keys `(.*?)`", PAGE.read_text(), re.S)
    return re.findall(r"`([A-Z ]+)`", text[1]), text[2]


def work(place, folder):
    group = unique_name("group")
    hashes = FeatureHashes(place, group, "t", 60_000_000)
    hashes.write(OF, ONE)
    hashes.forget("card", [8])
    assert look_up(place, [features_key(group, "card", 7)]).values == {"card.count_1h": 1.0}
    copies = RedisCopies(place, group, "worker", 1)
    snapshots = SnapshotFolder(folder, keep=9)
    for number in snapshots.numbers() or (1, 2):
        if number not in snapshots.numbers():
            snapshots.write(State("worker/1", {"step": number}), number)
        copies.put(snapshots.path(number), number, lambda: True)
    copies.fetch(copies.numbers()[0], folder / "back")
    place.ping()
    hashes.close()


def test_the_documented_rights_are_enough_and_each_is_needed(redis_server, tmp_path):
    commands, keys = documented()
    with redis.Redis.from_url(redis_server.url) as admin:

        def allow(names):
            rules = [f"+{name.lower().replace(' ', '|')}" for name in names]
            made = ["reset", "on", ">s3cret", f"~{keys}", *rules]
            admin.execute_command("ACL", "SETUSER", "ours", *made)

        url = redis_server.url.replace("127", "ours:s3cret@127", 1)
        place = RedisAddress(url, 5.0)
        allow(commands)
        work(place, tmp_path)
        # Not asked for here: where Redis has forgotten a script, where hashes stay for ever, and
        # what is not insisted on.
        for missing in sorted({*commands} - {"EVAL", "PERSIST", "CLIENT SETNAME"}):
            allow([name for name in commands if name != missing])
            folder = tmp_path / missing
            folder.mkdir()
            with pytest.raises(StoreError) as refused:
                work(place, folder)
            assert "s3cret" not in str(refused.value)
        admin.execute_command("ACL", "DELUSER", "ours")
