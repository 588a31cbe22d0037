"""Before the first payment everything is compiled, and every model's cost is known."""

import json
import sys

import numba
import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

from schemas.columns import ID_START, ID_STOP, Reason
from schemas.siphash import hash_texts
from stream.app import decoders_of, engine_of, registry_of
from stream.config.configuration import load
from stream.decide import ALERT_ID_BYTES
from stream.records.alerts import AlertWriter
from stream.records.decisions import DecisionWriter
from stream.telemetry.tally import Tally
from stream.warm_up import warm_up

CONFIG = """
[topics]
control = "fraud.control"
[features]
names = ["amount", "{card,merchant}.{count,amount_mean}_{1h,1d}", "card.distinct_merchant_1d",
  "merchant.distinct_card_1d", "card+merchant.count_1d"]
[model]
frauds_min = 1
genuine_min = 1
[decision]
review = 1e-9
[monitor]
level_detectors = ["adwin", "page_hinkley", "kswin"]
[lists.watched]
of = "card"
[model.challengers.forest]
kind = "forest"
trees = 2
sample = 0.5
[model.challengers.both]
kind = "blend"
members = ["additive", "forest"]
"""

RULE = '[[rule]]\nid = "r"\naction = "review"\nmode = "live"\nwhen = "{}"'
# Rules, then somebody on a list, then other rules.
ORDERS = {
    10: ("RULES", json.dumps({"rules": RULE.format("amount >= 0.0"), "by": "anna"})),
    12: (
        "LISTS",
        json.dumps(
            {"list": "watched", "add": [{"key": f"{1:016x}"}], "reason": "test", "by": "anna"}
        ),
    ),
    20: (
        "RULES",
        json.dumps(
            {
                "rules": RULE.format(
                    "card in lists.watched || card.count_1d * 2.0 > 9.0 ? score < 2.0 : true"
                ),
                "by": "anna",
            }
        ),
    ),
}


def compiled():
    """How many machine codes every kernel of the project has."""
    return {
        f"{name}.{kernel.py_func.__name__}": len(kernel.overloads)
        for name, module in list(sys.modules.items())
        if name.split(".")[0] in OURS
        for kernel in vars(module).values()
        # By its type: some objects of the compiler are proxies of what is gone.
        if issubclass(type(kernel), Dispatcher)
    }


OURS = ("schemas", "models", "stream")


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
@pytest.mark.slow
@pytest.mark.usefixtures("special_kernels")
def test_nothing_is_compiled_after_it(tmp_path):
    path = tmp_path / "fraudstream.toml"
    path.write_text(CONFIG)
    config = load(path)
    registry = registry_of(config)
    decoders = decoders_of(config, registry, bytes(16))
    registry.close()
    engine = engine_of(config, bytes(16))
    warm = warm_up(engine, decoders.transactions, decoders.labels, decoders.control)
    assert warm.seconds > 0
    assert warm.cost.predict_us > 0
    assert list(warm.challengers) == ["forest", "both"]
    assert min(cost.learn_us for cost in warm.challengers.values()) > 0
    assert engine.learner.learned == 0, "only copies learn"
    tally = Tally("payments", "labels", "orders")
    tally.warm_up()
    before = compiled()
    assert before["stream.labels.places.mature_rows"] == 1
    assert before["stream.telemetry.tally.count_payments"] == 1
    batch = decoders.transactions.decode([b"\0"] * 64, 0)
    day_us = 86_400_000_000
    rng, writer = np.random.default_rng(1), DecisionWriter(1, "policy")
    features = engine.parameters.features
    alert_writer = AlertWriter(1, "policy", "topic", features.names, features.layout.entities)
    for day in range(30):
        batch.longs[:] = rng.integers(1, 5, batch.longs.shape)
        batch.reason[:] = Reason.OK
        batch.partition[:] = 0
        batch.event_time_us[:] = (20_000 + day) * day_us + np.arange(64)
        batch.arrival_time_us[:] = batch.event_time_us
        batch.transaction_key[:] = rng.integers(1, 2**60, 64)
        effects = engine.step(batch)
        tally.decided(effects)
        tally.published("payments", len(batch), batch.arrival_time_us, 0.001)
        ruled = effects.matched, effects.rules
        writer.write(batch, effects.decided, np.arange(len(batch)), *ruled)
        alerts = effects.alerts.of(np.arange(len(effects.alerts.rows)))
        ids = ["0" * ALERT_ID_BYTES] * len(alerts.rows)
        alert_writer.write(batch, effects.decided, alerts, ids, *ruled)
        labels = decoders.labels.decode([b"\0"] * 8, 0)
        labels.longs[:] = 0
        labels.reason[:] = Reason.OK
        labels.numeric[:] = 1.0
        labels.event_time_us[:] = batch.event_time_us[:8] + 1
        labels.transaction_key[:] = batch.transaction_key[:8]
        tally.labelled(labels, engine.label(labels), engine.waiting)
        assert decoders.control is not None
        orders = decoders.control.decode([b"\0"], 0)
        orders.reason[:] = Reason.OK
        orders.data = np.frombuffer(f"{rng.integers(1, 5):016x}".encode(), np.uint8)
        orders.longs[[ID_START, ID_STOP], 0] = 0, 16
        names = ["ERASE", config.roles().layout.entities[day % 2]]
        orders.categorical[:, 0] = hash_texts(names, bytes(16))
        assert engine.control(orders).erased
        if day in ORDERS:
            kind, text = ORDERS[day]
            orders.data = np.frombuffer(text.encode(), np.uint8)
            orders.longs[ID_STOP, 0] = len(text)
            orders.categorical[0] = hash_texts([kind], bytes(16))
            assert engine.control(orders).reasons.tolist() == [Reason.OK]
    assert len(effects.matched.rules), "rules were asked"
    assert engine.learner.ready
    assert len(effects.alerts.rows), "explanations were asked for"
    grown = {name: n for name, n in compiled().items() if n != before.get(name, 0)}
    assert grown == {}
