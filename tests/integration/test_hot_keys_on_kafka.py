"""A merchant with a third of all payments, on a real Kafka, by whose id messages are keyed."""

from __future__ import annotations

from collections import Counter
from copy import copy
from shutil import copytree
from typing import TYPE_CHECKING

import numpy as np
import pytest
from inputs.onnx_models import FloatTensorType, LogisticRegression, export
from inputs.payments import TRANSACTIONS
from workers.worker_site import DECISIONS, PARTITIONS, Site, Traffic, end_well, remembering

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workers.lives import Lives

pytestmark = pytest.mark.kafka

HOT, ZIPF = 0.3, 1.2
RATE, N = 600, 6_000
NAMES = tuple(
    f"{entity}.{what}_{window}"
    for entity in ("card", "merchant")
    for what in ("count", "amount_mean")
    for window in ("10s", "1m")
)
FEATURES = ("amount", *NAMES)


def trained() -> bytes:
    """Return a model that learns nothing here: what it says is of the features alone."""
    rng = np.random.default_rng(1)
    X = rng.lognormal(3.0, 1.0, (500, len(FEATURES)))
    y = (X[:, 0] + X[:, -1] > np.median(X[:, 0] + X[:, -1])).astype(int)
    # So weak that no score is 0 or 1.
    model = LogisticRegression(C=1e-9, max_iter=2_000).fit(X, y)
    return export(model, FEATURES, types=[("X", FloatTensorType([None, len(FEATURES)]))])


class HotTraffic(Traffic):
    """Payments whose merchants and cards follow Zipf's law, but for one merchant of them all."""

    def turn(self, number: int) -> None:
        rng, sender = self.rng, self.sender
        shop = 0 if rng.random() < HOT else min(int(rng.zipf(ZIPF)), 10_000)
        card = min(int(rng.zipf(ZIPF)), 100_000)
        payment = sender.payments.pay(merchant_id=f"shop-{shop}", card_id=f"card-{card}")
        sender.send("transactions", TRANSACTIONS.encode(payment), payment["merchant_id"])
        sender.sent.add(payment["transaction_id"])
        self.merchants[payment["merchant_id"]] += 1

    def __init__(self, site: Site, seed: int) -> None:
        super().__init__(site, RATE, seed, n=N)
        self.rng = np.random.default_rng(seed)
        self.merchants: Counter[str] = Counter()


def per_partition(folder: Path, model: Path) -> str:
    """Return sections of workers that share partitions by the merchant's key."""
    state = 'state = "per_partition"\npartial_features = true\n'
    kind = f'[model]\nkind = "onnx"\nsource = "{model}"\nunknown_value = 0\n'
    more = remembering(folder / "state").replace("[model]\n", kind)
    return f'{state}{more}[fields]\nkey = "merchant"\n'


@pytest.fixture
def site(tmp_path: Path, site_factory: Callable[..., Site]) -> Site:
    model = tmp_path / "model.onnx"
    model.write_bytes(trained())
    return site_factory(per_partition(tmp_path, model))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hot_merchant_holds_nobody_up_and_changes_no_decision(site: Site, lives: Lives) -> None:
    workers = [lives.started(), lives.started()]
    traffic = HotTraffic(site, 7)
    traffic.start()
    behind = []
    while traffic.is_alive():
        ends, committed = site.ends("transactions"), site.committed("transactions")
        behind.append({p: end - committed[p] for p, end in ends.items()})
        traffic.join(0.2)
    sent = traffic.finish()
    decided = site.wait_until_decided(sent)
    assert decided.keys() == sent
    site.wait_until_committed("transactions")
    ends = site.ends("transactions")
    hot = max(ends, key=ends.__getitem__)
    print(f"of {ends} in {hot}; behind {[max(each.values()) for each in behind]}")
    assert traffic.merchants["shop-0"] > 0.28 * N
    assert ends[hot] > 1.2 * N / PARTITIONS
    for worker in workers:
        end_well(worker)
    assert site.committed("transactions") == ends
    # One worker alone says the same of each, to the byte.
    one = alone(site)
    assert lives.run("topics", "create", "--config", str(one.config))[0] == 0
    worker = lives.started(config=one.config)
    one.wait_until_decided(sent)
    end_well(worker)
    said = [sorted(each.value() for each in of.read("decisions")) for of in (site, one)]
    assert said[0] == said[1]
    assert len(said[0]) == N
    scores = [DECISIONS.decode(value)["score"] for value in said[0]]
    assert len(set(scores)) > N / 2


def alone(site: Site) -> Site:
    """Return the same site for another group, which writes to topics of its own."""
    one = copy(site)
    one.prefix = f"{site.prefix}-one"
    one.config = site.config.with_name("one.toml")
    written = ("decisions", "alerts", "dead_letters", "label_reviews", "drift", "audit")
    one.topics = site.topics | {name: f"{one.prefix}.{name}" for name in written}
    text = site.config.read_text().replace(f'group = "{site.prefix}"', f'group = "{one.prefix}"')
    for name in written:
        text = text.replace(f'"{site.topics[name]}"', f'"{one.topics[name]}"')
    text = text.replace(f'folder = "{site.folder / "state"}"', f'folder = "{site.folder / "one"}"')
    registry = site.folder / "registry" / "registry.toml"
    index = registry.read_text()
    for name in written:
        index = index.replace(f'"{site.topics[name]}-', f'"{one.topics[name]}-')
    # Both groups read the same inputs, and each finds the contracts of what it writes.
    other = site.folder / "registry-one"
    copytree(registry.parent, other)
    (other / registry.name).write_text(index)
    one.config.write_text(text.replace(f'"{registry.parent}"', f'"{other}"'))
    return one
