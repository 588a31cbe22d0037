"""Files of rules: what they may say, and every mistake with its place."""

import json

import pytest
from inputs.rule_streams import INPUTS

from schemas.errors import RuleError
from stream.decide import Outcome
from stream.rules.reading import examine_rules, read_rules
from stream.rules.rule import Mode, Rule, RuleSet

HEAD = '[[rule]]\nid = "r"\n'
TAIL = 'action = "review"\nmode = "live"\n'
RIGHT = f'{HEAD}when = "amount > 1.0"\n{TAIL}'


def told(text, name="a.toml"):
    _, problems = examine_rules({name: text}, INPUTS)
    return [str(problem) for problem in problems]


def test_a_rule_is_all_that_its_table_says():
    text = """
[[rule]]
id = "r-1"
when = "amount > 1.0"
action = "block"
mode = "2.5%"
priority = -3
owner = "me"
expires = 2027-01-31T12:00:00+02:00
reason_code = "SO_IT_IS"
text = "Because."
"""
    (rule,) = read_rules({"a": text}, INPUTS).rules
    ends_us = 1_801_389_600_000_000
    assert rule == Rule(
        "r-1",
        "amount > 1.0",
        Outcome.BLOCK,
        Mode.LIVE,
        0.025,
        -3,
        "me",
        ends_us,
        "SO_IT_IS",
        "Because.",
    )


def test_what_is_not_said_is_as_little_as_possible():
    (rule,) = read_rules({"a": RIGHT}, INPUTS).rules
    assert rule == Rule("r", "amount > 1.0", Outcome.REVIEW, Mode.LIVE, reason_code="R")


