"""Law c: what comes later never changes what was said before."""

from dataclasses import replace

import numpy as np
from inputs.streams import (
    LABEL_LAYOUT,
    Log,
    block,
    feature_set,
    hostile_log,
    random_parameters,
    run,
)
from seeds import seeds

from schemas.columns import Transactions
from stream.engine.parameters import EngineParameters


@seeds(5)
def test_appended_arrivals_never_change_earlier_features_scores_or_alerts(seed):
    rng = np.random.default_rng(seed)
    parameters = random_parameters(rng)
    log = hostile_log(rng, 350)
    # The whole log in the largest batches: a look ahead inside a batch would show.
    full = run(parameters, log)
    for _ in range(3):
        head = log.head(int(rng.integers(1, len(log.order))))
        early = run(parameters, head)
        n, n_labels = len(head.transactions), len(head.labels)
        for name, column in early.columns.items():
            np.testing.assert_array_equal(full.columns[name][:n], column, err_msg=name)
        np.testing.assert_array_equal(full.features[:n], early.features)
        assert [alert for alert in full.alerts if alert[0] < n] == early.alerts
        assert full.label_reasons[:n_labels] == early.label_reasons


@seeds(4)
def test_features_do_not_depend_on_any_label(seed):
    rng = np.random.default_rng(seed)
    parameters = random_parameters(rng)
    log = hostile_log(rng, 300)
    unlabelled = Log(log.transactions, log.labels, tuple(x for x in log.order if not x))
    labelled, plain = run(parameters, log), run(parameters, unlabelled)
    names = parameters.features.names
    of_labels = ("fraud", "known", "genuine")
    others = [i for i, name in enumerate(names) if not any(word in name for word in of_labels)]
    np.testing.assert_array_equal(labelled.features[:, others], plain.features[:, others])
    np.testing.assert_array_equal(labelled.columns["timeliness"], plain.columns["timeliness"])


@seeds(4)
def test_other_entities_never_change_an_entitys_windows(seed):
    rng = np.random.default_rng(seed)
    payments = hostile_log(rng, 400).transactions
    # A repeat of a stranger's transaction is passed over, where alone it would be new;
    # and lateness is the partition's, not the entity's.
    _, first = np.unique(payments.transaction_key, return_index=True)
    payments = chosen(payments, np.sort(first))
    parameters = EngineParameters(feature_set(), waiting_max=10_000)
    parameters = replace(parameters, allowed_lateness_us=2**50)
    cards = [i for i, name in enumerate(parameters.features.names) if name.startswith("card.")]
    among = run(parameters, payments_only(payments))
    for card in np.unique(payments.entities[0])[1:4]:
        mine = np.flatnonzero(payments.entities[0] == card)
        alone = run(parameters, payments_only(chosen(payments, mine)))
        np.testing.assert_array_equal(among.features[mine][:, cards], alone.features[:, cards])


def chosen(batch, places):
    return Transactions(batch.layout, np.ascontiguousarray(batch.longs[:, places]), batch.data)


def payments_only(payments):
    return Log(payments, block(LABEL_LAYOUT, []), (False,) * len(payments))
