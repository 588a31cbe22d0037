"""All rules of a batch: missing values, what is asked and computed once, and what was read."""

import naive_rules
import numpy as np
import pytest
from inputs.rule_streams import HASH_KEY, INPUTS, FixedLists, batch_of

from schemas.errors import RuleError
from schemas.siphash import hash_texts
from stream.decide import Outcome
from stream.features.grammar import Inputs
from stream.rules import kernel
from stream.rules.condition import read_condition
from stream.rules.evaluate import Evaluator
from stream.rules.names import RuleInputs
from stream.rules.operations import Op
from stream.rules.program import compile_program
from stream.rules.registers import OP
from stream.rules.rule import Mode, Rule, RuleSet

NOBODY = FixedLists({"stolen": [], "risky": []})
FULL = {"event_time": 0, "amount": 12.34, "score": 0.25, "age": 7.0, "card": "c1", "country": "NG"}
FULL |= {"card.count_1h": 3.0, "mcc": 5411}


def set_of(*conditions):
    return RuleSet(
        tuple(
            Rule(f"r{at:03}", when, Outcome.REVIEW, Mode.LIVE) for at, when in enumerate(conditions)
        )
    )


def said(conditions, *payments, lists=NOBODY, inputs=INPUTS):
    evaluator = Evaluator(set_of(*conditions), inputs, HASH_KEY, len(payments))
    batch, X, scores = batch_of(payments)
    return evaluator(batch, slice(None), X, scores, lists).results.T.tolist()


@pytest.mark.parametrize(
    ("condition", "with_all", "with_nothing"),
    [
        ("amount > 12.33 && amount < 12.35", 1, -1),
        ("amount == 12.34", 1, -1),
        ("score > 0.2", 1, -1),
        ("!(score > 0.2)", 0, -1),
        ("age != 7.0", 0, -1),
        ("card.count_1h >= 3", 1, -1),
        ("country == 'NG'", 1, -1),
        ("country != 'NG'", 0, -1),
        ("country in ['DE', 'NG']", 1, -1),
        ("mcc == 5411", 1, -1),
        ("card == merchant", -1, -1),
        ("card in lists.stolen", 0, -1),
        ("score > 0.9 || true", 1, 1),
        ("true || score > 0.9", 1, 1),
        ("score > 0.9 && false", 0, 0),
        ("false && score > 0.9", 0, 0),
        ("score > 0.9 || false", 0, -1),
        ("score > 0.2 && true", 1, -1),
        ("has(score) && score > 0.2", 1, 0),
        ("has(country)", 1, 0),
        ("has(event_time)", 1, 1),
        ("has(score) ? score > 0.2 : true", 1, 1),
        ("score > 0.2 ? true : true", 1, -1),
        ("12 < amount && 13 > amount && 12.34 <= amount && 12.34 >= amount", 1, -1),
        ("card != key.country && !(card == key.country)", 1, -1),
        ("(score > 0.2) != (age > 100.0)", 1, -1),
        ("(true ? amount : score) > 12.0", 1, -1),
        ("(has(score) ? score : 0.25) == 0.25", 1, 1),
        ("(score > 0.2 ? 1 : 1) == 1", 1, -1),
        ("(score > 0.2 ? true : false) == true", 1, -1),
        ("(score > 0.2) == (age > 1.0)", 1, -1),
        ("1 / 0 == 1", -1, -1),
        ("1.0 / 0.0 > 1.0", 1, 1),
        ("0.0 / 0.0 == 0.0 / 0.0", 0, 0),
        ("0.0 / 0.0 != 0.0 / 0.0", 1, 1),
        ("9223372036854775807 + 1 > 0", -1, -1),
        ("-1.0 / 0.0 < 1.0 / -0.0 || 1.0 / -0.0 < 0.0", 1, 1),
        ("event_time.getHours() == 0 && event_time.getDayOfWeek() == 4", 1, 1),
    ],
)
def test_what_is_missing_fails_and_is_absorbed_as_in_cel(condition, with_all, with_nothing):
    assert said([condition], FULL, {"event_time": 0}) == [[with_all], [with_nothing]]


EDGES = [
    0,
    1,
    -1,
    2,
    -2,
    3,
    -3,
    5,
    -5,
    7,
    2**31,
    -(2**32),
    2**62,
    2**63 - 1,
    -(2**63) + 1,
    -(2**63),
]


