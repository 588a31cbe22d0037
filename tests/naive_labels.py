"""The oracle of labels: a list of rows, a list of examples, and what each label does to them."""

import math
from collections import Counter

BEGINNING_US = -(2**60)
DAY_US = 86_400 * 10**6
MASK = 2**64 - 1


def weight_of(key, share):
    """What a row weighs that nobody labelled, 0 if it is not learned: SplitMix64 of its key."""
    mixed = (key + 0xD1B54A32D192ED03) & MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
    mixed ^= mixed >> 31
    return 1 / share if (mixed >> 11) / 2**53 < share else 0


class NaiveWaitingRows:
    """Rows that wait for a label: a list in order of arrival, searched from end to end."""

    def __init__(self, rows_max):
        self.rows_max = rows_max
        self.rows = []
        self.lost = 0
        self.ripe = []  # that matured last, but withheld ones
        self.untold = []  # those of them that the delayed learner heard nothing of

    @property
    def waiting(self):
        """Rows that are not mature yet: none is before one that is."""
        return sum(not row["passed"] for row in self.rows)

    def find(self, key):
        """Return the row of a transaction, or None."""
        for row in self.rows:
            if row["key"] == key:
                return row
        return None

    def admit(self, key, time_us):
        """Return the row of a transaction and whether it was there already."""
        row = self.find(key)
        if row is not None:
            return row, True
        if len(self.rows) == self.rows_max:
            gone = self.rows.pop(0)
            self.lost += gone["state"] == "unlabelled"
        row = {"key": key, "time_us": time_us, "state": "unlabelled", "passed": False}
        row |= {"verdict": None, "taught": None, "example": None}
        row |= {"said_us": -math.inf, "source": None, "entity": 0, "kinds": set()}
        self.rows.append(row)
        return row, False

    def erase(self, entity, key):
        """Empty the rows of an entity; return them as they were."""
        found = [row for row in self.rows if row["entities"][entity] == key]
        before = [dict(row) for row in found]
        for row in found:
            row |= {"key": None, "state": "erased", "time_us": BEGINNING_US}
            row["entities"] = [0] * len(row["entities"])
        return before

    def mature(self, before_us, release_us=None):
        """Let rows mature from the oldest arrival on; return those that nobody labelled."""
        unlabelled = []
        self.ripe = []
        for row in self.rows:
            if row["time_us"] > before_us and not row["passed"]:
                break
            if not row["passed"] and row["state"] not in ("withheld", "erased"):
                self.ripe.append(row)
            if not row["passed"]:
                row["heard"] = set(row["kinds"])
                row["kinds"].add("delayed")
            if row["state"] == "unlabelled":
                unlabelled.append(row)
                row |= {"state": "matured", "verdict": False, "taught": False}
            row["passed"] = True
        self.untold = [row for row in self.ripe if "delayed" not in row["heard"]]
        release_us = before_us if release_us is None else release_us
        while self.rows and self.rows[0]["passed"] and self.rows[0]["time_us"] <= release_us:
            self.rows.pop(0)
        return unlabelled


