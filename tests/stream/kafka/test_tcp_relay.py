"""A fixed address in front of the embedded broker: any client may come in there."""

import socket
from contextlib import suppress

import pytest
from confluent_kafka import Producer

from schemas.errors import BrokerError
from stream.kafka.client import Connection
from stream.kafka.embedded import EmbeddedBroker
from stream.kafka.reader import PartitionReader
from stream.kafka.tcp_relay import TcpRelay
from stream.kafka.topics import existing


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def test_who_comes_in_there_finds_the_broker_writes_and_reads():
    port = free_port()
    with EmbeddedBroker({"t": 2}) as broker, TcpRelay("127.0.0.1", port, broker.bootstrap):
        connection = Connection(f"127.0.0.1:{port}")
        assert existing(connection) == {"t": 2}
        producer = Producer(connection.producer())
        producer.produce("t", b"there", partition=1)
        assert producer.flush(20) == 0
        reader = PartitionReader(connection, "g")
        first, behind = reader.ends("t")
        found = [m.value() for messages in reader.read(first, behind) for m in messages]
        reader.close()
        assert found == [b"there"]
        del producer


def test_a_place_that_is_taken_is_told_with_a_remedy():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=rf"listen at 127.0.0.1:{port} .*kafka.bootstrap"):
            TcpRelay("127.0.0.1", port, "127.0.0.1:1")


def test_without_a_broker_behind_it_a_client_is_let_go_and_it_ends():
    port = free_port()
    with (
        TcpRelay("127.0.0.1", port, f"127.0.0.1:{free_port()}"),
        socket.create_connection(("127.0.0.1", port), 10) as client,
    ):
        client.settimeout(10)
        assert client.recv(1) == b""


def test_it_ends_while_somebody_is_connected_and_the_place_is_free_again():
    port = free_port()
    with EmbeddedBroker({"t": 1}) as broker:
        door = TcpRelay("127.0.0.1", port, broker.bootstrap)
        client = socket.create_connection(("127.0.0.1", port), 10)
        client.sendall(b"\0\0")
        door.close()
        client.settimeout(10)
        with suppress(ConnectionResetError):  # What it had sent was not read.
            assert client.recv(1) == b""
        client.close()
        TcpRelay("127.0.0.1", port, broker.bootstrap).close()
