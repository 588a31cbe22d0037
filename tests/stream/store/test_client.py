"""How Redis is spoken to: bounded, once, in clear to nobody, and without a word of secrets."""

import time

import pytest
import redis
from servers.tcp_proxy import TcpProxy

from schemas.errors import ConfigError, StoreError
from stream.store.client import RedisAddress

SECRET = "s3cret"


def place(url, timeout_s=0.1):
    return RedisAddress(url, timeout_s)


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "redis://localhost",
        "redis://[::1]:6379/3",
        f"redis://user:{SECRET}@127.0.0.1:6379/0",
        "rediss://redis.example:6380/0",
        "rediss://redis.example?ssl_ca_certs=/etc/ca.pem",
        "unix:///run/redis.sock",
    ],
)
def test_what_stays_here_or_is_encrypted_is_taken(url):
    place(url).check(allow_insecure=False)


@pytest.mark.parametrize("host", ["redis.example", "10.0.0.7:6379", "127.0.0.1.example", "state"])
def test_features_in_clear_to_another_machine_are_refused(host):
    url = f"redis://user:{SECRET}@{host}/0"
    with pytest.raises(ConfigError, match=r"in clear.*redis\.allow_insecure = true") as caught:
        place(url).check(allow_insecure=False)
    assert SECRET not in str(caught.value)
    place(url).check(allow_insecure=True)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"http://user:{SECRET}@127.0.0.1", "no URL of Redis"),
        (f"{SECRET}", "no URL of Redis"),
        (f"redis://user:{SECRET}@127.0.0.1:port", "port"),
        (f"redis://user:{SECRET}@127.0.0.1:99999", "port"),
        (f"redis://user:{SECRET}@/0", "names no host"),
        (f"redis://user:{SECRET}@[::1/0", "port|URL"),
        (f"redis://user:{SECRET}@127.0.0.1/0?socket_timeout=60", "socket_timeout cannot be set"),
        (f"rediss://user:{SECRET}@127.0.0.1/0?ssl_cert_reqs=none", "ssl_cert_reqs cannot be set"),
        (f"redis://user:{SECRET}@127.0.0.1/0?ssl_ca_certs=x&db=x", "cannot be used"),
    ],
)
def test_what_is_no_url_is_refused_without_its_secret(url, why):
    with pytest.raises(ConfigError, match=why) as caught:
        place(url).check(allow_insecure=True)
    assert "redis.url" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_place_shows_no_secret():
    there = place(f"redis://user:{SECRET}@127.0.0.1:6379/0")
    assert SECRET not in repr(there)
    assert there.name == "redis://127.0.0.1:6379/0"
    assert place("rediss://u:p@[::1]/2").name == "rediss://[::1]:6379/2"


def asked(there, command="PING"):
    client = there.client()
    try:
        with there.asking(client):
            return client.execute_command(command)
    finally:
        client.close()


def test_nobody_is_there():
    there = place(f"redis://user:{SECRET}@127.0.0.1:1/0")
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        asked(there)
    assert SECRET not in str(caught.value)


@pytest.mark.redis
def test_a_frozen_redis_takes_no_longer_than_the_bound(redis_server):
    there = place(redis_server.url)
    client = there.client()
    with there.asking(client):
        assert client.ping()
    redis_server.pause()
    for _ in range(3):
        began_s = time.monotonic()
        with pytest.raises(StoreError, match="does not answer within 100 ms"), there.asking(client):
            client.ping()
        assert time.monotonic() - began_s < 1.0
    redis_server.resume()
    # What was asked meanwhile is answered to nobody: the next answer is the next question's.
    with there.asking(client):
        assert client.echo("now") == b"now"
    client.close()


@pytest.mark.redis
def test_what_lost_its_answer_is_not_sent_again(redis_server):
    there = place(redis_server.url)
    with TcpProxy(redis_server.ports[0]) as proxy:
        lossy = place(f"redis://127.0.0.1:{proxy.port}/0")
        client = lossy.client()
        with lossy.asking(client):
            assert client.incr("count") == 1
        # Only this one: whoever tried again would be heard.
        proxy.drop_next = 1
        with pytest.raises(StoreError), lossy.asking(client):
            client.incr("count")
        assert proxy.dropped == 1
        assert asked(there, "GET count") == b"2"
        client.close()


@pytest.mark.redis
def test_a_server_that_is_the_primary_no_more_is_asked_on_a_new_connection(redis_server):
    with TcpProxy(redis_server.ports[0]) as proxy, redis.Redis.from_url(redis_server.url) as admin:
        there = place(f"redis://127.0.0.1:{proxy.port}/0", 5.0)
        client = there.client()
        with there.asking(client):
            client.set("a", "b")
        assert proxy.connections == 1
        admin.replicaof("127.0.0.1", 1)
        try:
            with pytest.raises(StoreError, match=r"refused: .*read only"), there.asking(client):
                client.set("a", "c")
        finally:
            admin.replicaof("NO", "ONE")
        # The name may lead elsewhere by now.
        with there.asking(client):
            client.set("a", "c")
        assert proxy.connections == 2
        client.close()


@pytest.mark.redis
def test_a_wrong_password_and_a_refusal_are_said_in_words(redis_server):
    with pytest.raises(StoreError, match="refuses the user or the password") as caught:
        asked(place(redis_server.url.replace("127", f"user:{SECRET}@127", 1)))
    assert SECRET not in str(caught.value)
    with pytest.raises(StoreError, match=r"refused: .*unknown command"):
        asked(place(redis_server.url), "NONSENSE")


@pytest.mark.redis
def test_a_full_redis_is_said_in_words(redis_server):
    there = place(redis_server.url)
    with redis.Redis.from_url(redis_server.url) as other:
        other.config_set("maxmemory", "1")
        try:
            with pytest.raises(StoreError, match="is full"):
                asked(there, "SET a b")
        finally:
            other.config_set("maxmemory", "0")
