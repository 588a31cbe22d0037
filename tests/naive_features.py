"""The oracle of the declared features: plain loops over everything that is remembered.

Nothing is imported from the kernels that are checked here, and nothing is kept that
could be counted again: every value is computed from the list of remembered events at
each observation, save what forgotten events leave behind by definition.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from fractions import Fraction

FRESH, LATE_CORRECTED, UNKNOWN, SATURATED = range(4)
WORST_FIRST = (UNKNOWN, SATURATED, LATE_CORRECTED, FRESH)

FIXED_PER_UNIT = 10**4  # Numeric inputs are summed as whole numbers of 1/10000.
FIXED_MAX = 10**12
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
EARTH_RADIUS_KM = 6371.0088

RUNNING = ("rate", "decayed_mean", "decayed_std", "speed_kmh")


class Event:
    """One transaction that was taken."""

    def __init__(self, number, time_us, amount_minor, entities, numeric, categorical):
        self.number = number
        self.time_us = time_us
        self.amount_minor = amount_minor
        self.entities = dict(entities)
        self.numeric = dict(numeric)
        self.categorical = dict(categorical)
        self.is_fraud = False
        self.verdict = None  # True, False, or None as long as nothing is known.


class Entity:
    """What is known of one entity since it became known."""

    def __init__(self, complete_us):
        self.events = []  # Those that are remembered, in order of arrival.
        self.complete_us = complete_us
        self.born_complete = complete_us == -math.inf
        self.now_us = -math.inf
        self.reordered_us = -math.inf
        self.first_us = math.inf
        self.fraud_us = None
        self.genuine_us = None
        self.at_fraud = {}  # Feature -> what it was at the latest fraud, or None.
        self.verdicts = []  # (event time, amount, is fraud, is a correction, score), as told.
        self.forgotten_us = None  # Latest time among the forgotten events.
        self.carry = {}  # Running feature -> the state of the event that was forgotten then.
        self.newest_is_first = False
        self.newest_is_late = False

    def in_order(self):
        """The remembered events by event time, equal times by arrival."""
        return sorted(self.events, key=lambda event: (event.time_us, event.number))


class EntityType:
    """All entities of one ENTITY expression, the least recently seen first."""

    def __init__(self, capacity):
        self.capacity = capacity
        self.known = OrderedDict()
        self.evicted_us = -math.inf  # The latest `now` of any evicted entity.
        self.verdicts = []  # Those on all its entities, evicted ones too.


class NaiveFeatures:
    """Every declared feature of every event.

    `features` and `inputs` are declarations; `capacities` overrides `entities_max` for
    single entity types ("card", "card+merchant"); `category_hash` turns the text of a
    category into the number that stands for it.
    """

    def __init__(
        self, features, inputs, events_max, entities_max, capacities=None, category_hash=None
    ):
        self.features = tuple(features)
        self.inputs = inputs
        self.events_max = events_max
        self.category_hash = category_hash
        self.minor_per_unit = 10**inputs.minor_digits
        self.fixed_max = min(FIXED_MAX, (2**63 - 1) // events_max)
        self.remembered = []  # The last events_max events, in order of arrival.
        self.arrived = 0
        self.values = {}  # Feature -> value of the latest event; arguments of derived ones too.
        self.running = []
        self.types = {}
        for feature in self._with_arguments(self.features):
            kind = type(feature).__name__
            if kind in ("Windowed", "PerEntity", "AtFraud"):
                capacity = (capacities or {}).get("+".join(feature.entity), entities_max)
                self.types.setdefault(tuple(feature.entity), EntityType(capacity))
            if kind == "PerEntity" and feature.value in RUNNING and feature not in self.running:
                self.running.append(feature)

    def _with_arguments(self, features):
        for feature in features:
            yield feature
            if type(feature).__name__ == "Derived":
                yield from self._with_arguments(feature.arguments)

    # What happens when something arrives.

    def observe(self, time_us, amount_minor, entities, numeric, categorical):
        """Take an event; return (value, state) of each feature."""
        if self.arrived >= self.events_max:
            self._forget(self.remembered.pop(0))
        event = Event(self.arrived, time_us, amount_minor, entities, numeric, categorical)
        self.arrived += 1
        self.remembered.append(event)
        for names, kind in self.types.items():
            self._join(names, kind, event)
        self.values = {}
        return [self._read(feature, event) for feature in self.features]

    def pass_over(self, time_us, numeric):
        """Read a row that is not taken: only its time, its inputs and what derives from them."""
        event = Event(-1, time_us, None, {}, numeric, {})
        self.values = {}
        return [self._read_passed_over(feature, event) for feature in self.features]

    def mark(self, number, is_fraud, score=math.nan, then=None):
        """Set or clear the verdict of an event; a forgotten one is passed over.

        `then` is what each feature was at decision time.
        """
        for event in self.remembered:
            if event.number == number and event.verdict is not is_fraud:
                self._tell(event, is_fraud, event.verdict is not None, score, then)
                event.verdict = is_fraud
                for entity in [self._holder(names, event) for names in self.types]:
                    if entity is not None:
                        self._clear(entity, event)
        for event in self.remembered:
            if event.number == number and event.is_fraud != is_fraud:
                event.is_fraud = is_fraud
                for names in self.types:
                    entity = self._holder(names, event)
                    if entity is not None:
                        self._judge(entity, event)

    def erase(self, name, key):
        """Make the events of one entity events of nobody, and forget what was kept of it."""
        for event in self.remembered:
            if event.entities[name] == key:
                event.entities[name] = 0
        for names, kind in self.types.items():
            for known in [k for k in kind.known if (name, key) in zip(names, k, strict=True)]:
                del kind.known[known]

    def _tell(self, event, is_fraud, is_correction, score, then):
        amount = event.amount_minor / self.minor_per_unit
        for names, kind in self.types.items():
            entity = self._holder(names, event)
            if entity is not None:
                said = rate_of(kind.verdicts) if math.isnan(score) else score
                verdict = event.time_us, amount, is_fraud, is_correction, said
                kind.verdicts.append(verdict)
                entity.verdicts.append(verdict)
                for feature in self._with_arguments(self.features):
                    if type(feature).__name__ == "AtFraud" and tuple(feature.entity) == names:
                        value = then[feature.argument] if is_fraud else math.nan
                        entity.at_fraud[feature] = value

    def _clear(self, entity, event):
        """Note when an entity's latest known genuine event was."""
        if event.verdict is False:
            before_us = -math.inf if entity.genuine_us is None else entity.genuine_us
            entity.genuine_us = max(event.time_us, before_us)
        elif entity.genuine_us == event.time_us:
            still = [e.time_us for e in entity.events if e.verdict is False]
            entity.genuine_us = max(still, default=None)

    def _judge(self, entity, event):
        if event.is_fraud:
            if entity.fraud_us is None or event.time_us > entity.fraud_us:
                entity.fraud_us = event.time_us
        elif entity.fraud_us == event.time_us:
            still = [e.time_us for e in entity.events if e.is_fraud and e.time_us <= event.time_us]
            entity.fraud_us = max(still) if still else None

    def _join(self, names, kind, event):
        key = self._key(names, event)
        if key is None:
            return
        if key not in kind.known:
            if len(kind.known) == kind.capacity:
                _, evicted = kind.known.popitem(last=False)
                kind.evicted_us = max(kind.evicted_us, evicted.now_us)
            kind.known[key] = Entity(kind.evicted_us)
            kind.known[key].newest_is_first = True
        else:
            # A pair that met earlier than it was known to have met is new at that time.
            kind.known[key].newest_is_first = event.time_us < kind.known[key].first_us
        kind.known.move_to_end(key)
        entity = kind.known[key]
        entity.newest_is_late = event.time_us < entity.now_us
        if entity.newest_is_late:
            entity.reordered_us = max(entity.reordered_us, event.time_us)
        entity.now_us = max(entity.now_us, event.time_us)
        entity.first_us = min(entity.first_us, event.time_us)
        entity.events.append(event)

    def _forget(self, event):
        for names in self.types:
            entity = self._holder(names, event)
            if entity is None:
                continue
            if entity.forgotten_us is None or event.time_us >= entity.forgotten_us:
                own = [f for f in self.running if tuple(f.entity) == names]
                # All from the carry so far, which the new one replaces as a whole.
                entity.carry = {f: self._state_at(f, entity, event) for f in own}
                entity.forgotten_us = event.time_us
            entity.complete_us = max(entity.complete_us, event.time_us)
            entity.events.remove(event)

    def _holder(self, names, event):
        """The entity of a type that still holds an event: not one that was evicted since."""
        key = self._key(names, event)
        entity = None if key is None else self.types[names].known.get(key)
        return entity if entity is not None and event in entity.events else None

    # What one event says.

    def _part(self, name, event):
        """An entity, a category or the amount; None if it is null."""
        if name == "amount":
            return event.amount_minor
        if name in self.inputs.entities:
            return event.entities[name] or None
        return event.categorical[name] or None

    def _key(self, names, event):
        parts = tuple(self._part(name, event) for name in names)
        return None if None in parts else parts

    def _whole(self, name, event):
        """The amount in minor units or a number in fixed point; None if it is null."""
        if name == "amount":
            return event.amount_minor
        scaled = event.numeric[name] * FIXED_PER_UNIT
        if not math.isfinite(scaled) or abs(round(scaled)) > self.fixed_max:
            return None
        return round(scaled)  # Halves go to the even side, as those of np.rint.

    def _per_unit(self, name):
        return self.minor_per_unit if name == "amount" else FIXED_PER_UNIT

    def _is(self, name, event):
        """Whether a condition is true; None if its field is null."""
        condition = self.inputs.conditions[name]
        if condition.hours is not None:
            first, last = condition.hours
            hour = event.time_us // HOUR_US % 24
            if first <= last:
                return first <= hour <= last
            return hour >= first or hour <= last
        if condition.weekdays:
            return weekday(event.time_us) in condition.weekdays
        if condition.values:
            category = event.categorical[condition.field]
            if category == 0:
                return None
            return category in [self.category_hash(value) for value in condition.values]
        if condition.field == "amount":
            number = event.amount_minor / self.minor_per_unit
        else:
            number = event.numeric[condition.field]
        if math.isnan(number):
            return None
        above = condition.above is None or number > condition.above
        below = condition.below is None or number < condition.below
        return above and below

    def _location(self, event):
        latitude, longitude = (event.numeric[name] for name in self.inputs.location)
        if abs(latitude) <= 90 and abs(longitude) <= 180:  # Neither is NaN or infinite.
            return latitude, longitude, event.time_us
        return None

    # Values.

    def _read(self, feature, event):
        """Return (value, state)."""
        kind = type(feature).__name__
        if kind == "Derived":
            arguments = [self._read(argument, event) for argument in feature.arguments]
            value = derive(feature.function, [value for value, _ in arguments])
            state = worst([state for _, state in arguments])
        elif kind in ("Windowed", "PerEntity", "AtFraud"):
            key = self._key(feature.entity, event)
            if key is None:
                value, state = math.nan, UNKNOWN
            else:
                entity = self.types[tuple(feature.entity)].known[key]
                read = self._windowed if kind == "Windowed" else self._per_entity
                value = read(feature, entity, event)
                read = self._windowed_state if kind == "Windowed" else self._per_entity_state
                state = read(feature, entity, event)
        else:
            value, state = self._of_the_transaction(feature, event), FRESH
        value = float(value)
        self.values[feature] = value
        return value, UNKNOWN if math.isnan(value) else state

    def _read_passed_over(self, feature, event):
        kind = type(feature).__name__
        value = math.nan
        if kind == "Derived":
            arguments = [self._read_passed_over(a, event)[0] for a in feature.arguments]
            value = derive(feature.function, arguments)
        elif kind in ("Cyclic", "Input"):
            value = float(self._of_the_transaction(feature, event))
        self.values[feature] = value
        return value, UNKNOWN if math.isnan(value) else FRESH

    def _of_the_transaction(self, feature, event):
        kind = type(feature).__name__
        if kind == "Amount":
            return event.amount_minor / self.minor_per_unit
        if kind == "Input":
            return event.numeric[feature.field]
        if kind == "Is":
            holds = self._is(feature.condition, event)
            return math.nan if holds is None else float(holds)
        assert kind == "Cyclic", feature
        if feature.period == "hour":
            turn = Fraction(event.time_us % DAY_US, DAY_US)
        else:
            turn = Fraction((event.time_us + 3 * DAY_US) % (7 * DAY_US), 7 * DAY_US)
        angle = 2 * math.pi * float(turn)
        return math.sin(angle) if feature.function == "sin" else math.cos(angle)

    def _windowed(self, feature, entity, event):
        end_us = event.time_us - feature.delay_us
        start_us = end_us - feature.length_us
        inside = []
        for other in entity.events:
            comes_after = (other.time_us, other.number) > (event.time_us, event.number)
            if start_us < other.time_us <= end_us and not comes_after:
                inside.append(other)
        aggregate, of = feature.aggregate, feature.of
        if aggregate == "count":
            return len(inside)
        if aggregate == "frauds":
            return len([e for e in inside if e.is_fraud])
        if aggregate == "fraud_rate":
            return len([e for e in inside if e.is_fraud]) / len(inside) if inside else 0.0
        if aggregate == "distinct":
            return len({self._part(of, e) for e in inside} - {None})
        if aggregate == "share":
            verdicts = [self._is(of, e) for e in inside]
            told = [verdict for verdict in verdicts if verdict is not None]
            return told.count(True) / len(told) if told else math.nan
        if aggregate == "zscore":
            return self._zscore(of, [e for e in inside if e is not event], event)
        numbers = [self._whole(of, e) for e in inside]
        numbers = [number for number in numbers if number is not None]
        per_unit = self._per_unit(of)
        if aggregate == "sum":
            return float(sum(numbers)) / per_unit
        if not numbers:
            return math.nan
        if aggregate == "mean":
            return float(mean(numbers) / per_unit)
        if aggregate == "std":
            return root(variance(numbers)) / per_unit
        if aggregate == "min":
            return float(min(numbers)) / per_unit
        assert aggregate == "max", feature
        return float(max(numbers)) / per_unit

    def _zscore(self, of, others, event):
        numbers = [self._whole(of, e) for e in others]
        numbers = [number for number in numbers if number is not None]
        own = self._whole(of, event)
        if own is None or not numbers:
            return math.nan
        # In whole steps of resolution, so that one step is 1.
        return float(own - mean(numbers)) / max(root(variance(numbers)), 1.0)

    def _per_entity(self, feature, entity, event):
        t = event.time_us
        if type(feature).__name__ == "AtFraud":
            return entity.at_fraud.get(feature, math.nan)
        value = feature.value
        if value in RUNNING:
            return self._running_value(feature, entity, event)
        if value == "new":
            return float(entity.newest_is_first)
        if value == "seconds_since_first":
            return float(t - min(t, entity.first_us)) / 1e6
        if value == "known_fraud_run":
            return float(last_in_a_row([is_fraud for _, _, is_fraud, _, _ in entity.verdicts]))
        if value == "seconds_since_genuine":
            latest = entity.genuine_us
            if latest is not None and latest > t:
                times = [e.time_us for e in entity.events if e.verdict is False and e.time_us <= t]
                latest = max(times, default=None)
            return math.nan if latest is None else float(t - latest) / 1e6
        if feature.of_verdicts:
            return self._known(feature, entity, event)
        if value == "seconds_since_last":
            if entity.forgotten_us is not None and t < entity.forgotten_us:
                return math.nan
            times = [e.time_us for e in entity.events if e is not event and e.time_us <= t]
            if entity.forgotten_us is not None:
                times.append(entity.forgotten_us)
            return float(t - max(times)) / 1e6 if times else math.nan
        assert value == "seconds_since_fraud", feature
        if entity.fraud_us is None:
            return math.nan
        if entity.fraud_us <= t:
            return float(t - entity.fraud_us) / 1e6
        times = [e.time_us for e in entity.events if e.is_fraud and e.time_us <= t]
        return float(t - max(times)) / 1e6 if times else math.nan

    def _known(self, feature, entity, event):
        kind = self.types[tuple(feature.entity)]
        now_us = max([event.time_us, *(verdict[0] for verdict in entity.verdicts)])
        sums = summed(entity.verdicts, now_us, feature.half_life_us)
        everything = summed(kind.verdicts, 0, math.inf)
        rate = rate_of(kind.verdicts)
        mean = everything["amount"] / everything["genuine"] if everything["genuine"] else math.nan
        if feature.value == "known_fraud_odds":
            share = (sums["frauds"] + rate) / (sums["count"] + 1)
            return math.log(share / (1 - share))
        if feature.value in ("known_frauds", "known_count"):
            return sums["frauds" if feature.value == "known_frauds" else "count"]
        if feature.value == "surprise":
            return sums["surprise"]
        weight = sums["genuine"] + 1
        own = (sums["amount"] + mean) / weight
        if feature.value == "genuine_mean":
            return own
        assert feature.value == "genuine_std", feature
        square = (sums["square"] + 1.25 * mean**2) / weight
        return math.sqrt(max(square - own**2, (0.05 * own) ** 2))

    # Running values: folds over the events in order.

    def _running_value(self, feature, entity, event):
        if entity.forgotten_us is not None and event.time_us < entity.forgotten_us:
            return math.nan
        if feature.value == "speed_kmh":
            before = self._state_before(feature, entity, event)
            return speed_kmh(before, self._location(event))
        state = self._state_at(feature, entity, event)
        if feature.value == "rate":
            _, s = state
            return s * math.log(2) / (feature.half_life_us / HOUR_US)
        _, weight, m, m2 = state
        if weight == 0:
            return math.nan
        return m if feature.value == "decayed_mean" else math.sqrt(m2 / weight)

    def _state_before(self, feature, entity, event):
        """The state of an event's predecessor, or None if nothing came before it."""
        state = entity.carry.get(feature)
        for other in entity.in_order():
            if other is event:
                return state
            if entity.forgotten_us is None or other.time_us >= entity.forgotten_us:
                state = self._step(feature, state, other)
        raise AssertionError("the entity does not hold the event")

    def _state_at(self, feature, entity, event):
        return self._step(feature, self._state_before(feature, entity, event), event)

    def _step(self, feature, before, event):
        """The state after an event, from that of its predecessor (None: there is none)."""
        t = event.time_us
        if feature.value == "speed_kmh":
            return self._location(event) or before
        decay = 0.0
        if before is not None:
            decay = 2.0 ** (-(t - before[0]) / feature.half_life_us)
        if feature.value == "rate":
            s = before[1] if before is not None else 0.0
            return t, decay * s + 1
        _, weight, m, m2 = before if before is not None else (t, 0.0, 0.0, 0.0)
        whole = self._whole(feature.of, event)
        if whole is None:
            return t, decay * weight, m, decay * m2
        x = whole / self._per_unit(feature.of)
        after = decay * weight + 1
        delta = x - m
        return t, after, m + delta / after, decay * m2 + (decay * weight / after) * delta**2

    # States of values.

    def _windowed_state(self, feature, entity, event):
        start_us = event.time_us - feature.delay_us - feature.length_us
        if entity.complete_us > start_us:
            return SATURATED
        return LATE_CORRECTED if entity.reordered_us > start_us else FRESH

    def _per_entity_state(self, feature, entity, event):
        never = ("seconds_since_last", "seconds_since_fraud")
        if getattr(feature, "value", "") not in never and not entity.born_complete:
            return SATURATED
        return LATE_CORRECTED if entity.newest_is_late else FRESH


