"""Replay a file through the very engine that runs live.

Every row becomes a framed Avro record, is decoded, scored and remembered as on
Kafka; its label, where the file knows it, comes back after the configured delay
of event time. The arrival time of a row is its event time: a file has no clock. What was
decided is judged at the end, by the scores given when it was decided.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.silent import SilentLearner
from schemas import containers
from schemas.columns import Reason, Transactions
from schemas.errors import ConfigError
from schemas.records import builtin
from stream.app import engine_of, publisher_of
from stream.config.configuration import Config
from stream.engine.effects import Effects
from stream.engine.engine import Engine
from stream.engine.parameters import Keep
from stream.evaluation import handbook
from stream.evaluation.ledger import Decisions, Ledger, truths_of
from stream.evaluation.report import protocol_report, quality_report
from stream.explanation.explanation import value_states
from stream.files.dead_letters import dead_letter
from stream.files.feature_table import FeatureTable
from stream.files.inputs import FileBlock, FileInput, open_file
from stream.files.table_columns import TableShape
from stream.files.table_parts import check_table_path
from stream.monitor.events import DriftEvent
from stream.offline.playback import LATEST_US, REPLAY_HASH_KEY, Playback, labels_of
from stream.records.publish import Publisher, drift_record
from stream.timed_learner import challenges, costs_of, unlearned_by
from stream.warm_up import warm_up

BLOCK_ROWS = 4096


@dataclass(frozen=True)
class ReplayOutputs:
    """What a replay writes beside its report.

    Attributes
    ----------
    alerts : Path or None
        JSON Lines of alerts.
    dead_letters : Path or None
        Avro container of `dead_letter.avsc`.
    features : Path or None
        `stream.files.feature_table.FeatureTable`: every row with its features.
    states : bool
        Whether that table has the features' value states.
    drifts : Path or None
        JSON Lines of drifts that began or were over.
    """

    alerts: Path | None = None
    dead_letters: Path | None = None
    features: Path | None = None
    states: bool = False
    drifts: Path | None = None


@dataclass
class _Tally:
    frauds: int = 0
    dead_letters: dict[str, int] = field(default_factory=dict)
    drifts: int = 0
    drifts_begun: dict[str, dict[str, int]] = field(default_factory=dict)

    def note(self, drift: DriftEvent) -> None:
        """Count a drift; one that begins by who noticed and of what."""
        self.drifts += 1
        if drift.drifted:
            by_subject = self.drifts_begun.setdefault(drift.detector.name.lower(), {})
            by_subject[drift.subject] = by_subject.get(drift.subject, 0) + 1


class Replay:
    """One run over one file.

    Parameters
    ----------
    path : Path
    config : Config
    outputs : ReplayOutputs
    scoring : bool
        Whether the model scores and learns; without it there are only features, and there is
        nothing to judge.
    protocol : bool
        Whether the report also has the measures of `stream.evaluation.handbook`.
    opened : FileInput, optional
        The file, if it is read in another way than by this process.

    Attributes
    ----------
    ledger : Ledger
        What was decided.
    """

    def __init__(
        self,
        path: Path,
        config: Config,
        outputs: ReplayOutputs,
        scoring: bool = True,
        protocol: bool = False,
        opened: FileInput | None = None,
    ) -> None:
        self.config = config
        self.path = path
        self.outputs = outputs
        check_outputs(path, outputs)
        if protocol and not config.replay.label:
            raise ConfigError(
                "--protocol handbook: replay.label is empty, so the truth is not known: set it to "
                "the column that holds it"
            )
        self.protocol = protocol
        self.ledger = Ledger()
        self._scoring = scoring
        entities = tuple(config.fields.entities)
        self._card = config.replay.card or entities[0]
        self._card_row = entities.index(self._card)
        self.input: FileInput = opened or open_file(path, config, REPLAY_HASH_KEY, BLOCK_ROWS)
        keep = Keep.NOTHING
        if outputs.features is not None:
            keep = Keep.STATES if outputs.states else Keep.VALUES
        self.engine: Engine = (
            engine_of(config, REPLAY_HASH_KEY, keep)
            if scoring
            else Engine(config.engine_parameters(REPLAY_HASH_KEY), SilentLearner(), keep)
        )
        delays = config.replay.label_delay, config.replay.analyst_delay
        self.playback = Playback(self.engine, config.limits.limits(), *delays)
        self._publisher: Publisher = publisher_of(config, self.engine)
        self._tally = _Tally()

    def run(self, on_rows: Callable[[int], None] | None = None) -> dict[str, Any]:
        """Run to the end of the file.

        Parameters
        ----------
        on_rows : callable, optional
            Told after each block how many rows are done.

        Returns
        -------
        dict
            The report.
        """
        label_decoder = labels_of(self.playback.limits).decoder
        compile_s = warm_up(self.engine, self.input.decoder, label_decoder).seconds
        start = time.perf_counter()
        cpu = time.process_time()
        with ExitStack() as stack:
            letters = self._dead_letter_rows(self._letters(on_rows, stack))
            if self.outputs.dead_letters is not None:
                containers.write(self.outputs.dead_letters, builtin("dead_letter"), letters)
            else:
                for _ in letters:
                    pass
        report = self._report(time.perf_counter() - start, time.process_time() - cpu, compile_s)
        return report | self._judged()

    def _letters(
        self, on_rows: Callable[[int], None] | None, stack: ExitStack
    ) -> Iterator[tuple[int, Reason, bytes]]:
        """Run the file; yield (row, reason, bytes) of what was refused."""
        encode = msgspec.json.Encoder().encode
        outputs = self.outputs
        alerts = stack.enter_context(outputs.alerts.open("wb")) if outputs.alerts else None
        drifts = stack.enter_context(outputs.drifts.open("wb")) if outputs.drifts else None
        table = stack.enter_context(self._table()) if outputs.features else None
        for block in self.input.blocks:
            first = self.playback.rows
            truths = truths_of(block.is_fraud)
            batch = self._decoded(block)
            said = []
            for start, part, effects in self.playback.play(batch, block.readable, block.is_fraud):
                said.append(effects)
                if alerts is not None:
                    for alert in self._publisher.alerts(part, effects):
                        alerts.write(encode(self._readable(alert)) + b"\n")
                for drift in effects.drifts:
                    self._tally.note(drift)
                    if drifts is not None:
                        drifts.write(encode(self._drift(drift)) + b"\n")
                if table is not None:
                    table.add(part, block.is_fraud[start : start + len(part)], effects)
                for row in np.flatnonzero(effects.reasons != Reason.OK).tolist():
                    reason = Reason(int(effects.reasons[row]))
                    yield first + start + row, reason, block.values[start + row]
            if self._scoring:
                self._remember(batch, said, truths)
            self._tally.frauds += int((truths == 1).sum())
            if on_rows is not None:
                on_rows(self.playback.rows)

    def _readable(self, alert: dict[str, Any]) -> dict[str, Any]:
        """Return a record with words in place of bytes, those of `fraudstream explain --json`."""
        names = self._publisher.policy.feature_names
        return {**alert, "value_states": value_states(alert["value_states"], names)}

    def _drift(self, drift: DriftEvent) -> dict[str, Any]:
        publisher = self._publisher
        return drift_record(drift, publisher.topic, None, publisher.policy_version)

    def _decoded(self, block: FileBlock) -> Transactions:
        first = self.playback.rows
        offsets = np.arange(first, first + len(block.values))
        return self.input.decoder.decode(block.values, LATEST_US, 0, offsets)

    def _remember(self, batch: Transactions, said: list[Effects], truths: NDArray[np.int8]) -> None:
        """Write what was decided into the ledger: not what was refused, and a repeat only once.

        Once a block: labels cut it into many small parts.
        """
        reasons = np.concatenate([effects.reasons for effects in said])
        repeated = np.concatenate([effects.duplicate for effects in said])
        # What is too late is a dead letter, and a payment that was decided without a score.
        taken = (reasons == Reason.OK) | (reasons == Reason.EVENT_TOO_LATE)
        decisions = Decisions(
            event_time_us=batch.event_time_us,
            card=batch.entities[self._card_row],
            amount_minor=batch.amount_minor,
            score=np.concatenate([effects.scores for effects in said]),
            outcome=np.concatenate([effects.outcomes for effects in said]),
            truth=truths,
        )
        self.ledger.add(decisions, taken & ~repeated)

    def _judged(self) -> dict[str, Any]:
        """Judge what was decided."""
        if not self._scoring:
            return {}
        decisions = self.ledger.decisions()
        replay = self.config.replay
        found = quality_report(decisions, self._card, replay.alert_budget, replay.half_lives)
        report: dict[str, Any] = {"quality": found}
        if self.protocol:
            report |= protocol_report(handbook.judge(decisions.judged(), self.path.name))
        return report

    def _table(self) -> FeatureTable:
        if self.outputs.features is None:
            raise ValueError("no table was asked for")
        features = self.engine.parameters.features
        truth = bool(self.config.replay.label)
        shape = TableShape(features.names, features.minor_per_unit, truth, self.outputs.states)
        return FeatureTable(self.outputs.features, shape)

    def _dead_letter_rows(
        self, letters: Iterator[tuple[int, Reason, bytes]]
    ) -> Iterator[dict[str, Any]]:
        for row, reason, value in letters:
            _count(self._tally.dead_letters, reason)
            yield dead_letter(self.path.name, row, reason, value)

    def _drifted(self) -> list[str]:
        """Return what is drifted when the file ends."""
        monitor = self.engine.monitor
        watched = () if monitor is None else (monitor.features, monitor.scores)
        pairs = (zip(part.names, part.drifted.tolist(), strict=True) for part in watched)
        return [name for of_part in pairs for name, drifted in of_part if drifted]

    def _report(self, seconds: float, cpu_s: float, compile_s: float) -> dict[str, Any]:
        counters = self.engine.counters
        return {
            "file": self.path.name,
            "events": self.playback.rows,
            "frauds": self._tally.frauds,
            "decisions": counters.decisions,
            "unscored": counters.unscored,
            "alerts": counters.alerts,
            "labels_learned": counters.labels_learned,
            "unlearned": unlearned_by(self.engine.learner),
            "labels_refused": sum(self.playback.labels_refused.values()),
            "labels_refused_by_reason": self.playback.labels_refused,
            "labels_not_yet_due": self.playback.labels_not_yet_due,
            "labels_held": len(self.engine.book.early),
            "labels_corrected": counters.labels_corrected,
            "labels_repeated": counters.labels_repeated,
            "labels_superseded": counters.labels_superseded,
            "labels_withheld": counters.labels_withheld,
            "label_reviews": self.playback.label_reviews,
            "matured_as_genuine": counters.matured,
            "still_waiting": self.engine.waiting.waiting,
            "dead_letters": sum(self._tally.dead_letters.values()),
            "dead_letters_by_reason": self._tally.dead_letters,
            "late": counters.late,
            "too_late": counters.too_late,
            "duplicates": counters.duplicates,
            "evicted_live": self.engine.features.evicted_live,
            "unlearned_lost": self.engine.waiting.lost,
            "drifts": self._tally.drifts,
            "drifts_begun": self._tally.drifts_begun,
            "drifted_at_end": self._drifted(),
            "prequential": self.engine.prequential.as_dict(),
            "calibration": self.engine.champion.calibration,
            "budget": {} if self.engine.budget is None else self.engine.budget.as_dict(),
            "model_costs": costs_of(self.engine.learner),
            "challengers": challenges(self.engine),
            "gate": [each.as_dict() for each in self.engine.gate.recommendations()]
            if self.engine.gate is not None
            else [],
            "seconds": round(seconds, 2),
            "cpu_s": round(cpu_s, 2),
            "compile_s": round(compile_s, 2),
            "events_per_s": round(self.playback.rows / seconds, 1) if seconds else 0.0,
        }


def late_labels(config: Config) -> str | None:
    """Say that labels will come too late to be learned in time, and what to do; else None."""
    delay, labels = config.replay.label_delay, config.labels
    if not config.replay.label or delay <= labels.maturity:
        return None
    late = delay > labels.maturity + labels.correctable
    then = "and the labels find no row" if late else "and the labels correct that"
    return (
        "labels come later than labels.maturity: their payments have been learned as "
        f"genuine by then, {then}; set labels.maturity to the delay"
    )


def check_outputs(path: Path, outputs: ReplayOutputs) -> None:
    """Refuse to write over the file that is read, or one output over another."""
    taken = {path.resolve(): str(path)}
    for option, output in (
        ("--alerts", outputs.alerts),
        ("--drifts", outputs.drifts),
        ("--dead-letters", outputs.dead_letters),
        ("the feature table", outputs.features),
    ):
        if output is None:
            continue
        if output.resolve() in taken:
            raise ConfigError(
                f"{option}: {output} is {taken[output.resolve()]} as well: name another file"
            )
        taken[output.resolve()] = option
    if outputs.features is not None:
        check_table_path(outputs.features)


def _count(by_reason: dict[str, int], reason: Reason) -> None:
    name = reason.name.lower()
    by_reason[name] = by_reason.get(name, 0) + 1
