"""Lists by dicts and loops: the oracle, and random orders as JSON says them."""

from __future__ import annotations

from schemas.columns import Reason
from stream.lists.declaration import ListDeclaration, ListKind
from stream.lists.entries import ALWAYS_US, NEVER_US

T0 = 1_780_000_000_000_000
DECLARED = (
    ListDeclaration("blocked", "card", ListKind.DENY, 6),
    ListDeclaration("trusted", "card", ListKind.ALLOW, 3),
    ListDeclaration("odd_shops", "merchant", ListKind.WATCH, 50),
)
# Homes in one bucket, at the end of the table too, and what looks like a number below 0.
KEYS = [1, 2, 7, 8, 9, 15, 16, 17, 1 << 40, 1 << 40 | 1, 2**64 - 1, 2**63, 2**63 + 16, 31]


class NaiveLists:
    """What `stream.lists.lists.Lists` does."""

    def __init__(self, declared):
        self.rules = {each.name: each for each in declared}
        self.on = {name: {} for name in self.rules}
        self.versions = dict.fromkeys(self.rules, 0)

    def take(self, order, now_us):
        if order["list"] not in self.on:
            return Reason.CONTROL_LIST_UNKNOWN
        self.expire(now_us, [order["list"]])
        after = dict(self.on[order["list"]])
        for key in order["remove"]:
            after.pop(int(key, 16), None)
        for each in order["add"]:
            until = NEVER_US if each["until"] is None else each["until"]
            since = ALWAYS_US if each["since"] is None else each["since"]
            after.pop(int(each["key"], 16), None)
            if until > now_us:
                after[int(each["key"], 16)] = (since, until, order["reason"])
        if len(after) > self.rules[order["list"]].entries_max:
            return Reason.CONTROL_LIST_FULL
        self.on[order["list"]] = after
        self.versions[order["list"]] += 1
        return Reason.OK

    def expire(self, now_us, names=None):
        for name in names or self.on:
            on = self.on[name].items()
            self.on[name] = {key: entry for key, entry in on if entry[1] > now_us}

    def erase(self, column, key):
        for name, rules in self.rules.items():
            if rules.of == column and key in self.on[name]:
                del self.on[name][key]
                self.versions[name] += 1

    def member(self, name, key, time_us):
        since, until, _ = self.on[name].get(key, (0, 0, ""))
        return since <= time_us < until


def random_order(rng):
    keys = [f"{KEYS[at]:016x}" for at in rng.permutation(len(KEYS))[: int(rng.integers(1, 6))]]
    n = int(rng.integers(0, len(keys) + 1))
    add = []
    for key in keys[:n]:
        since = None if rng.random() < 0.6 else T0 + int(rng.integers(0, 100))
        until = None if rng.random() < 0.3 else (since or T0) + int(rng.integers(1, 120))
        add.append({"key": key, "since": since, "until": until})
    name = rng.choice(["blocked", "trusted", "odd_shops", "nobodys"], p=[0.4, 0.3, 0.2, 0.1])
    reason = f"reason {rng.integers(3)} für"
    return {"list": str(name), "add": add, "remove": keys[n:], "reason": reason, "by": "anna"}