@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "%"])
def test_whole_numbers_have_64_bits_or_fail(sign):
    conditions, expected = [], []
    for x in EDGES:
        for y in EDGES:
            try:
                result = naive_rules.reckon(sign, x, y)
            except naive_rules.Failed:
                result = None
            conditions.append(f"({x}) {sign} ({y}) == {0 if result is None else result}")
            expected.append(-1 if result is None else 1)
    assert said(conditions, {"event_time": 0}) == [expected]
    assert set(expected) == {1, -1}


def test_rounding_and_extremes_are_those_of_plain_python():
    numbers = [0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.49999999999999994, 1e300, 4503599627370497.5]
    functions = ["abs", "ceil", "floor", "round", "trunc", "greatest", "least"]
    conditions = []
    for name in functions:
        for x in numbers:
            result = naive_rules.call(f"math.{name}", [x])
            # What is one divided by tells the zeros apart.
            conditions.append(f"math.{name}({x!r}) == {result!r}")
            conditions.append(f"1.0 / math.{name}({x!r}) == 1.0 / {result!r}")
    assert said(conditions, {"event_time": 0}) == [[1] * len(conditions)]


def test_days_are_those_of_the_calendar():
    days = [-719_162, -1, 0, 58, 59, 60, 789, 790, 11_015, 11_016, 11_017, 20_000, 47_540, 47_541]
    payments = [{"event_time": day * 86_400_000_000 + 3_599_999_999} for day in days]
    for at, payment in enumerate(payments):
        parts = {
            part: naive_rules.call(part, [payment["event_time"]])
            for part in (".getHours", ".getMinutes", ".getDayOfWeek", ".getDate")
        }
        conditions = [f"event_time{part}() == {value}" for part, value in parts.items()]
        assert said(conditions, payment) == [[1] * 4], days[at]


def test_amounts_are_in_units_of_money_whatever_their_digits():
    inputs = RuleInputs(
        Inputs(
            INPUTS.inputs.entities, INPUTS.inputs.numeric, INPUTS.inputs.categorical, minor_digits=0
        ),
        INPUTS.features,
    )
    payment = {"event_time": 0, "amount": 12.0}  # 1,200 minor units.
    assert said(["amount == 12.0", "amount == 1200.0"], payment) == [[1, 0]]
    assert said(["amount == 12.0", "amount == 1200.0"], payment, inputs=inputs) == [[0, 1]]


def test_rows_of_a_batch_are_those_asked_for():
    evaluator = Evaluator(set_of("amount > 2.0 && card == 'c3'"), INPUTS, HASH_KEY, 8)
    payments = [{"event_time": i, "amount": float(i), "card": f"c{i}"} for i in range(8)]
    batch, X, scores = batch_of(payments)
    rows = np.array([7, 3, 1])
    found = evaluator(batch, rows, X[rows], scores[rows], NOBODY)
    assert found.results.tolist() == [[0, 1, 0]]


def test_how_a_batch_is_cut_changes_nothing():
    rng = np.random.default_rng(4)
    payments = [
        {"event_time": int(t), "amount": float(a), **({"age": float(a)} if a % 3 else {})}
        for t, a in zip(rng.integers(0, 10**15, 50), rng.integers(0, 99, 50), strict=True)
    ]
    rules = set_of("amount > 50.0", "age > 10.0 && event_time.getHours() < 12", "has(age)")
    evaluator = Evaluator(rules, INPUTS, HASH_KEY, 50)
    batch, X, scores = batch_of(payments)
    whole = evaluator(batch, slice(None), X, scores, NOBODY).results
    cut = [
        evaluator(batch, slice(at, at + 7), X[at : at + 7], scores[at : at + 7], NOBODY).results
        for at in range(0, 50, 7)
    ]
    assert np.array_equal(whole, np.concatenate(cut, axis=1))
    assert len(np.unique(whole)) == 3


def test_a_list_is_asked_once_for_each_column():
    rules = set_of(
        "card in lists.stolen && amount > 1.0",
        "card in lists.stolen || merchant in lists.stolen",
        "!(card in lists.stolen)",
        "card in lists.risky",
    )
    lists = FixedLists({"stolen": ["c1"], "risky": ["c2"]})
    evaluator = Evaluator(rules, INPUTS, HASH_KEY, 4)
    batch, X, scores = batch_of([FULL, {"event_time": 0, "card": "c2", "amount": 5.0}])
    found = evaluator(batch, slice(None), X, scores, lists)
    assert sorted(lists.asked) == ["risky", "stolen", "stolen"]
    assert found.results.T.tolist() == [[1, 1, 0, 0], [0, -1, 1, 1]]


