"""Administrative orders: noted in the audit trail, approved by a second person, sent.

Whatever is sent to the control topic goes through here. First it is noted who orders what; only
then it is sent, and what came of that is noted as well. Where two persons are asked for, it is
noted as a request, and sent by whoever approves it.

Names are claims. Who may write to the control topic and to the audit topic at all is for the
brokers' access rules to say.
"""

from __future__ import annotations

import getpass
import json
import time
import unicodedata
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from schemas.errors import ConfigError, FraudError
from schemas.records import RecordCodec
from stream.app import codec_of, connection_of, reader_of, registry_of
from stream.audit_trail.chain import Act, Entry, Step, canonical_json
from stream.cases.verdict import check_name, check_note
from stream.config.configuration import Config
from stream.kafka.audit_log import AuditLog
from stream.kafka.send import Sender

# A request that nobody has looked at for so long was forgotten, and the world is another.
REQUEST_AGE_MAX_US = 7 * 86_400_000_000
# What a producer takes by default, less room for the rest of the entry.
ACT_BYTES_MAX = 900_000


class ApprovalError(FraudError):
    """A request cannot be approved or refused; nothing was sent."""


class Order(NamedTuple):
    """A record for the control topic.

    Attributes
    ----------
    key : str
        Orders of one key are taken in their order.
    record : dict
        Of `control.avsc`, in values that JSON has.
    """

    key: str
    record: dict[str, Any]


class Ordered(NamedTuple):
    """What became of orders.

    Attributes
    ----------
    request_id : str
    step : Step
        DONE: they are sent. REQUESTED: they wait for approval. REFUSED: they will not be sent.
    places : list of list of (int, int)
        Partitions and offsets of each order.
    """

    request_id: str
    step: Step
    places: list[list[tuple[int, int]]]