@pytest.mark.parametrize(
    ("expires", "us"),
    [
        ("2027-01-31", 1_801_353_600_000_000),
        ("2027-01-31T00:00:00", 1_801_353_600_000_000),
        ("2027-01-31T00:00:00.25Z", 1_801_353_600_250_000),
        ("1969-12-31T23:59:59Z", -1_000_000),
    ],
)
def test_times_are_in_utc_unless_they_say_otherwise(expires, us):
    (rule,) = read_rules({"a": f"{RIGHT}expires = {expires}\n"}, INPUTS).rules
    assert rule.expires_us == us


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (f'{HEAD}when = "amount > "\n{TAIL}', "3:18", "the rule ends"),
        (f'{HEAD}when = "amout > 1.0"\n{TAIL}', "3:9", "the nearest is 'amount'"),
        (f'{HEAD}when = "\\u0061mount > agee"\n{TAIL}', "3:23", "'agee'"),
        (f'{HEAD}when = """\namount > 1.0 \\\n   && agee > 1.0"""\n{TAIL}', "5:7", "'agee'"),
        (f"{HEAD}when = '''amount > 1.0\n  && agee > 1.0'''\n{TAIL}", "4:6", "'agee'"),
        (f"{HEAD}  when   =   'agee > 1.0'\r\n{TAIL}", "3:15", "'agee'"),
        (f"{HEAD}when = 3\n{TAIL}", "3:8", "a text is wanted"),
        (f"{HEAD}{TAIL}", "1:1", "the rule has no 'when'"),
        (RIGHT.replace("review", "alow"), "4:10", "the nearest is 'allow'"),
        (RIGHT.replace("review", "allow"), "4:10", "priority = 10"),
        (RIGHT.replace("review", "allow") + "priority = 0", "6:12", "above 0"),
        (RIGHT.replace("live", "110%"), "5:8", "at most 100%"),
        (RIGHT.replace("live", "0%"), "5:8", "above 0%"),
        (RIGHT.replace("live", "on"), "5:8", "'shadow' to watch it first"),
        (RIGHT.replace('"r"', '"a b"'), "2:6", "letters, digits"),
        (RIGHT + "priority = true", "6:12", "a whole number"),
        (RIGHT + "priority = 1.5", "6:12", "a whole number"),
        (RIGHT + 'expires = "2027"', "6:11", "a date without quotes"),
        (RIGHT + "expires = 12:00:00", "6:11", "a date without quotes"),
        (RIGHT + 'reason_code = "so it is"', "6:15", "A-Z"),
        (RIGHT + "owner = 3", "6:9", "a text is wanted"),
        (RIGHT + f'text = "{"x" * 501}"', "6:8", "at most 500"),
        (RIGHT + "onwer = 3", "6:1", "the nearest is 'owner'"),
        (RIGHT + "[other]\nx = 1", "6:1", "write [[rule]]"),
        ("[rule]\nid = 'x'", "1:1", "write [[rule]]"),
        ("rule = [1]", "1:1", "write [[rule]]"),
        ("[[rule]\n", "1:7", "this is not TOML"),
        ("[[rule]]\nid = ", "2:6", "this is not TOML"),
        (RIGHT + 'text = "', "6:9", "this is not TOML"),
        (RIGHT + "tests = 3", "6:1", "a list of tables"),
        (RIGHT + "tests = [{ matches = true }]", "6:10", "no 'when'"),
        (RIGHT + "tests = [{ when = {} }]", "6:10", "no 'matches'"),
        (RIGHT + "tests = [{ when = {}, matches = false, x = 1 }]", "6:40", "no such key 'x'"),
        (
            RIGHT + "tests = [{ when = { amout = 1 }, matches = false }]",
            "6:21",
            "the nearest is 'amount'",
        ),
        (
            RIGHT + 'tests = [{ when = { amount = "1" }, matches = false }]',
            "6:21",
            "a number is wanted",
        ),
        (RIGHT + "tests = [{ when = { amount = 1.234 }, matches = false }]", "6:21", "2 decimals"),
        (RIGHT + "tests = [{ when = { amount = -1 }, matches = false }]", "6:21", "not negative"),
        (
            RIGHT + "tests = [{ when = { card = 1.5 }, matches = false }]",
            "6:21",
            "a text or a whole number",
        ),
        (
            RIGHT + "tests = [{ when = { event_time = 5 }, matches = false }]",
            "6:21",
            "a date with a time",
        ),
        (RIGHT + "tests = [{ when = { lists.stolne = [] }, matches = false }]", "6:21", "'stolen'"),
        (
            RIGHT + "tests = [{ when = { lists.stolen = 'x' }, matches = false }]",
            "6:21",
            "a list of texts",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(text, place, words):
    (problem,) = told(text)
    assert problem.startswith(f"a.toml:{place}: ")
    assert words in problem


def test_every_mistake_of_all_files_is_told_at_once():
    texts = {
        "b.toml": RIGHT + RIGHT.replace("amount", "amout"),
        "a.toml": RIGHT.replace("live", "life") + "owner = 3\n",
    }
    with pytest.raises(RuleError) as error:
        read_rules(texts, INPUTS)
    lines = str(error.value).splitlines()
    assert lines[0] == "the rules cannot be used:"
    places = [line.split(": ")[0] for line in lines[1:]]
    assert places == [
        f"  - {at}" for at in ("a.toml:5:8", "a.toml:6:9", "b.toml:2:6", "b.toml:7:6", "b.toml:8:9")
    ]
    assert "a rule already, in a.toml:2" in str(error.value)


def test_rules_with_which_nothing_is_wrong_are_found_beside_others():
    texts = {"a.toml": RIGHT, "b.toml": RIGHT.replace('"r"', '"s"').replace("amount", "amout")}
    rules, problems = examine_rules(texts, INPUTS)
    assert [rule.id for rule in rules.rules] == ["r"]
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("when", "test", "failure"),
    [
        ("amount > 1.0", "{ when = { amount = 2 }, matches = true }", ""),
        ("amount > 1.0", "{ when = { amount = 1 }, matches = false }", ""),
        ("amount > 1.0", "{ when = {}, matches = false }", ""),
        (
            "amount > 1.0",
            "{ when = { amount = 1 }, matches = true }",
            "should match this payment, and it does not",
        ),
        (
            "amount > 1.0",
            "{ when = { amount = 2 }, matches = false }",
            "should not match, and it does",
        ),
        ("amount > 1.0", "{ when = {}, matches = true }", "it fails: no value for amount"),
        (
            "1 / int(age) > 0",
            "{ when = { age = 0 }, matches = true }",
            "it fails: a number cannot be",
        ),
        (
            "card.count_1h > 3.0 && age < 2.0",
            "{ when = { card.count_1h = 4, input.age = 1 }, matches = true }",
            "",
        ),
        ("score > 0.5", "{ when = { score = 0.6 }, matches = true }", ""),
        (
            "country == 'NG' && mcc == 1",
            "{ when = { country = 'NG', mcc = 1 }, matches = true }",
            "",
        ),
        ("mcc == true", "{ when = { mcc = true }, matches = true }", ""),
        (
            "card in lists.stolen",
            "{ when = { card = 'c', lists.stolen = ['c'] }, matches = true }",
            "",
        ),
        (
            "card in lists.stolen",
            "{ when = { card = 'c', 'lists.risky' = ['c'] }, matches = false }",
            "",
        ),
        (
            "event_time.getHours() == 23",
            "{ when = { event_time = 2026-11-22T22:30:00-01:00 }, matches = true }",
            "",
        ),
    ],
)
def test_a_rule_whose_own_test_fails_is_refused(when, test, failure):
    text = f"{HEAD}when = {json.dumps(when)}\n{TAIL}tests = [\n  {test},\n]\n"
    rules, problems = examine_rules({"a.toml": text}, INPUTS)
    assert bool(problems) == bool(failure)
    assert len(rules) == (not failure)
    for problem in problems:
        assert failure in str(problem)
        assert str(problem).startswith("a.toml:7:3: a test of 'r': ")


