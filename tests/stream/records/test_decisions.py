"""Decisions written by the kernel against a general Avro library, byte by byte."""

import numpy as np
import pytest
from inputs.rules_at_random import named_rules, some_matched
from seeds import seeds

from schemas.columns import ID_START, ID_STOP, Layout, Transactions
from schemas.records import RecordCodec, builtin
from stream.decide import Outcome
from stream.event_time import Timeliness
from stream.records.decisions import DecisionWriter
from stream.records.row_decisions import DEGRADED, RowDecisions
from stream.rules.matched import NO_RULES, none_matched

SCHEMA_ID, POLICY = 5, "0123456789ab"
WILD = [0.0, -0.0, 1.0, 5e-324, 1e308, 1e-310, np.inf, -np.inf, np.nan, 0.1]
LONGS = [0, 1, -1, 63, 64, -64, -65, 2**31, -(2**31), 2**63 - 1, -(2**63), 1_700_000_000_000_000]
IDS = ["", "t", "ä€𝄞", "x" * 63, "x" * 64, "y" * 5_000, "\0"]


def batch_of(rng, n):
    """Return a batch of ids and numbers of every size."""
    names = [str(rng.choice(IDS)) + str(rng.integers(1e9)) * int(rng.integers(2)) for _ in range(n)]
    texts = [b"somebody else's", *(name.encode() for name in names)]
    ends = np.cumsum([len(text) for text in texts])
    layout = Layout(("card", "shop"))
    longs = rng.integers(-(2**63), 2**63 - 1, (layout.width, n), dtype=np.int64)
    longs[0] = rng.choice(LONGS, n)
    longs[ID_START], longs[ID_STOP] = ends[:-1], ends[1:]
    longs[layout.first_entity, rng.random(n) < 0.3] = 0
    return names, Transactions(layout, longs, np.frombuffer(b"".join(texts), np.uint8))


def decided_rows(rng, n):
    scores = np.where(rng.random(n) < 0.5, rng.random(n), rng.choice(WILD, n))
    flags = (rng.random((3, n)) < 0.4).astype(np.bool_)
    return RowDecisions(
        scores,
        rng.integers(0, len(Outcome), n).astype(np.int8),
        rng.integers(0, len(Timeliness), n).astype(np.int8),
        *flags,
        rng.choice(LONGS, n),
    )


def plain(names, batch, decided, row, matched, named):
    """Return key and record of a row, in so many words."""
    timeliness = Timeliness(int(decided.timeliness[row]))
    duplicate, score = bool(decided.duplicate[row]), float(decided.scores[row])
    degraded = []
    if decided.cold[row]:
        degraded.append("model_cold")
    if decided.unscored[row]:
        degraded.append("no_score")
    if timeliness is Timeliness.TOO_LATE and not duplicate:
        degraded.append("too_late")
    assert set(degraded) <= set(DEGRADED)
    entity = int(batch.entities[0, row]) or int(batch.transaction_key[row])
    return b"%016x" % entity, {
        "transaction_id": names[row],
        "event_time": int(batch.event_time_us[row]),
        "decision": Outcome(int(decided.outcomes[row])).name,
        "score": None if score != score else score,
        "timeliness": timeliness.name,
        "duplicate": duplicate,
        "degraded": degraded,
        "rules": [named.rules[rule].id for rule, live in matched.of(row) if live],
        "shadow_rules": [named.rules[rule].id for rule, live in matched.of(row) if not live],
        "model_version": int(decided.model_versions[row]),
        "policy_version": POLICY,
    }


@seeds(20)
def test_records_are_those_of_a_general_library_to_the_last_byte(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 200))
    names, batch = batch_of(rng, n)
    decided = decided_rows(rng, n)
    rows = np.flatnonzero(rng.random(n) < 0.7)
    codec = RecordCodec(builtin("decision"), SCHEMA_ID)
    writer, named = DecisionWriter(SCHEMA_ID, POLICY), named_rules(rng)
    for rules, matched in ((named, some_matched(rng, named, n)), (NO_RULES, none_matched(n))):
        written = writer.write(batch, decided, rows, matched, rules)
        expected = [plain(names, batch, decided, row, matched, rules) for row in rows]
        assert written == [(key, codec.encode(record)) for key, record in expected]
    assert writer.write(batch, decided, rows) == written


def test_of_no_rows_there_are_no_records():
    rng = np.random.default_rng(1)
    _, batch = batch_of(rng, 3)
    writer = DecisionWriter(SCHEMA_ID, POLICY)
    assert writer.write(batch, decided_rows(rng, 3), np.zeros(0, np.intp)) == []


@pytest.mark.parametrize("schema_id", [0, 2**32 - 1])
def test_the_schema_id_stands_in_front(schema_id):
    rng = np.random.default_rng(2)
    _, batch = batch_of(rng, 1)
    ((_, value),) = DecisionWriter(schema_id, POLICY).write(
        batch, decided_rows(rng, 1), np.arange(1)
    )
    assert value[:5] == b"\0" + schema_id.to_bytes(4, "big")
