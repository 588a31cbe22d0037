"""The calls of a transactional producer: bounded, made again where that helps, errors named."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from schemas.errors import FencedError, FraudError, TransactionError
from stream.kafka.watchdog import Watchdog

_AGAIN_S = 0.02
# Beyond its bound, or a transaction's, which is the bound of calls that ignore theirs.
_STUCK_S = 5.0
_ABORT_S = 5.0


class TransactionalCalls:
    """Make the calls of one producer.

    Parameters
    ----------
    producer : Producer
    transactional_id : str
    timeout_s : float
        Of its transactions.
    on_stuck : callable
        Told, in another thread, of a call that does not come back.
    clock : callable
        Seconds, never going back.
    superseded : callable, optional
        Tells, after a failure, whether another is at work under the id.

    Attributes
    ----------
    over : bool
        Whether a transaction failed: what can be aborted is, and nothing more is to be done.
    """

    def __init__(
        self,
        producer: Producer,
        transactional_id: str,
        timeout_s: float,
        on_stuck: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        superseded: Callable[[], bool] = lambda: False,
    ) -> None:
        self._producer = producer
        self._id = transactional_id
        self._timeout_s = timeout_s
        self._clock = clock
        self._superseded = superseded
        self.over = False
        self._watchdog = Watchdog(on_stuck)

    def make(
        self, doing: str, call: Callable[..., Any], given: tuple[Any, ...], bound_s: float
    ) -> None:
        """Make a call again, with the same arguments, until it is done or its time is over.

        Parameters
        ----------
        doing : str
            What it does, for words.
        call : callable
            Takes what is given, and how many seconds are left.
        given : tuple
        bound_s : float

        Raises
        ------
        TransactionError, FencedError
            If it fails for good.
        """
        deadline_s = self._clock() + max(bound_s, 1.0)
        what = f"transaction {self._id}, {doing}"
        while True:
            left_s = max(0.1, deadline_s - self._clock())
            try:
                with self._watchdog.within(max(left_s, self._timeout_s) + _STUCK_S, what):
                    call(*given, left_s)
                return
            except KafkaException as error:
                failed = error.args[0]
                if not failed.retriable() or self._clock() >= deadline_s:
                    raise self.ended(doing, failed) from error
                time.sleep(_AGAIN_S)

    def ended(self, doing: str, error: KafkaError) -> FraudError:
        """Return what a librdkafka error that does not heal means here."""
        if error.code() == KafkaError._FATAL:
            # Which one it was every further transactional call says, once it is waited for.
            error = self._abort() or error
        if error.code() == KafkaError._FENCED:
            return self._ended_by_another()
        outcome = (
            "it is not known whether it was committed"
            if doing == "commit" and not error.txn_requires_abort()
            else "it was not committed"
        )
        return self.failed(f"a transaction failed ({doing}: {error.str()}); {outcome}")

    def failed(self, text: str) -> FraudError:
        """Abort, and return what it means that a transaction failed, in the way that `text` says.

        Whoever begins anew ends whoever has the id. That it is another says no error for sure: it
        may be one of librdkafka's own, of records that became too old to be sent.
        """
        # Not the abort first: behind it librdkafka asks for a new epoch where a record was too
        # old, and brokers end the transaction of whoever has the id then.
        if self._superseded():
            return self._ended_by_another()
        reason = self._abort()
        if reason is not None and reason.code() == KafkaError._FENCED:
            return self._ended_by_another()
        return TransactionError(text)

    def close(self) -> None:
        """Watch no longer."""
        self._watchdog.close()

    def _abort(self) -> KafkaError | None:
        """Return why it cannot be aborted; it need not be open."""
        self.over = True
        try:
            with self._watchdog.within(_ABORT_S + _STUCK_S, f"transaction {self._id}, abort"):
                self._producer.abort_transaction(_ABORT_S)
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            return reason
        return None

    def _ended_by_another(self) -> FencedError:
        self.over = True
        return FencedError(
            f"another worker with the same transactional id {self._id!r} has begun, or a "
            f"transaction stood open for more than {self._timeout_s:g} s: this worker ends, "
            "and what it had not committed is void; see that one worker runs under an id"
        )