def test_what_is_equal_in_all_rules_is_computed_once():
    terms = [
        read_condition(text, INPUTS)[0]
        for text in (
            "amount > 500.0 && card.count_1h > 3.0",
            "500 < amount && age > 1.0",
            "card.count_1h > 3 || amount > 5e2",
            "amount > 0.0 && amount > -0.0",
        )
    ]
    program = compile_program(terms, HASH_KEY)
    ops = program.steps[:, OP].tolist()
    # amount > 500, card.count_1h > 3, age > 1, and the two zeros, which are not the same number.
    assert ops.count(Op.MORE_THAN) == 5
    assert ops.count(Op.SAY) == 4
    assert len(ops) == 3 + 5 + 4 + 4  # Inputs, comparisons, && and ||, ends.
    assert len(program.inputs) == 3


def test_registers_are_used_again():
    rules = [f"amount > {at}.5 && age > {at}.5 && score < {at}.5" for at in range(100)]
    program = compile_program([read_condition(text, INPUTS)[0] for text in rules], HASH_KEY)
    assert program.n_flags <= 4
    assert program.n_cells == 3


def test_a_step_never_writes_into_what_it_reads():
    texts = ["-(-(-amount)) > 1.0", "!(!(!(has(age) || has(score))))", "amount * amount > amount"]
    program = compile_program([read_condition(text, INPUTS)[0] for text in texts], HASH_KEY)
    for op, out, a, b, _ in program.steps.tolist():
        if op in (Op.NEGATE, Op.NOT):
            assert out != a
        if op == Op.MULTIPLY:
            assert out not in (a, b)


def test_the_values_that_a_rule_read_are_told_by_name():
    conditions = (
        "amount > 1.0 && country in ['DE', 'NG'] && input.age > 1.0",
        "card in lists.stolen || event_time.getHours() > 1",
        "has(score) && `log(amount)` > 1.0 && key.merchant == 'm' && mcc == 5411",
        "true",
    )
    evaluator = Evaluator(set_of(*conditions), INPUTS, HASH_KEY, 2)
    first = FULL | {"event_time": 10**15, "merchant": "unheard of"}
    batch, X, scores = batch_of([first, {"event_time": 5}])
    found = evaluator(batch, slice(None), X, scores, FixedLists({"stolen": ["c1"], "risky": []}))
    evaluator(batch, slice(1, 2), X[1:], scores[1:], NOBODY)  # What was found stays as it was.
    card, merchant = (int(key) for key in hash_texts(["c1", "unheard of"], HASH_KEY))
    values = [evaluator.matched_values(found, rule, 0) for rule in range(4)]
    assert values == [
        {"amount": 12.34, "country": "NG", "age": 7.0},
        {"card": f"{card:016x}", "card in lists.stolen": True, "event_time": 10**15},
        {"score": 0.25, "log(amount)": None, "merchant": f"{merchant:016x}", "mcc": 5411},
        {},
    ]
    nothing = evaluator.matched_values(found, 1, 1)
    assert nothing == {"card": None, "card in lists.stolen": None, "event_time": 5}


def test_other_rules_compile_nothing():
    if not hasattr(kernel.run, "signatures"):
        pytest.skip("kernels are not compiled in this run")
    said(["amount > 1.0"], FULL)
    before = len(kernel.run.signatures)
    every = [
        "card in lists.stolen",
        "math.round(amount) > 1.0 ? age > 1.0 : 1 % 2 == 1",
        "mcc in [1]",
    ]
    said([], FULL)
    said(["true", "false"], FULL)
    said(every, FULL, FULL)
    assert len(kernel.run.signatures) == before


def test_more_rows_than_there_is_room_for_are_refused():
    evaluator = Evaluator(set_of("true"), INPUTS, HASH_KEY, 1)
    batch, X, scores = batch_of([FULL, FULL])
    with pytest.raises(ValueError, match="2 rows are more than the 1"):
        evaluator(batch, slice(None), X, scores, NOBODY)


def test_a_rule_that_does_not_go_with_the_inputs_is_refused():
    with pytest.raises(RuleError, match="the rule 'r000' cannot be used: no value 'amout'"):
        Evaluator(set_of("amout > 1.0"), INPUTS, HASH_KEY, 1)


def test_no_rows_are_no_trouble():
    evaluator = Evaluator(set_of("card in lists.stolen", "amount > 1.0"), INPUTS, HASH_KEY, 4)
    batch, X, scores = batch_of([])
    assert evaluator(batch, slice(None), X, scores, NOBODY).results.shape == (2, 0)
