"""What a worker of the job does before its first record, Kafka left out; a program of its own."""

from __future__ import annotations

from benchmarks.kafka.job import Job
from benchmarks.kafka.ours import overrides_of
from stream.app import codecs_of, decoders_of, engine_of, registry_of
from stream.config.configuration import load
from stream.warm_up import warm_up

_HASH_KEY = bytes(range(16))


def main() -> None:
    """Read the configuration and the schemas, make the engine, and compile."""
    config = load(None, **overrides_of(Job("nowhere:1", "payments", "labels", "out", 1)))
    registry = registry_of(config)
    decoders = decoders_of(config, registry, _HASH_KEY)
    codecs_of(config, registry)
    warm_up(engine_of(config, _HASH_KEY), decoders.transactions, decoders.labels)


if __name__ == "__main__":
    main()