class Administration:
    """Takes orders; a context manager.

    Parameters
    ----------
    config : Config
    tell : callable
        Told in words of errors that librdkafka recovers from by itself.
    now_us : callable
        Microseconds since the epoch.

    Raises
    ------
    ConfigError
        If no worker takes orders.
    """

    def __init__(
        self,
        config: Config,
        tell: Callable[[str], None] = lambda _: None,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        require_control(config)
        self._config = config
        self._now_us = now_us
        self._connection = connection_of(config)
        registry = registry_of(config)
        try:
            self._codec: RecordCodec = codec_of(registry, "control", config.topics.control)
        finally:
            registry.close()
        self._log = audit_log_of(config, tell)

    def order(
        self,
        what: str,
        by: str,
        subject: str,
        orders: Sequence[Order],
        before: Any = None,
        after: Any = None,
        note: str = "",
        request_id: str = "",
        progress: Callable[[int], None] = lambda _: None,
    ) -> Ordered:
        """Note an act and send its orders, or ask for a second person's approval.

        Parameters
        ----------
        what : str
            The act, such as erase.
        by : str
            Who orders it.
        subject : str
            What it is about; never an id of a person.
        orders : sequence of Order
        before, after
            What was, and what is to be, in values that JSON has; None where nobody knows.
        note : str
            Why.
        request_id : str
            Names the request; by default a new one.
        progress : callable
            Told how many orders are sent.

        Raises
        ------
        VerdictError
            If the name or the note cannot be.
        ConfigError
            If there is more to note than an entry holds.
        BrokerError
            If it cannot be noted, and is not done then; or noted, and not sent.
        """
        check_name(by)
        check_note(note)
        for each in orders:
            self._codec.encode(each.record)  # What cannot be sent is not noted.
        request_id = request_id or str(uuid.uuid4())
        act = Act(
            by,
            what,
            Step.ORDERED,
            request_id,
            subject,
            None if before is None else canonical_json(before),
            None if after is None else canonical_json(after),
            note=note,
        )
        if self._config.security.approvals == "two_persons":
            waiting = canonical_json([each._asdict() for each in orders])
            self._note(_small(act._replace(step=Step.REQUESTED, orders=waiting)))
            return Ordered(request_id, Step.REQUESTED, [])
        self._note(_small(act))
        return Ordered(request_id, Step.DONE, self._send(act, orders, progress))

    def approve(self, request_id: str, by: str, note: str = "") -> tuple[Entry, Ordered]:
        """Approve somebody else's request and send it; return the request too.

        Raises
        ------
        ApprovalError
            If there is no such request, it is one's own, or it is not open any more.
        BrokerError
            As for `order`.
        """
        request = self._open_request(request_id, by, note)
        orders = [Order(**each) for each in json.loads(request.act.orders or "[]")]
        answer = self._answer(request, by, Step.APPROVED, note)
        self._note(answer)
        return request, Ordered(request_id, Step.DONE, self._send(answer, orders))

    def refuse(self, request_id: str, by: str, note: str = "") -> tuple[Entry, Ordered]:
        """Refuse a request, also one's own; it can never be approved then."""
        request = self._open_request(request_id, "", note)
        check_name(by)
        self._note(self._answer(request, by, Step.REFUSED, note))
        return request, Ordered(request_id, Step.REFUSED, [])

    def close(self) -> None:
        """Let go of the brokers."""
        if self._log is not None:
            self._log.close()

    def __enter__(self) -> Administration:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _note(self, act: Act) -> None:
        if self._log is not None:
            self._log.append(act)

    def _send(
        self,
        act: Act,
        orders: Sequence[Order],
        progress: Callable[[int], None] = lambda _: None,
    ) -> list[list[tuple[int, int]]]:
        """Send orders, and note what came of it."""
        plain = act._replace(before=None, after=None, orders=None, note="")
        topic, everywhere = self._config.topics.control, self._config.per_partition
        places: list[list[tuple[int, int]]] = []
        try:
            # States of partitions know nothing of each other: each has to hear of it.
            sender = Sender(self._connection, topic, everywhere=everywhere)
            for each in orders:
                places.append(sender.send(each.key.encode(), self._codec.encode(each.record)))
                progress(len(places))
        except FraudError as error:
            before = f"; {len(places)} of {len(orders)} orders were sent before" if places else ""
            self._note(plain._replace(step=Step.FAILED, note=f"{error}{before}"))
            if not places:
                raise
            raise type(error)(f"{error}{before}") from error
        self._note(plain._replace(step=Step.DONE, after=canonical_json({"places": places})))
        return places

    def _answer(self, request: Entry, by: str, step: Step, note: str) -> Act:
        after = canonical_json({"request": request.sequence, "hash": request.hash})
        return request.act._replace(
            who=by, step=step, before=None, after=after, orders=None, note=note
        )

    def _open_request(self, request_id: str, by: str, note: str) -> Entry:
        """Return a request that may be answered; ApprovalError else. Nobody may refuse as ''."""
        check_note(note)
        if self._log is None:
            raise ConfigError("topics.audit is not set: there are no requests")
        entries = [
            entry
            for _, entry in self._log.read()
            if isinstance(entry, Entry) and entry.act.request_id == request_id
        ]
        requests = [each for each in entries if each.act.step is Step.REQUESTED]
        if len(requests) != 1:
            raise ApprovalError(
                f"no request {request_id!r} is on {self._log.topic}: "
                "`fraudstream audit-trail show` lists them"
            )
        (request,) = requests
        if by:
            check_name(by)
            if _same_person(by, request.act.who):
                raise ApprovalError(
                    f"{by!r} asked for it: somebody else has to approve it, or anybody refuse it"
                )
        if not all(each.is_intact for each in entries):
            raise ApprovalError(
                "the request was altered after it was noted: see `fraudstream audit-trail verify`"
            )
        _require_open(entries)
        if self._now_us() - request.at_us > REQUEST_AGE_MAX_US:
            raise ApprovalError("the request is more than 7 days old: ask for it anew")
        return request


def require_control(config: Config) -> None:
    """Refuse to order what nobody takes; ConfigError."""
    if not config.topics.control:
        raise ConfigError(
            "topics.control is not set, so no worker takes orders: set it, for example to "
            "'fraud.control', run `fraudstream topics create`, and restart the workers"
        )


def audit_log_of(config: Config, tell: Callable[[str], None] = lambda _: None) -> AuditLog | None:
    """Return the audit trail of a configuration; None: it has none."""
    if not config.topics.audit:
        return None
    registry = registry_of(config)
    try:
        codec = codec_of(registry, "audit", config.topics.audit)
        reader = reader_of(registry, "audit", config.topics.audit)
    finally:
        registry.close()
    return AuditLog(connection_of(config), config.topics.audit, codec, reader, tell)


def own_name(given: str) -> str:
    """Return who acts: as they say, or as this machine knows them."""
    if given:
        return given
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise ConfigError("this machine has no name for you: give --by NAME") from None


def asked(subject: str, request_id: str, path: Path | None) -> str:
    """Say what is to be done with a request."""
    config = f" --config {path}" if path else ""
    return (
        f"asked for: {subject}. Nothing is sent until somebody else has approved it:\n"
        f"  fraudstream approve {request_id} --by NAME{config}"
    )


def _small(act: Act) -> Act:
    """Return an act that an entry has room for; ConfigError if none has."""
    size = sum(len(each.encode()) for each in act if each is not None)
    if size > ACT_BYTES_MAX:
        raise ConfigError(
            f"{act.what} of {act.subject}: the audit trail would have to note {size:,} bytes at "
            f"once, and an entry holds {ACT_BYTES_MAX:,}: order less at once"
        )
    return act


def _require_open(entries: Sequence[Entry]) -> None:
    """Refuse a request that was answered, unless what was approved could not be sent."""
    last = entries[-1]
    if last.act.step in (Step.REFUSED, Step.DONE):
        word = "refused" if last.act.step is Step.REFUSED else "approved and sent"
        raise ApprovalError(f"it was {word} by {last.act.who!r} already")


def _same_person(one: str, other: str) -> bool:
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()
