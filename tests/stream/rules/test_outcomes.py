"""The law by which rules and the model come to one outcome, beside a plain reading of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.decide import Outcome
from stream.rules.evaluate import Findings
from stream.rules.outcomes import NO_RULE, Judge
from stream.rules.rule import Mode, Rule, RuleSet

NONE = np.zeros((0, 0))


def found(verdicts):
    verdicts = np.array(verdicts, np.int8)
    matches, errors = (verdicts == 1).sum(axis=1), (verdicts == -1).sum(axis=1)
    return Findings(verdicts, matches, errors, NONE.astype(np.int64), NONE.astype(np.bool_))


def rules_of(*each):
    return RuleSet(
        tuple(
            Rule(f"r{at:02}", "true", action, mode, share, priority, expires_us=expires_us)
            for at, (action, mode, share, priority, expires_us) in enumerate(each)
        )
    )


def judged(rules, verdicts, outcomes, times=None, keys=None):
    n = len(outcomes)
    times = np.zeros(n, np.int64) if times is None else np.array(times, np.int64)
    keys = np.arange(1, n + 1, dtype=np.uint64) if keys is None else keys
    return Judge(rules)(found(verdicts), np.array(outcomes, np.int8), times, keys)


def plainly(rules, verdicts, outcomes, times):
    """Say the same of rules without shares, a payment at a time."""
    final, deciding = [], []
    for row, outcome in enumerate(outcomes):
        live = [
            (rule.priority, rule.action, at)
            for at, rule in enumerate(rules.rules)
            if verdicts[at][row] == 1
            and rule.mode is Mode.LIVE
            and (rule.expires_us is None or times[row] < rule.expires_us)
        ]
        silenced = max([p for p, action, _ in live if action is Outcome.ALLOW], default=None)
        voices = [it for it in live if silenced is None or it[0] >= silenced]
        strictest = max([action for _, action, _ in voices], default=Outcome.ALLOW)
        model = outcome if silenced is None else Outcome.ALLOW
        result = max(strictest, model)
        final.append(int(result))
        saying = [it for it in voices if it[1] == result]
        says = bool(saying) and (result > Outcome.ALLOW or silenced is not None)
        first = max(saying, key=lambda it: (it[0], -it[2]), default=None)
        deciding.append(first[2] if says and first else NO_RULE)
    return final, deciding


one_rule = st.tuples(
    st.sampled_from(list(Outcome)),
    st.sampled_from(list(Mode)),
    st.just(1.0),
    st.integers(-1, 3),
    st.sampled_from([None, 0, 5]),
).map(lambda it: (*it[:3], max(it[3], 1) if it[0] is Outcome.ALLOW else it[3], it[4]))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_law_holds_for_any_rules(data):
    rules = rules_of(*data.draw(st.lists(one_rule, min_size=1, max_size=6)))
    n = data.draw(st.integers(0, 5))
    row = st.lists(st.sampled_from([-1, 0, 1, 1]), min_size=n, max_size=n)
    verdicts = data.draw(st.lists(row, min_size=len(rules), max_size=len(rules)))
    outcomes = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    times = data.draw(st.lists(st.integers(-1, 6), min_size=n, max_size=n))
    result = judged(rules, np.array(verdicts).reshape(len(rules), n), outcomes, times)
    final, deciding = plainly(rules, verdicts, outcomes, times)
    assert result.outcomes.tolist() == final
    assert result.deciding.tolist() == deciding
    for at in range(n):
        matching = [
            rule
            for rule in range(len(rules))
            if verdicts[rule][at] == 1
            and (rules.rules[rule].expires_us is None or times[at] < rules.rules[rule].expires_us)
        ]
        live = [rule for rule in matching if rules.rules[rule].mode is Mode.LIVE]
        assert result.of(at, live=True) == live
        assert result.of(at, live=False) == [rule for rule in matching if rule not in live]


ALLOW, BLOCK, REVIEW = Outcome.ALLOW, Outcome.BLOCK, Outcome.REVIEW
LIVE, SHADOW = Mode.LIVE, Mode.SHADOW


@pytest.mark.parametrize(
    ("rules", "model", "outcome", "deciding"),
    [
        ([(REVIEW, LIVE, 1.0, 0, None)], ALLOW, REVIEW, 0),
        ([(REVIEW, LIVE, 1.0, 0, None)], BLOCK, BLOCK, NO_RULE),
        ([(BLOCK, SHADOW, 1.0, 9, None)], ALLOW, ALLOW, NO_RULE),
        ([(ALLOW, LIVE, 1.0, 5, None)], BLOCK, ALLOW, 0),
        ([(ALLOW, LIVE, 1.0, 5, None), (BLOCK, LIVE, 1.0, 4, None)], REVIEW, ALLOW, 0),
        ([(ALLOW, LIVE, 1.0, 5, None), (BLOCK, LIVE, 1.0, 5, None)], REVIEW, BLOCK, 1),
        ([(ALLOW, LIVE, 1.0, 5, None), (REVIEW, LIVE, 1.0, 9, None)], BLOCK, REVIEW, 1),
        ([(REVIEW, LIVE, 1.0, 0, None), (REVIEW, LIVE, 1.0, 7, None)], ALLOW, REVIEW, 1),
        ([(BLOCK, LIVE, 1.0, 0, 0)], ALLOW, ALLOW, NO_RULE),
        ([(BLOCK, LIVE, 1.0, 0, 1)], ALLOW, BLOCK, 0),
    ],
)
def test_an_allow_silences_what_is_below_it_and_the_strictest_wins(rules, model, outcome, deciding):
    result = judged(rules_of(*rules), [[1]] * len(rules), [model])
    assert result.outcomes.tolist() == [outcome]
    assert result.deciding.tolist() == [deciding]


def test_a_share_is_drawn_by_the_payment_alone_and_grows_without_losing_anybody():
    n = 20_000
    keys = np.random.default_rng(5).integers(1, 2**63, n, dtype=np.uint64)
    drawn = {}
    for share in (0.1, 0.25, 1.0):
        rules = rules_of((REVIEW, LIVE, share, 0, None), (BLOCK, LIVE, share, 0, None))
        result = judged(rules, np.ones((2, n)), [0] * n, keys=keys)
        for rule in (0, 1):
            of_rule = result.rules == rule
            live = np.zeros(n, np.bool_)
            live[result.rows[of_rule]] = result.live[of_rule]
            drawn[share, rule] = live
            assert abs(live.mean() - share) < 0.02
        # In another order, in pieces: the same.
        order = np.random.default_rng(6).permutation(n)[:500]
        again = judged(rules, np.ones((2, 500)), [0] * 500, keys=keys[order])
        assert [0 in again.of(row, live=True) for row in range(500)] == drawn[share, 0][
            order
        ].tolist()
    assert (drawn[0.25, 0] | ~drawn[0.1, 0]).all()
    # Two rules draw for themselves.
    both = (drawn[0.25, 0] & drawn[0.25, 1]).mean()
    assert abs(both - 0.25**2) < 0.01


def test_where_nothing_matches_the_model_has_its_way():
    rules = rules_of((BLOCK, LIVE, 1.0, 0, None))
    result = judged(rules, [[0, -1, 0]], [0, 1, 3])
    assert result.outcomes.tolist() == [0, 1, 3]
    assert result.deciding.tolist() == [NO_RULE] * 3
    assert not len(result.rows)
    assert judged(RuleSet(), np.zeros((0, 2)), [1, 0]).outcomes.tolist() == [1, 0]