def summed(verdicts, now_us, half_life_us):
    """Sums over verdicts, each weighing half as much after every half-life of its event."""
    sums = dict.fromkeys(("frauds", "count", "surprise", "genuine", "amount", "square"), 0.0)
    for time_us, amount, is_fraud, is_correction, score in verdicts:
        weight = 0.5 ** ((now_us - time_us) / half_life_us)
        sums["frauds"] += weight if is_fraud else -weight if is_correction else 0.0
        sums["count"] += 0.0 if is_correction else weight
        surprise = (1.0 if is_fraud else -1.0) if is_correction else float(is_fraud) - score
        sums["surprise"] += weight * surprise
        sign = (-weight if is_correction else 0.0) if is_fraud else weight
        for name, value in (("genuine", 1.0), ("amount", amount), ("square", amount**2)):
            sums[name] += sign * value
    return sums


def rate_of(verdicts):
    """The overall rate of fraud, which begins as 1 in 100."""
    sums = summed(verdicts, 0, math.inf)
    return (sums["frauds"] + 1) / (sums["count"] + 100)


def last_in_a_row(verdicts):
    """How many of the last verdicts, without a break, said fraud."""
    n = 0
    for is_fraud in reversed(verdicts):
        if not is_fraud:
            break
        n += 1
    return n


