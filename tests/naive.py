"""The oracle: plain loops, obviously right, compared with every kernel.

No Numba and nothing imported from the kernels that are checked here.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

from naive_calibration import NaiveCalibrator, log_odds
from naive_features import NaiveFeatures
from naive_labels import BEGINNING_US, NaiveLabels, NaiveWaitingRows, weight_of

from schemas.columns import MISSING, Reason


def siphash24(key: bytes, data: bytes) -> int:
    """SipHash-2-4 in big integers, straight from the paper."""
    mask = 2**64 - 1

    def rotate(x, b):
        return ((x << b) | (x >> (64 - b))) & mask

    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    v = [
        k0 ^ 0x736F6D6570736575,
        k1 ^ 0x646F72616E646F6D,
        k0 ^ 0x6C7967656E657261,
        k1 ^ 0x7465646279746573,
    ]

    def rounds(n):
        for _ in range(n):
            v[0] = (v[0] + v[1]) & mask
            v[1] = rotate(v[1], 13) ^ v[0]
            v[0] = rotate(v[0], 32)
            v[2] = (v[2] + v[3]) & mask
            v[3] = rotate(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & mask
            v[3] = rotate(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & mask
            v[1] = rotate(v[1], 17) ^ v[2]
            v[2] = rotate(v[2], 32)

    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) & 0xFF])
    for i in range(0, len(padded), 8):
        word = int.from_bytes(padded[i : i + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


_MICROS = {"s": 10**6, "ms": 1000, "us": 1, "ns": Fraction(1, 1000)}


class Refused(Exception):
    """A row that must become a dead letter; its argument is the reason."""


class NaiveRow:
    """What the columns of one row must hold, from the dict that fastavro reads.

    The dict is read under `plain(schema)`: logical types are what is checked here, so
    the values must be those on the wire. It is read with `return_record_name`, which
    tells the branches of a union of named types apart.
    """

    def __init__(self, schema, roles, record, key, limits, arrival_time_us):
        self.roles, self.key, self.limits = roles, key, limits
        self.types = named_types(schema)
        self.amount = 0 if roles.amount is None else MISSING
        self.event_time = MISSING
        self.id = ""
        self.entities = dict.fromkeys(roles.entities, 0)
        self.numeric = dict.fromkeys(roles.numeric, math.nan)
        self.categorical = dict.fromkeys(roles.categorical, 0)
        self.reason = Reason.OK
        try:
            self._walk(schema, record, "")
            self._check(arrival_time_us)
        except Refused as refused:
            self.reason = refused.args[0]

    def _walk(self, schema, value, path):
        if isinstance(schema, list):
            branches = [self._resolve(branch) for branch in schema]
            if isinstance(value, tuple):  # (the name of a named type, the value)
                name, value = value
                named = [branch for branch in branches if isinstance(branch, dict)]
                branch = next(branch for branch in named if branch.get("name") == name)
            else:
                branch = next(branch for branch in branches if _could_be(branch, value))
            self._walk(branch, value, path)
            return
        schema = self._resolve(schema)
        if _is_record(schema):
            for field in schema["fields"]:
                name = field["name"]
                self._walk(field["type"], value[name], f"{path}.{name}" if path else name)
        elif value is not None:
            self._store(schema if isinstance(schema, dict) else {"type": schema}, value, path)

    def _resolve(self, schema):
        return self.types.get(schema, schema) if isinstance(schema, str) else schema

    def _store(self, schema, value, path):
        roles = self.roles
        if path == roles.transaction_id:
            size = len(value.encode())
            if size == 0:
                raise Refused(Reason.ID_EMPTY)
            if size > self.limits.id_bytes_max:
                raise Refused(Reason.ID_TOO_LONG)
            self.id = value
        elif path == roles.event_time:
            self.event_time = self._micros(schema.get("logicalType", ""), value)
        elif path == roles.amount:
            self.amount = self._minor(schema, value)
        for name in [name for name, of in roles.entities.items() if of == path]:
            if value in ("", b""):
                raise Refused(Reason.ENTITY_EMPTY)
            self.entities[name] = self._hash(value)
        for name in [name for name, of in roles.categorical.items() if of == path]:
            self.categorical[name] = self._hash(value)
        for name in [name for name, of in roles.numeric.items() if of == path]:
            if isinstance(value, bytes):
                value = Fraction(_unscaled(value), 10 ** schema.get("scale", 0))
            number = float(value)
            self.numeric[name] = number if math.isfinite(number) else math.nan

    def _hash(self, value):
        if isinstance(value, int):
            value = value.to_bytes(8, "little", signed=True)
        data = value.encode() if isinstance(value, str) else value
        return max(siphash24(self.key, data), 1)

    def _micros(self, logical, value):
        units = {"millis": "ms", "micros": "us", "nanos": "ns"}
        _, timestamp, unit = logical.rpartition("timestamp-")
        unit = units[unit] if timestamp else self.roles.event_time_unit
        return max(-(2**63) + 1, min(2**63 - 1, math.floor(value * _MICROS[unit])))

    def _minor(self, schema, value):
        factor = 10**self.roles.minor_digits if self.roles.amount_unit == "major" else 1
        if isinstance(value, float) and not math.isfinite(value):
            raise Refused(Reason.AMOUNT_NOT_FINITE)
        if isinstance(value, bytes):
            value, scale = _unscaled(value), schema.get("scale", 0)
            with localcontext() as context:
                context.prec = 100
                minor = Decimal(value).scaleb(self.roles.minor_digits - scale)
                minor = int(minor.quantize(Decimal(1), ROUND_HALF_UP))
        else:
            minor = value * factor
        if value < 0:
            raise Refused(Reason.AMOUNT_NEGATIVE)
        if minor > self.limits.amount_minor_max + 1:  # Infinity has no rounding.
            raise Refused(Reason.AMOUNT_TOO_LARGE)
        minor = round(minor)
        if minor > self.limits.amount_minor_max:
            raise Refused(Reason.AMOUNT_TOO_LARGE)
        return minor

    def _check(self, arrival_time_us):
        if self.amount == MISSING:
            raise Refused(Reason.AMOUNT_MISSING)
        if self.event_time == MISSING:
            raise Refused(Reason.EVENT_TIME_MISSING)
        if self.event_time < self.limits.event_time_min_us:
            raise Refused(Reason.EVENT_TIME_TOO_EARLY)
        if self.event_time > arrival_time_us + self.limits.future_skew_max_us:
            raise Refused(Reason.EVENT_TIME_IN_FUTURE)
        if not self.id:
            raise Refused(Reason.ID_EMPTY)


def plain(schema):
    """The same schema without logical types: what is on the wire."""
    if isinstance(schema, list):
        return [plain(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: plain(value)
        for key, value in schema.items()
        if key not in ("logicalType", "precision", "scale", "default")
    }


def _unscaled(data):
    if len(data) > 16:
        raise Refused(Reason.DECIMAL_TOO_LONG)
    return int.from_bytes(data, "big", signed=True)


def _is_record(schema):
    return isinstance(schema, dict) and schema["type"] == "record"


def _could_be(branch, value):
    """Whether fastavro reads such a value from a branch; of two that it could be, the first."""
    kind = branch["type"] if isinstance(branch, dict) else branch
    if value is None:
        return kind == "null"
    if isinstance(value, bool):
        return kind == "boolean"
    kinds = {
        int: ("int", "long"),
        float: ("float", "double"),
        str: ("string", "enum"),
        bytes: ("bytes", "fixed"),
    }[type(value)]
    return kind in kinds and (kind != "fixed" or branch["size"] == len(value))


def named_types(schema):
    if isinstance(schema, list):
        return {name: of for branch in schema for name, of in named_types(branch).items()}
    if not isinstance(schema, dict):
        return {}
    found = {schema["name"]: schema} if "name" in schema else {}
    for field in schema.get("fields", ()):
        found |= named_types(field["type"])
    return found


class NaiveClock:
    """Event time with dictionaries: how far each partition has come."""

    def __init__(self, allowed_lateness_us, idle_after_us):
        self.lateness_us = allowed_lateness_us
        self.idle_us = idle_after_us
        self.frontiers = {}
        self.arrivals = {}
        self.watermark_us = None  # Nothing was taken yet.

    def observe(self, partition, time_us, arrival_us):
        """Take an event that was not refused; return "on time", "late" or "too late"."""
        frontier = self.frontiers.get(partition, time_us)
        if time_us >= frontier:
            verdict = "on time"
        elif time_us >= frontier - self.lateness_us:
            verdict = "late"
        else:
            verdict = "too late"
        self.frontiers[partition] = max(frontier, time_us)
        self.arrivals[partition] = max(self.arrivals.get(partition, arrival_us), arrival_us)
        latest = max(self.arrivals.values())
        awake = [p for p, arrival in self.arrivals.items() if latest - arrival <= self.idle_us]
        candidate = min(self.frontiers[p] for p in awake) - self.lateness_us
        if self.watermark_us is None or candidate > self.watermark_us:
            self.watermark_us = candidate
        return verdict


class NaiveEngine:
    """The whole engine, a row at a time, around a River pipeline driven by hand.

    `parameters` has the fields of `EngineParameters`, `model` is a pipeline of
    StandardScaler and LogisticRegression; the model scores once it has learned
    `frauds_min` and `genuine_min` labels of either class.
    """

    def __init__(self, parameters, model, frauds_min, genuine_min):
        self.p = parameters
        self.layout = parameters.features.layout
        self.model = model
        self.wanted = {True: frauds_min, False: genuine_min}
        self.seen = {True: 0, False: 0}
        self.clock = NaiveClock(parameters.allowed_lateness_us, parameters.idle_after_us)
        declared = parameters.features
        self.memory = NaiveFeatures(
            declared.features, declared.inputs, parameters.events_max, parameters.entities_max
        )
        self.waiting = NaiveWaitingRows(parameters.waiting_max)
        self.calibrator = NaiveCalibrator() if parameters.calibrate else None
        self.labels = NaiveLabels(parameters.labels, self.waiting, self._mark)
        self.barrier = None
        self.judged = []  # (score, outcome, verdict) of every row learned from
        self.heard = {
            "feedback": [],
            "delayed": [],
        }  # (features, verdict, weight) by kind of learner
        self.counts = dict.fromkeys(("decisions", "alerts", "duplicates", "late", "too_late"), 0)
        self.counts |= dict.fromkeys(
            (
                "refused",
                "matured",
                "unscored",
                "labels",
                "labels_learned",
                "erasures",
                "promotions",
                "rollbacks",
            ),
            0,
        )
        self.counts |= dict.fromkeys((f"labels_{name}" for name in self.labels.counts), 0)

    def step(self, partition, time_us, arrival_us, amount, key, entities, numeric):
        """Take a transaction that was not refused; return what was decided, as a dict."""
        timeliness = self.clock.observe(partition, time_us, arrival_us)
        barrier = self.clock.watermark_us // self.p.learn_interval_us
        if barrier != self.barrier:
            self.barrier = barrier
            self._learn(barrier * self.p.learn_interval_us)
        self.counts["decisions"] += 1
        nothing = {"score": None, "outcome": 0, "duplicate": False, "alert": None, "x": None}
        verdict = {**nothing, "timeliness": timeliness, "version": sum(self.seen.values())}
        if timeliness == "too late":
            self.counts["too_late"] += 1
            row = self.waiting.find(key)
            if row is None:
                return {**verdict, "cold": False}
            self.counts["duplicates"] += 1
            verdict |= {"duplicate": True, "score": row["score"], "outcome": row["outcome"]}
            return {**verdict, "cold": row["score"] is None}
        self.counts["late"] += timeliness == "late"
        row, repeated = self.waiting.admit(key, time_us)
        if repeated:
            self.counts["duplicates"] += 1
            verdict["duplicate"] = True
        else:
            row["number"] = self.memory.arrived
            row["entity"] = entities[self.p.labels.capped_entity]
            row["entities"] = entities
            row["x"] = self._features(time_us, amount, entities, numeric)
            row["raw"] = self._score(row["x"])
            row["score"] = self._calibrated(row["raw"])
            row["outcome"] = self._outcome(row["score"])
            verdict["x"] = row["x"]
            if row["outcome"]:
                self.counts["alerts"] += 1
                verdict["alert"] = self._alert(row)
        return {
            **verdict,
            "score": row["score"],
            "outcome": row["outcome"],
            "cold": row["score"] is None,
        }

    def erase(self, name, key):
        """Forget an entity, and its payments as far as they are its."""
        self.memory.erase(name, key)
        self.labels.erase(self.layout.entities.index(name), key)
        self.counts["erasures"] += 1
        self._count_labels()

    def refuse(self):
        """Take a transaction that the decoder refused."""
        self.counts["refused"] += 1

    def label(self, key, time_us, verdict, source, confidence, refused):
        """Take a label; return why it was not used, or "OK"."""
        self.counts["labels"] += 1
        if refused:
            self.labels.counts["refused"] += 1
        watermark_us = self.clock.watermark_us
        now_us = BEGINNING_US if watermark_us is None else watermark_us
        # Held labels came before any label, be it one that is refused.
        self.labels.join_claimed(now_us)
        reason = refused or self.labels.take(now_us, key, time_us, verdict, source, confidence)
        self._count_labels()
        return reason

    def _count_labels(self):
        self.counts |= {f"labels_{name}": n for name, n in self.labels.counts.items()}

    def _features(self, time_us, amount, entities, numeric):
        """The feature vector by name, without what is not known."""
        said = self.memory.observe(
            time_us,
            amount,
            dict(zip(self.layout.entities, entities, strict=True)),
            dict(zip(self.layout.numeric, numeric, strict=True)),
            {},
        )
        named = zip(self.p.features.names, said, strict=True)
        return {name: float(value) for name, (value, _) in named if not math.isnan(value)}

    def _mark(self, row, is_fraud):
        """Let the features know a verdict, with what was said and seen at decision time."""
        score = math.nan if row["score"] is None else row["score"]
        then = {f: row["x"].get(str(f), math.nan) for f in self.p.features.features}
        self.memory.mark(row["number"], is_fraud, score, then)

    def _for_river(self, x):
        return {name: min(max(value, -1e12), 1e12) for name, value in x.items()}

    def _score(self, x):
        if any(self.seen[kind] < wanted for kind, wanted in self.wanted.items()):
            return None
        return self.model.predict_proba_one(self._for_river(x))[True]

    def _outcome(self, score):
        t = self.p.thresholds
        outcome = 0
        for place, threshold in enumerate([t.review, t.challenge, t.block], 1):
            if score is not None and score >= threshold:
                outcome = place
        return outcome

    def _calibrated(self, score):
        return self.calibrator.calibrate(score) if self.calibrator else score

    def _alert(self, row):
        """The base, and (name, value, part) of every feature that adds, largest part first."""
        x = row["x"]
        scaler, regression = self.model.steps.values()
        scaled = scaler.transform_one(self._for_river(x))
        parts = [(n, x[n], regression.weights.get(n, 0.0) * v) for n, v in scaled.items()]
        base = regression.intercept
        if self.calibrator:
            slope, offset = self.calibrator.line
            parts = [(n, value, slope * part) for n, value, part in parts]
            # With what bounding the score's log-odds took away.
            base = slope * log_odds(row["raw"]) + offset - math.fsum(p for _, _, p in parts)
        parts = [part for part in parts if part[2] > 0]
        return base, sorted(parts, key=lambda part: -part[2])

    def _learn(self, now_us):
        self.labels.join(now_us)
        self._count_labels()
        for row, is_fraud, taught, news, kinds in self.labels.examples():
            for kind in kinds:
                self.heard[kind].append((row["x"], is_fraud, 1))
            if not news:
                continue
            if taught is not None:
                self.judged.remove((row["score"], row["outcome"], taught))
            self._teach(row, is_fraud)
            self.counts["labels_learned"] += 1
        mature = self.labels.mature(now_us)
        for row in mature:
            self._mark(row, False)
        for row in mature:
            self._teach(row, False, weight_of(row["key"], self.p.labels.genuine_share))
            self.counts["matured"] += 1
        for row in self.waiting.untold:
            weight = 1
            if row["state"] == "matured":
                weight = weight_of(row["key"], self.p.labels.genuine_share)
            if weight:
                self.heard["delayed"].append((row["x"], row["verdict"], weight))
        for row in self.waiting.ripe if self.calibrator else ():
            self.calibrator.learn(row["raw"], row["verdict"])

    def _teach(self, row, is_fraud, weight=1):
        self.judged.append((row["score"], row["outcome"], is_fraud))
        if weight:
            self.model.learn_one(self._for_river(row["x"]), is_fraud, w=weight)
            self.seen[is_fraud] += 1
