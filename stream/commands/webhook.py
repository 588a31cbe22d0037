"""``fraudstream webhook``: alerts to a web address, signed, at least once."""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from schemas.any_version import AnyVersion
from schemas.errors import ConfigError, SchemaError
from stream.app import connection_of, reader_of, registry_of
from stream.cli.console import INTERRUPTED, OK, emit_json, emit_report, say
from stream.cli.console import until_signalled as signals
from stream.config.configuration import Config, load
from stream.config.secret_keys import webhook_secret_of, webhook_url_of
from stream.kafka.client import Connection
from stream.kafka.reader import PartitionReader
from stream.kafka.send import send_all
from stream.kafka.source import Source
from stream.webhook.alert_feed import AlertFeed
from stream.webhook.body import body_of
from stream.webhook.courier import Courier, Parcel, Rules
from stream.webhook.parking import refused, unreadable
from stream.webhook.post import Answer, post
from stream.webhook.signature import key_of, signed
from stream.webhook.target import Target, addresses_of, target_of

# The exit status of one that could not stop in time (EX_SOFTWARE), as of a worker.
TIMED_OUT = 70
_STATUS_S = 10.0
_HEADERS = {"Content-Type": "application/json", "User-Agent": "fraudstream"}


def run_webhook(path: Path | None, from_beginning: bool, as_json: bool) -> int:
    """Send alerts until told to stop; return the exit status."""
    config = load(path)
    target, key = _receiver(config)
    connection = connection_of(config)
    registry = registry_of(config)
    with closing(registry):
        reader = reader_of(registry, "alert", config.topics.alerts)
    group = config.webhook.group or f"{config.kafka.group}-webhook"
    stop = threading.Event()
    feed = AlertFeed(
        Source(connection, group, [config.topics.alerts], say),
        PartitionReader(connection, group, say),
        config.topics.alerts,
        stop,
        from_beginning,
        say,
    )
    deadline_s = config.worker.shutdown_deadline / 1e6
    with signals(lambda: _stop(stop, deadline_s)) as came, closing(feed):
        round_trip = _Round(config, connection, feed, reader, target, key)
        say(f"alerts of {config.topics.alerts} go to {target.place}, as group {group}")
        try:
            round_trip.run(stop)
        finally:
            report = round_trip.report()
            if as_json:
                emit_json(report)
            else:
                emit_report(report, "webhook")
    return INTERRUPTED if 2 in came else OK


def _receiver(config: Config) -> tuple[Target, bytes]:
    """Return where alerts go and what they are signed with, or say what is missing."""
    section = config.webhook
    url, secret = webhook_url_of(section.url), webhook_secret_of(section.secret)
    if not url:
        raise ConfigError("webhook.url is not set: set it to https://HOST/PATH of the receiver")
    target, key = target_of(url, section.allow_insecure), key_of(secret)
    # A name that nobody knows now may be known later; one that may not be asked is a mistake.
    with suppress(OSError):
        addresses_of(target, section.allow_private)
    return target, key


def _stop(stop: threading.Event, deadline_s: float) -> None:
    """Ask the loop to end, and bound how long it may take."""
    if not stop.is_set():
        stop.set()
        timer = threading.Timer(deadline_s, os._exit, [TIMED_OUT])
        timer.daemon = True
        timer.start()


class _Round:
    """From the topic to the receiver, alert by alert."""

    def __init__(
        self,
        config: Config,
        connection: Connection,
        feed: AlertFeed,
        reader: AnyVersion,
        target: Target,
        key: bytes,
    ) -> None:
        section = config.webhook
        self._connection, self._feed, self._reader = connection, feed, reader
        self._dead_letters = config.topics.dead_letters
        self._in_hand: Any = None
        self._unreadable = 0
        self._said_s, self._said = time.monotonic(), 0

        def send(name: str, body: bytes) -> Answer:
            headers = {**_HEADERS, **signed(key, name, int(time.time()), body)}
            return post(target, headers, body, section.timeout / 1e6, section.allow_private)

        rules = Rules(section.retries, section.backoff_max / 1e6, section.parked_max)
        self._courier = Courier(send, self._park, feed.wait, rules, say)

    def run(self, stop: threading.Event) -> None:
        """Go on until told to stop."""
        while not stop.is_set():
            message = self._feed.next()
            if message is not None and self._deliver(message):
                self._feed.done(message)
            self._tell()

    def report(self) -> dict[str, object]:
        """Return what was done, as plain values."""
        return {**self._courier.tally.report(), "unreadable": self._unreadable}

    def _deliver(self, message: Any) -> bool:
        try:
            alert = self._reader.decode(message.value() or b"")
        except SchemaError as error:
            say(f"a record of {message.topic()} is no alert, and is parked: {error}")
            send_all(self._connection, [unreadable(message, error, self._dead_letters)])
            self._unreadable += 1
            return True
        self._in_hand = message
        written_us = 1000 * int(message.timestamp()[1])
        return self._courier.deliver(Parcel(alert["alert_id"], body_of(alert), written_us))

    def _park(self, _: Parcel, answer: Answer, /) -> None:
        letter = refused(self._in_hand, answer, self._dead_letters)
        send_all(self._connection, [letter])

    def _tell(self) -> None:
        """Say on stderr, now and then, how it goes, where anything was done."""
        tally, now_s = self._courier.tally, time.monotonic()
        if now_s - self._said_s >= _STATUS_S and tally.attempts != self._said:
            self._said_s, self._said = now_s, tally.attempts
            say(
                f"delivered {tally.delivered:,}, parked {tally.parked:,}, requests "
                f"{tally.attempts:,} (refused {tally.refused:,}, unanswered {tally.unanswered:,})"
            )
