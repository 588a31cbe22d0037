"""A Kafka broker inside this process: librdkafka's own mock cluster.

A real TCP broker, in the client library that is installed anyway: it starts in a
tenth of a second and any Kafka client can use it. It is for demos and tests, and
it is not a full Kafka. It keeps about 5 MiB a partition and silently drops what
is older, so producers must be held back by the consumer's lag; it never wakes a
waiting fetch; it keeps no transactional offsets and shows aborted records, so
nothing exactly-once can be built on it; and all is gone with the process.

The Python client reaches the mock cluster only through ``test.mock.num.brokers``,
which cannot choose partition counts. The library's C functions can, so they are
called directly; where that fails the setting is the fallback, with its four
partitions a topic.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from confluent_kafka import Producer

from schemas.errors import BrokerError
from stream.kafka.client import Connection

_PRODUCER_TYPE = 0
_TEXT_BYTES = 512
_METADATA_TIMEOUT_S = 10.0

# What the mock keeps of one partition (rdkafka_mock.c, max_size).
PARTITION_BYTES_MAX = 5 * 1024 * 1024


class EmbeddedBroker:
    """Start a broker on a loopback port; a context manager.

    Parameters
    ----------
    topics : mapping of str to int
        Partitions of each topic.

    Attributes
    ----------
    bootstrap : str
        Its address, for any Kafka client.
    exact_partitions : bool
        False where the fallback runs, which gives every topic four partitions.
    """

    def __init__(self, topics: Mapping[str, int]) -> None:
        self._library: Any = None
        self._handle: Any = None
        self._cluster: Any = None
        self._fallback: Producer | None = None
        try:
            self.bootstrap = self._start(topics)
            self.exact_partitions = True
        except (OSError, AttributeError):
            # Another platform's wheel keeps its library elsewhere or hides the functions.
            self.bootstrap = self._start_fallback(topics)
            self.exact_partitions = False
        except BrokerError:
            self.close()
            raise

    @property
    def connection(self) -> Connection:
        """How to connect to it."""
        return Connection(self.bootstrap, embedded=True)

    def close(self) -> None:
        """Stop the broker; what it held is gone. Close its clients first."""
        if self._cluster:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._cluster = None
        if self._handle:
            self._library.rd_kafka_destroy(self._handle)
            self._handle = None
        if self._fallback is not None:
            self._fallback.flush(1)
            self._fallback = None

    def __enter__(self) -> EmbeddedBroker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self, topics: Mapping[str, int]) -> str:
        library = self._library = _load_library()
        text = ctypes.create_string_buffer(_TEXT_BYTES)
        conf = library.rd_kafka_conf_new()
        # The handle that carries the cluster has no brokers of its own and would say so.
        library.rd_kafka_conf_set(conf, b"log_level", b"3", text, _TEXT_BYTES)
        self._handle = library.rd_kafka_new(_PRODUCER_TYPE, conf, text, _TEXT_BYTES)
        if not self._handle:
            raise BrokerError(f"the embedded broker did not start: {text.value.decode()}")
        self._cluster = library.rd_kafka_mock_cluster_new(self._handle, 1)
        if not self._cluster:
            raise BrokerError("the embedded broker did not start: no mock cluster")
        for topic, partitions in topics.items():
            error = library.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1)
            if error:
                raise BrokerError(f"the embedded broker refused topic {topic}: error {error}")
        # The first member of a group need not wait for others: there are few here.
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        bootstraps: bytes = library.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return bootstraps.decode()

    def _start_fallback(self, topics: Mapping[str, int]) -> str:
        # It would say on stderr that the bootstrap servers are replaced, which is the point.
        settings = {"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 3}
        self._fallback = Producer(settings)
        for topic in topics:
            self._fallback.list_topics(topic, timeout=_METADATA_TIMEOUT_S)
        brokers = self._fallback.list_topics(timeout=_METADATA_TIMEOUT_S).brokers.values()
        return ",".join(f"{broker.host}:{broker.port}" for broker in brokers)


def _load_library() -> Any:
    """Load the very library that the Python client uses, and type what is called.

    Raises
    ------
    OSError
        If it is not where a Linux wheel keeps it.
    """
    spec = importlib.util.find_spec("confluent_kafka")
    folder = Path(spec.origin).parent.parent if spec and spec.origin else Path()
    found = sorted(folder.glob("confluent_kafka.libs/librdkafka*.so*"))
    if not found:
        raise OSError("librdkafka is not beside the Python client")
    library = ctypes.CDLL(str(found[0]))
    pointer = ctypes.c_void_p
    library.rd_kafka_conf_new.restype = pointer
    library.rd_kafka_conf_new.argtypes = []
    library.rd_kafka_conf_set.restype = ctypes.c_int
    library.rd_kafka_conf_set.argtypes = [
        pointer,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_size_t,
    ]
    library.rd_kafka_new.restype = pointer
    library.rd_kafka_new.argtypes = [ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_size_t]
    library.rd_kafka_destroy.restype = None
    library.rd_kafka_destroy.argtypes = [pointer]
    library.rd_kafka_mock_cluster_new.restype = pointer
    library.rd_kafka_mock_cluster_new.argtypes = [pointer, ctypes.c_int]
    library.rd_kafka_mock_cluster_destroy.restype = None
    library.rd_kafka_mock_cluster_destroy.argtypes = [pointer]
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    library.rd_kafka_mock_cluster_bootstraps.argtypes = [pointer]
    library.rd_kafka_mock_topic_create.restype = ctypes.c_int
    library.rd_kafka_mock_topic_create.argtypes = [
        pointer,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_int,
    ]
    library.rd_kafka_mock_group_initial_rebalance_delay_ms.restype = None
    library.rd_kafka_mock_group_initial_rebalance_delay_ms.argtypes = [pointer, ctypes.c_int32]
    return library