def worst(states):
    return min(states, key=WORST_FIRST.index)


def derive(function, arguments):
    """A derived value; NaN in, NaN out."""
    if any(math.isnan(a) for a in arguments):
        return math.nan
    if function == "log":
        return math.copysign(math.log1p(abs(arguments[0])), arguments[0])
    a, b = arguments
    if function == "difference":
        return a - b
    assert function == "ratio", function
    return a / b if b != 0 else math.nan


def weekday(time_us):
    """0 is Monday; the epoch was a Thursday."""
    return (time_us // DAY_US + 3) % 7


def mean(numbers):
    return Fraction(sum(numbers), len(numbers))


def variance(numbers):
    """Of the population, exactly: the mean of (x - mean)**2."""
    n, total = len(numbers), sum(numbers)
    # n * x - total is n times the deviation from the mean, and a whole number.
    return Fraction(sum((n * x - total) ** 2 for x in numbers), n**3)


def root(fraction):
    return math.sqrt(float(fraction))


def speed_kmh(before, here):
    """Great-circle distance between two (latitude, longitude, time) over the time between."""
    if before is None or here is None:
        return math.nan
    a, b, c, d = (math.radians(degrees) for degrees in (*before[:2], *here[:2]))
    h = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    km = 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(h)))
    return km / (max(here[2] - before[2], 1_000_000) / HOUR_US)
