"""Copies of snapshots, in a folder and in a real Redis: whole or not taken, and never older."""

import io

import numpy as np
import pytest
import redis
from servers.kafka_server import unique_name
from servers.tcp_proxy import TcpProxy

from models.states.packing import peek
from models.states.snapshot import State, pack
from schemas.errors import StoreError
from stream.snapshots.folder import SnapshotFolder
from stream.store import copies as copies_module
from stream.store import redis_copies as redis_copies_module
from stream.store.client import RedisAddress
from stream.store.folder_copies import FolderCopies
from stream.store.keys import copies_key
from stream.store.redis_copies import RedisCopies

PIECE = 4096


def state(step, n=3000):
    return State("worker/1", {"step": step}, {"x": np.arange(n) + step})


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    for module in (copies_module, redis_copies_module):
        monkeypatch.setattr(module, "PIECE_BYTES", PIECE)
    monkeypatch.setattr("stream.store.folder_copies.PIECE_BYTES", PIECE)


@pytest.fixture
def snapshots(tmp_path):
    (tmp_path / "own").mkdir()
    return SnapshotFolder(tmp_path / "own", keep=10)


@pytest.fixture
def redis_place(redis_url):
    return RedisAddress(redis_url, 5.0), unique_name("group")


@pytest.fixture(params=["folder", pytest.param("redis", marks=pytest.mark.redis)])
def make(request, tmp_path):
    """Make the copies of the same worker, as often as one likes."""
    if request.param == "folder":
        return lambda: FolderCopies(tmp_path / "elsewhere", 3)
    place, group = request.getfixturevalue("redis_place")
    return lambda: RedisCopies(place, group, "worker", 3)


def always():
    return True


def put(copies, snapshots, number, step=None):
    step = number if step is None else step
    if number not in snapshots.numbers():
        snapshots.write(state(step), number)
    copies.put(snapshots.path(number), number, always)