class NaiveLabels:
    """What labels do, one after the other, to rows of `NaiveWaitingRows`.

    `parameters` has the fields of `LabelParameters`; `mark` is told of a row and its verdict.
    """

    def __init__(self, parameters, waiting, mark):
        self.parameters = parameters
        self.waiting = waiting
        self.mark = mark
        self.queue = []  # {"row", "verdict", "taught"}: what is to be learned, in order
        self.reviews = []  # (why, verdict, source, time, earlier verdict, source, time)
        self.reviewed = []  # the number of the row of each
        self.early = []  # {"label": arguments of `_apply`, "since_us"}: held, in order
        self.departed = []  # (key, why) of labels that were held
        self.day = None
        self.taught_today = Counter()  # by source and by entity
        names = ("refused", "repeated", "corrected", "superseded", "withheld", "early")
        self.counts = dict.fromkeys(names, 0)

    def take(self, now_us, key, time_us, verdict, source, confidence):
        """Take a label that was decoded at a watermark; return why it was not used, or "OK"."""
        self.join_claimed(now_us)
        reason = "OK"
        label = key, time_us, verdict == 1.0, source, confidence
        if verdict not in (0.0, 1.0):
            reason = "LABEL_WITHOUT_VERDICT"
        elif not 0 < confidence <= 1:
            reason = "LABEL_CONFIDENCE_INVALID"
        elif key and self.waiting.find(key):
            reason = self._apply(now_us, *label)
        elif time_us < now_us - self.parameters.maturity_us - self.parameters.correctable_us:
            reason = "LABEL_TOO_OLD"
        elif key == 0 or self.parameters.early_max == 0:
            reason = "LABEL_UNKNOWN_TRANSACTION"
        else:
            self.counts["early"] += 1
            self.early.append({"label": label, "since_us": now_us})
            if len(self.early) > self.parameters.early_max:
                self._give_up(self.early[:1])
        self.counts["refused"] += reason != "OK"
        return reason

    def _give_up(self, entries):
        for entry in entries:
            self.early.remove(entry)
            self.departed.append((entry["label"][0], "LABEL_UNKNOWN_TRANSACTION"))
            self.counts["refused"] += 1

    def erase(self, entity, key):
        """Forget the payments of an entity, what they were to teach, and what was held for them."""
        gone = self.waiting.erase(entity, key)
        for row in gone:
            if self._waits(row):
                row["example"] |= {"verdict": row["example"]["taught"], "kinds": set()}
        keys = [row["key"] for row in gone]
        self._give_up([each for each in self.early if each["label"][0] in keys])
        if entity == self.parameters.capped_entity:
            self.taught_today.pop(key, None)

    def join(self, now_us):
        """Join held labels at a barrier, and let those go that were held for long enough."""
        self.join_claimed(now_us)
        for entry in self.early:
            if entry["since_us"] == BEGINNING_US:
                entry["since_us"] = now_us
        due_us = now_us - self.parameters.early_hold_us
        self._give_up([each for each in self.early if each["since_us"] <= due_us])

    def join_claimed(self, now_us):
        """Join the held labels whose rows have come."""
        for entry in [each for each in self.early if self.waiting.find(each["label"][0])]:
            self.early.remove(entry)
            reason = self._apply(now_us, *entry["label"])
            self.departed.append((entry["label"][0], reason))
            self.counts["refused"] += reason != "OK"

    def _cap(self, now_us, source, entity):
        """Return which cap one more label would go over, or None."""
        if now_us // DAY_US != self.day:
            self.day = now_us // DAY_US
            self.taught_today.clear()
        source_max, entity_max = (
            self.parameters.source_max_per_day,
            self.parameters.entity_max_per_day,
        )
        if source_max and self.taught_today[source] >= source_max:
            return "SOURCE_CAP"
        if entity_max and entity and self.taught_today[entity] >= entity_max:
            return "ENTITY_CAP"
        return None

    def _apply(self, now_us, key, time_us, verdict, source, confidence):
        row = self.waiting.find(key)
        if time_us < row["time_us"]:
            return "LABEL_TIME_BEFORE_EVENT"
        sure = confidence >= self.parameters.confidence_min
        known = row["state"] in ("labelled", "matured")
        earlier = row["verdict"], row["source"], row["said_us"]
        if known and row["verdict"] == verdict:
            self.counts["repeated"] += 1
            kind = "feedback" if source == "ANALYST_REVIEW" else "delayed"
            if sure and kind not in row["kinds"] and (self._waits(row) or not self._full):
                self._put(row, verdict, kind, known)
            if sure and time_us >= row["said_us"]:
                row |= {"said_us": time_us, "source": source}
            return "OK"
        if known and time_us < row["said_us"]:
            self.counts["superseded"] += 1
            return "OK"
        why = None if sure else "LOW_CONFIDENCE"
        if not why and not self._waits(row) and self._full:
            why = "BACKLOG"
        why = why or self._cap(now_us, source, row["entity"])
        if why:
            self.counts["withheld"] += 1
            self._review(row, why, verdict, source, time_us, earlier)
            if row["state"] == "unlabelled" and verdict:
                row["state"] = "withheld"
            return "OK"
        if known:
            self.counts["corrected"] += 1
            if row["said_us"] > -math.inf:
                self._review(row, "CORRECTED", verdict, source, time_us, earlier)
        self.taught_today.update([source, row["entity"]])
        row |= {"state": "labelled", "verdict": verdict, "source": source}
        row["said_us"] = max(row["said_us"], time_us)
        self.mark(row, verdict)
        self._put(row, verdict, "feedback" if source == "ANALYST_REVIEW" else "delayed", known)
        return "OK"

    def _waits(self, row):
        return any(example is row["example"] for example in self.queue)

    @property
    def _full(self):
        return len(self.queue) == min(self.parameters.queue_max, self.waiting.rows_max)

    def _put(self, row, verdict, kind, known):
        """Put a row's example on the queue for a kind, or change the one that waits there."""
        if not self._waits(row):
            told = set(row["kinds"]) if known else set()
            row["example"] = {"row": row, "taught": row["taught"], "told": told}
            self.queue.append(row["example"])
        row["kinds"].add(kind)
        row["example"] |= {"verdict": verdict, "kinds": set(row["kinds"])}

    def _review(self, row, why, verdict, source, time_us, earlier):
        if earlier[2] == -math.inf:
            earlier = (None, None, None)
        self.reviews.append((why, verdict, source, time_us, *earlier))
        self.reviewed.append(row["number"])

    def examples(self):
        """Return what is to be learned at a barrier.

        Rows, their verdict, what they were, whether that is news, and for which kinds it is.
        """
        due, self.queue = (
            self.queue[: self.parameters.learn_max],
            self.queue[self.parameters.learn_max :],
        )
        for example in due:
            example["row"]["taught"] = example["verdict"]
        taught = []
        for example in due:
            news = example["verdict"] != example["taught"]
            kinds = example["kinds"] if news else example["kinds"] - example["told"]
            if news or kinds:
                taught.append((example["row"], example["verdict"], example["taught"], news, kinds))
        return taught

    def mature(self, now_us):
        """Return the rows that count as genuine from now on."""
        before_us = now_us - self.parameters.maturity_us
        return self.waiting.mature(before_us, before_us - self.parameters.correctable_us)
