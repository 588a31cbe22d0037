"""What the cool-down holds back is told by the next alert: all of it, once, of the same entity."""

from collections import Counter
from dataclasses import replace

import numpy as np
from inputs.streams import SECOND, hostile_log, random_cuts, random_parameters, rule_inputs, run
from seeds import seeds

from stream.decide import Outcome
from stream.lists.declaration import ListDeclaration
from stream.rules.reading import read_rules

RULES = """
[[rule]]
id = "most"
when = "amount > 1.0"
action = "review"
mode = "live"
[[rule]]
id = "some"
when = "amount > 100.0"
action = "challenge"
mode = "live"
"""


def plainly(columns, keys, times_us, cooldown_us):
    """Which rows are alerts, each with how many were held back, in dictionaries."""
    last_us, held, found = {}, Counter(), []
    for row, key in enumerate(keys):
        outcome = columns["outcomes"][row]
        if outcome < Outcome.REVIEW or columns["duplicate"][row]:
            continue
        time_us = times_us[row]
        waits = outcome == Outcome.REVIEW and key in last_us
        if waits and abs(time_us - last_us[key]) < cooldown_us:
            held[key] += 1
            continue
        found.append((row, held.pop(key, 0)))
        if key:
            last_us[key] = max(time_us, last_us.get(key, time_us))
    return found, held


@seeds(6)
def test_an_alert_says_how_many_of_its_entity_were_held_back_since_the_one_before(seed):
    rng = np.random.default_rng(seed)
    name = str(rng.choice(["card", "merchant"]))
    parameters = replace(
        random_parameters(rng),
        alerts_per_day=0.0,
        lists=(ListDeclaration("watched", "card"),),
        rules=read_rules({"rules": RULES}, rule_inputs()),
        cooldown_us=int(rng.choice([1, 10, 100])) * SECOND,
        cooldown_entity=name,
    )
    log = hostile_log(rng, 400)
    ours = run(parameters, log, random_cuts(rng, log))
    rows = log.transactions
    keys = rows.entities[parameters.features.layout.entities.index(name)].tolist()
    times_us = rows.event_time_us.tolist()
    expected, held = plainly(ours.columns, keys, times_us, parameters.cooldown_us)
    alerted = [row for row, *_ in ours.alerts]
    assert list(zip(alerted, ours.grouped, strict=True)) == expected
    assert sum(ours.grouped) + held.total() == ours.engine.admission.grouped > 0