def test_more_tests_than_fit_a_batch_are_all_run():
    tests = ", ".join(
        f"{{ when = {{ amount = {at} }}, matches = {str(at > 500).lower()} }}" for at in range(600)
    )
    text = f'{HEAD}when = "amount > 500.0"\n{TAIL}tests = [{tests}]\n'
    assert told(text) == []
    wrong = text.replace("amount = 599 }, matches = true", "amount = 599 }, matches = false")
    assert len(told(wrong)) == 1


def test_the_one_text_of_rules_is_read_back_to_equal_ones():
    rules = RuleSet(
        (
            Rule(
                "b",
                "amount > 1.0 // \"so\"\n&& card == 'é\x7f'",
                Outcome.ALLOW,
                Mode.LIVE,
                0.001,
                3,
            ),
            Rule("a", "true", Outcome.BLOCK, Mode.SHADOW, expires_us=-1, text='"\\\n', owner="Ö"),
            Rule("c", "age > 1.0", Outcome.REVIEW, Mode.LIVE, 0.123456, reason_code="X"),
        )
    )
    coded = RuleSet(
        tuple(
            Rule(**{**vars_of(rule), "reason_code": rule.reason_code or rule.id.upper()})
            for rule in rules.rules
        )
    )
    again = read_rules({"order": coded.text()}, INPUTS)
    assert again == coded
    assert again.digest == coded.digest
    assert again.text() == coded.text()
    assert read_rules({"order": RuleSet().text()}, INPUTS) == RuleSet()


def vars_of(rule):
    return {name: getattr(rule, name) for name in Rule.__dataclass_fields__}


def test_the_order_of_files_and_rules_changes_nothing():
    one, other = RIGHT, RIGHT.replace('"r"', '"q"')
    together = read_rules({"a": one + other}, INPUTS)
    assert together == read_rules({"x": other, "y": one}, INPUTS)
    assert [rule.id for rule in together.rules] == ["q", "r"]


def test_a_version_is_of_what_decides_alone():
    rule = Rule("r", "amount > 1.0 && age > 2.0", Outcome.REVIEW, Mode.LIVE)
    kept = {
        "when": "(amount>1.0)\n && age > 2.0 // so",
        "owner": "me",
        "text": "x",
        "reason_code": "Y",
    }
    for name, value in kept.items():
        assert Rule(**{**vars_of(rule), name: value}).version == rule.version, name
    changed = {
        "id": "s",
        "when": "amount > 1.0 && age >= 2.0",
        "action": Outcome.BLOCK,
        "mode": Mode.SHADOW,
        "share": 0.5,
        "priority": 1,
        "expires_us": 5,
    }
    versions = {Rule(**{**vars_of(rule), name: value}).version for name, value in changed.items()}
    assert len(versions | {rule.version}) == len(changed) + 1
    digests = {RuleSet((Rule(**{**vars_of(rule), "text": text}),)).digest for text in "ab"}
    assert len(digests) == 2