def test_a_copy_comes_back_byte_for_byte_and_the_older_ones_go(make, snapshots, tmp_path):
    for number in range(1, 6):
        put(make(), snapshots, number)
    assert make().numbers() == [5, 4, 3]
    for number in (5, 4, 3):
        path = tmp_path / f"back-{number}"
        make().fetch(number, path)
        assert path.read_bytes() == pack(state(number))
        assert path.stat().st_mode & 0o777 == 0o600
    for number in (1, 9):
        with pytest.raises(StoreError):
            make().fetch(number, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    assert not list(tmp_path.glob("*.part"))


def test_where_nothing_was_copied_there_is_nothing(make):
    assert make().numbers() == []


def test_the_same_again_is_the_same(make, snapshots):
    put(make(), snapshots, 4)
    put(make(), snapshots, 4)
    assert make().numbers() == [4]


def test_a_newer_copy_is_not_written_over(make, snapshots, tmp_path):
    put(make(), snapshots, 7, step=70)
    for number, step in ((6, 60), (7, 69), (7, 71)):
        each = tmp_path / f"each-{number}-{step}"
        each.mkdir()
        others = SnapshotFolder(each, keep=10)
        path = others.write(state(step), number)
        with pytest.raises(StoreError, match="snapshot 7 of step 70: another worker copies there"):
            make().put(path, number, always)
    assert make().numbers() == [7]
    make().fetch(7, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == pack(state(70))


@pytest.mark.parametrize("pieces", range(7))
def test_a_copy_that_is_given_up_anywhere_is_none(make, snapshots, tmp_path, pieces):
    put(make(), snapshots, 1)
    snapshots.write(state(2), 2)
    left = [pieces]

    def going_on():
        left[0] -= 1
        return left[0] >= 0

    assert len(pack(state(2))) > 5 * PIECE
    if pieces <= 5:
        with pytest.raises(StoreError, match="given up"):
            make().put(snapshots.path(2), 2, going_on)
        assert make().numbers() == [1]
    put(make(), snapshots, 2)
    assert make().numbers() == [2, 1]
    make().fetch(2, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == pack(state(2))


def test_what_is_no_snapshot_is_not_copied(make, tmp_path):
    for content in (b"", b"x" * 1000, pack(State("worker/1"))):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(StoreError, match="no snapshot"):
            make().put(tmp_path / "file", 1, always)
    with pytest.raises(StoreError, match="cannot be read"):
        make().put(tmp_path / "gone", 1, always)
    assert make().numbers() == []


def keys_of(redis_place):
    place, group = redis_place
    with redis.Redis.from_url(place.url, decode_responses=True) as client:
        return sorted(client.scan_iter(f"fraudstream:{group}:*", count=1000))


@pytest.mark.redis
def test_in_redis_a_copy_that_was_cut_anywhere_is_none_and_leaves_nothing(
    redis_place, snapshots, tmp_path
):
    place, group = redis_place
    whole = RedisCopies(place, group, "worker", 2)
    for number in (1, 2):
        put(whole, snapshots, number)
    per_copy = (len(keys_of(redis_place)) - 1) // 2
    snapshots.write(state(3), 3)
    port = redis.connection.parse_url(place.url).get("port", 6379)
    cut = 0
    with TcpProxy(port) as proxy:
        there = RedisAddress(f"redis://127.0.0.1:{proxy.port}/0", 5.0)
        for n in range(50, 45_000, 449):
            proxy.cut_after(n)
            copies = RedisCopies(there, group, "worker", 2)
            try:
                copies.put(snapshots.path(3), 3, always)
            except StoreError:
                cut += 1
            else:
                break
            # Whatever was written, what is said to be whole can be fetched.
            numbers = whole.numbers()
            assert numbers in ([2, 1], [3, 2], [3, 2, 1])
            for number in numbers[:2]:
                whole.fetch(number, tmp_path / "back")
                assert (tmp_path / "back").read_bytes() == pack(state(number))
        assert cut > 50
        # What is left of one that nobody tries again goes with the next.
        snapshots.write(state(4), 4)
        proxy.cut_after(20_000)
        with pytest.raises(StoreError):
            RedisCopies(there, group, "worker", 2).put(snapshots.path(4), 4, always)
        assert [key for key in keys_of(redis_place) if ":000000000004-" in key]
    put(whole, snapshots, 5)
    assert whole.numbers()[0] == 5
    assert len(keys_of(redis_place)) == 1 + 2 * per_copy


@pytest.mark.redis
def test_in_redis_a_copy_whose_answers_are_lost_is_said_to_have_failed(
    redis_place, snapshots, tmp_path
):
    place, group = redis_place
    snapshots.write(state(1), 1)
    port = redis.connection.parse_url(place.url).get("port", 6379)
    with TcpProxy(port) as proxy:
        copies = RedisCopies(
            RedisAddress(f"redis://127.0.0.1:{proxy.port}/0", 5.0), group, "worker", 2
        )
        proxy.drop_replies = True
        with pytest.raises(StoreError):
            copies.put(snapshots.path(1), 1, always)
        proxy.drop_replies = False
        copies.put(snapshots.path(1), 1, always)
    assert RedisCopies(place, group, "worker", 2).numbers() == [1]


@pytest.mark.redis
def test_in_redis_what_is_damaged_is_refused_by_name(redis_place, snapshots, tmp_path):
    place, group = redis_place
    copies = RedisCopies(place, group, "worker", 3)
    put(copies, snapshots, 1)
    put(copies, snapshots, 2)
    pieces = [key for key in keys_of(redis_place) if ":000000000001-" in key]
    with redis.Redis.from_url(place.url) as client:
        good = client.get(pieces[1])
        client.delete(pieces[1])
        with pytest.raises(StoreError, match="piece 2 of 6 of snapshot 1 is gone"):
            copies.fetch(1, tmp_path / "back")
        client.set(pieces[1], good[:-1])
        with pytest.raises(StoreError, match=r"snapshot 1 has .* bytes of"):
            copies.fetch(1, tmp_path / "back")
        client.set(pieces[1], good)
        # Pieces of one under the name of the other.
        for key in pieces:
            newer = key.replace(pieces[0].split(":")[-2], copy_of(2))
            client.set(key, client.get(newer))
        with pytest.raises(StoreError, match="is another than its list says"):
            copies.fetch(1, tmp_path / "back")
        assert not (tmp_path / "back").exists()
        # What is no entry of ours is passed over.
        client.hset(copies_key(group, "worker"), "x", "nonsense")
        assert copies.numbers() == [2, 1]


def copy_of(number):
    _, digest, _ = peek(io.BytesIO(pack(state(number))))
    return f"{number:012d}-{digest.hex()[:16]}"


@pytest.mark.redis
def test_in_redis_a_copy_that_overtakes_stays(redis_place, snapshots, tmp_path):
    place, group = redis_place
    slow, fast = (RedisCopies(place, group, "worker", 3) for _ in range(2))
    for number in (1, 2):
        snapshots.write(state(number), number)
    asked = []

    def overtaken():
        if len(asked) == 3:
            fast.put(snapshots.path(2), 2, always)
        asked.append(None)
        return True

    with pytest.raises(StoreError, match="a newer copy than snapshot 1 came meanwhile"):
        slow.put(snapshots.path(1), 1, overtaken)
    assert fast.numbers() == [2]
    fast.fetch(2, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == pack(state(2))
    assert not [key for key in keys_of(redis_place) if ":000000000001-" in key]


@pytest.mark.redis
def test_in_redis_workers_of_a_group_have_their_own(redis_place, snapshots):
    place, group = redis_place
    put(RedisCopies(place, group, "b", 3), snapshots, 2)
    put(RedisCopies(place, group, "a", 3), snapshots, 5)
    assert RedisCopies(place, group, "a", 3).numbers() == [5]
    assert RedisCopies(place, group, "b", 3).numbers() == [2]


def test_in_a_folder_what_is_damaged_may_be_written_over_and_a_full_disk_leaves_the_rest(
    snapshots, tmp_path, monkeypatch
):
    copies = FolderCopies(tmp_path / "elsewhere", 3)
    put(copies, snapshots, 1)
    (tmp_path / "elsewhere" / "snapshot-000000000002.state").write_bytes(b"half")
    put(copies, snapshots, 2)
    copies.fetch(2, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == pack(state(2))

    def full(_):
        raise OSError(28, "No space left on device")

    snapshots.write(state(3), 3)
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        copies.put(snapshots.path(3), 3, always)
    assert sorted(each.name for each in (tmp_path / "elsewhere").iterdir()) == [
        "snapshot-000000000001.state",
        "snapshot-000000000002.state",
    ]


def test_all_copies_before_one_can_be_forgotten(make, snapshots):
    make().forget_before(3)
    for number in (1, 2, 3):
        put(make(), snapshots, number)
    make().forget_before(3)
    assert make().numbers() == [3]
