"""The names of features: read back as they are written, and every wrong one told what is wrong."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.errors import ConfigError
from stream.features.declare import (
    DURATION_MAX_US,
    FEATURES_MAX,
    Amount,
    Condition,
    Cyclic,
    DeclarationError,
    Derived,
    Feature,
    Input,
    Inputs,
    Is,
    PerEntity,
    Windowed,
    amounts_enter,
    declare,
    default_names,
    duration_name,
    entities_of,
    examine,
    expand,
    parse,
    parse_entity,
)
from stream.features.grammar import (
    BARE_AGGREGATES,
    DECAYED,
    DELAYED,
    FUNCTIONS,
    NUMBER_AGGREGATES,
    SECONDS,
    SUMMING,
)

S, M, H, D = 10**6, 60 * 10**6, 3600 * 10**6, 86400 * 10**6
INPUTS = Inputs(
    entities=("card", "merchant", "terminal"),
    numeric=("age", "latitude", "longitude"),
    categorical=("channel",),
    conditions={"online": Condition("channel", ("online", "app"))},
    location=("latitude", "longitude"),
)
PLACELESS = Inputs(("card",))


def problem(text: str, inputs: Inputs = INPUTS) -> str:
    with pytest.raises(DeclarationError) as caught:
        parse(text, inputs)
    assert caught.value.name == text
    assert str(caught.value).startswith(f"{text!r}: ") or len(text) > 100
    assert str(caught.value).endswith(caught.value.problem)
    return caught.value.problem


# What each name means.


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ("amount", Amount()),
        ("hour_sin", Cyclic("hour", "sin")),
        ("hour_cos", Cyclic("hour", "cos")),
        ("week_sin", Cyclic("week", "sin")),
        ("week_cos", Cyclic("week", "cos")),
        ("input.age", Input("age")),
        ("is_night", Is("night")),
        ("is_weekend", Is("weekend")),
        ("is_online", Is("online")),
        ("card.count_10m", Windowed(("card",), "count", "", 10 * M)),
        ("card.count_1us", Windowed(("card",), "count", "", 1)),
        ("card.amount_sum_1h", Windowed(("card",), "sum", "amount", H)),
        ("card.age_mean_30d", Windowed(("card",), "mean", "age", 30 * D)),
        ("card.age_std_1s", Windowed(("card",), "std", "age", S)),
        ("card.age_min_1h", Windowed(("card",), "min", "age", H)),
        ("card.amount_max_1h", Windowed(("card",), "max", "amount", H)),
        ("card.amount_zscore_1h", Windowed(("card",), "zscore", "amount", H)),
        ("card.distinct_merchant_7d", Windowed(("card",), "distinct", "merchant", 7 * D)),
        ("card.distinct_channel_7d", Windowed(("card",), "distinct", "channel", 7 * D)),
        ("card.share_online_1d", Windowed(("card",), "share", "online", D)),
        ("card.frauds_1d", Windowed(("card",), "frauds", "", D)),
        (
            "terminal.fraud_rate_7d_delay_7d",
            Windowed(("terminal",), "fraud_rate", "", 7 * D, 7 * D),
        ),
        ("card.age_sum_1h_delay_90s", Windowed(("card",), "sum", "age", H, 90 * S)),
        ("card.share_night_1d_delay_1d", Windowed(("card",), "share", "night", D, D)),
        ("card+merchant.count_1d", Windowed(("card", "merchant"), "count", "", D)),
        ("card+channel.amount_std_1d", Windowed(("card", "channel"), "std", "amount", D)),
        ("card+amount.count_1d", Windowed(("card", "amount"), "count", "", D)),
        (
            "card.same_amount_1d",
            Windowed(("card", "amount"), "count", "", D, alias="same_amount"),
        ),
        ("card.seconds_since_last", PerEntity(("card",), "seconds_since_last")),
        ("card.seconds_since_first", PerEntity(("card",), "seconds_since_first")),
        ("card+channel.seconds_since_fraud", PerEntity(("card", "channel"), "seconds_since_fraud")),
        ("card.rate_1h", PerEntity(("card",), "rate", "", H)),
        ("card.amount_decayed_mean_1d", PerEntity(("card",), "decayed_mean", "amount", D)),
        ("card.age_decayed_std_90m", PerEntity(("card",), "decayed_std", "age", 90 * M)),
        ("card.new_merchant", PerEntity(("card", "merchant"), "new")),
        ("merchant.new_channel", PerEntity(("merchant", "channel"), "new")),
        ("card.speed_kmh", PerEntity(("card",), "speed_kmh")),
        (
            "ratio(amount, card.amount_mean_1d)",
            Derived("ratio", (Amount(), Windowed(("card",), "mean", "amount", D))),
        ),
        (
            "log(difference(input.age, amount))",
            Derived("log", (Derived("difference", (Input("age"), Amount())),)),
        ),
    ],
    ids=str,
)
def test_a_name_is_read_and_written_back(text: str, feature: Feature) -> None:
    assert parse(text, INPUTS) == feature
    assert str(feature) == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("card.count_60m", "card.count_1h"),
        ("card.count_3600s", "card.count_1h"),
        ("card.count_24h_delay_168h", "card.count_1d_delay_7d"),
        ("card.count_90m", "card.count_90m"),
        ("card.count_007d", "card.count_7d"),
        ("card.count_1000us", "card.count_1000us"),
        ("card.rate_1000000us", "card.rate_1s"),
        ("  amount ", "amount"),
        ("ratio(amount,card.amount_mean_24h)", "ratio(amount, card.amount_mean_1d)"),
        (" log ( ratio( amount ,input.age ) ) ", "log(ratio(amount, input.age))"),
    ],
)
def test_one_thing_has_one_name(text: str, canonical: str) -> None:
    assert str(parse(text, INPUTS)) == canonical


def test_a_name_with_the_words_of_the_grammar_in_it_is_still_a_name() -> None:
    inputs = Inputs(
        ("count_1h", "is_x"),
        ("sum", "mean_1h", "a_delay_1d"),
        ("new_y",),
        {"x_1h": Condition("sum", above=1)},
    )
    for text, feature in {
        "count_1h.sum_sum_1h": Windowed(("count_1h",), "sum", "sum", H),
        "is_x.mean_1h_mean_1h": Windowed(("is_x",), "mean", "mean_1h", H),
        "is_x.a_delay_1d_std_1d_delay_1d": Windowed(("is_x",), "std", "a_delay_1d", D, D),
        "is_x.new_new_y": PerEntity(("is_x", "new_y"), "new"),
        "is_x.distinct_new_y_1d": Windowed(("is_x",), "distinct", "new_y", D),
        "is_x.share_x_1h_1d": Windowed(("is_x",), "share", "x_1h", D),
        "is_x_1h": Is("x_1h"),
    }.items():
        assert parse(text, inputs) == feature
        assert str(feature) == text


def test_a_name_that_means_two_things_is_refused_and_both_are_told() -> None:
    inputs = Inputs(("card",), ("amount_decayed",))
    text = problem("card.amount_decayed_mean_1h", inputs)
    assert "decayed_mean of 'amount'" in text
    assert "mean of 'amount_decayed'" in text
    conditions = {"x": Condition("n", above=1), "x_1d_delay": Condition("n", above=2)}
    text = problem("card.share_x_1d_delay_7d", Inputs(("card",), ("n",), (), conditions))
    assert "share of 'x' over 1d" in text
    assert "share of 'x_1d_delay' over 7d" in text
    text = problem("card.distinct_sum_1h", Inputs(("card",), ("distinct",), ("sum",)))
    assert "sum of 'distinct' over 1h" in text
    assert "distinct of 'sum' over 1h" in text


# Whatever can be declared, over whatever names.

NAMES = st.one_of(
    st.sampled_from(["x", "amount_decayed", "count", "sum", "new_x", "x_1h", "x_delay", "share_x"]),
    st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,6}", fullmatch=True),
).filter(lambda name: name not in ("amount", "input"))
DURATIONS = st.one_of(
    st.integers(1, DURATION_MAX_US - 1),
    st.builds(lambda n, unit: n * unit, st.integers(1, 99), st.sampled_from([1, S, M, H, D])),
)


@st.composite
def some_inputs(draw: st.DrawFn) -> Inputs:
    names = draw(st.lists(NAMES, min_size=4, max_size=10, unique=True))
    numbers = names[3:5]
    above = {name: Condition("amount", above=1.0) for name in draw(st.lists(NAMES, max_size=3))}
    return Inputs(tuple(names[:2]), tuple(numbers), tuple(names[2:3] + names[5:]), above)


def features_over(inputs: Inputs) -> st.SearchStrategy[Feature]:
    entity = st.sampled_from(inputs.entities)
    pairs = st.tuples(entity, st.sampled_from([*inputs.keys, "amount"])).filter(
        lambda pair: pair[0] != pair[1]
    )
    who = st.one_of(st.tuples(entity), pairs)
    number = st.sampled_from(inputs.numbers)
    condition = st.sampled_from(list(inputs.conditions))
    bare = st.just("")
    aggregates = [
        *((name, bare) for name in BARE_AGGREGATES),
        *((name, number) for name in NUMBER_AGGREGATES),
        ("distinct", st.sampled_from(inputs.keys)),
        ("share", condition),
    ]

    def windows(name: str, of: st.SearchStrategy[str]) -> st.SearchStrategy[Feature]:
        delays = st.one_of(st.just(0), DURATIONS) if name in DELAYED else st.just(0)
        found = st.builds(Windowed, who, st.just(name), of, DURATIONS, delays)
        return found.filter(lambda feature: feature.of not in feature.entity)

    plain: st.SearchStrategy[Feature] = st.one_of(
        st.just(Amount()),
        st.builds(Cyclic, st.sampled_from(["hour", "week"]), st.sampled_from(["sin", "cos"])),
        st.builds(Input, st.sampled_from(inputs.numeric)),
        st.builds(Is, condition),
        *(windows(name, of) for name, of in aggregates),
        st.builds(
            lambda one, length: Windowed((one, "amount"), "count", "", length, 0, "same_amount"),
            entity,
            DURATIONS,
        ),
        st.builds(PerEntity, who, st.sampled_from(SECONDS)),
        st.builds(PerEntity, who, st.just("rate"), bare, DURATIONS),
        st.builds(PerEntity, who, st.sampled_from(DECAYED), number, DURATIONS),
        st.builds(PerEntity, pairs.filter(lambda pair: pair[1] != "amount"), st.just("new")),
    )

    def derived(inner: st.SearchStrategy[Feature]) -> st.SearchStrategy[Feature]:
        return st.one_of(
            *(
                st.builds(Derived, st.just(name), st.tuples(*[inner] * count))
                for name, count in FUNCTIONS.items()
            )
        )

    return st.recursive(plain, derived, max_leaves=6)


def read(text: str, inputs: Inputs) -> tuple[list[Feature], str]:
    """Read a text, or say what is wrong with it."""
    try:
        return [parse(name, inputs) for name in expand(text)], ""
    except DeclarationError as error:
        return [], error.problem


def depth(feature: Feature) -> int:
    inner = feature.arguments if isinstance(feature, Derived) else ()
    return 1 + max(map(depth, inner), default=-1)


@given(st.data())
def test_every_feature_is_read_back_from_its_name_or_the_name_means_two_things(
    data: st.DataObject,
) -> None:
    inputs = data.draw(some_inputs())
    feature = data.draw(features_over(inputs))
    assume(depth(feature) <= 8)
    found, problem = read(str(feature), inputs)
    assert found == [feature] or "it can be read as" in problem


@given(features_over(INPUTS))
def test_with_ordinary_names_every_feature_is_read_back(feature: Feature) -> None:
    assume(depth(feature) <= 8)
    assert parse(str(feature), INPUTS) == feature
    assert declare([str(feature)], INPUTS) == (feature,)
    assert expand(str(feature)) == [str(feature)]


WORDS = """
    card merchant channel amount age online night input is_ . + _ , ( ) { } 1h 7d 0s 5w count sum
    mean decayed_mean rate new_ distinct_ share_ delay fraud_rate seconds_since_last ratio log
"""
PIECES = st.sampled_from([" ", *WORDS.split()])


@given(st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=14).map("".join)))
def test_any_text_is_a_feature_or_one_error_and_what_is_read_is_written_the_same(text: str) -> None:
    features, problem = read(text, INPUTS)
    assert features or problem
    for feature in features:
        assert parse(str(feature), INPUTS) == feature


@given(DURATIONS)
def test_a_duration_is_named_by_its_largest_whole_unit(us: int) -> None:
    name = duration_name(us)
    feature = parse(f"card.count_{name}", INPUTS)
    assert feature == Windowed(("card",), "count", "", us)
    count, unit = int(name.rstrip("usmhd")), name.lstrip("0123456789")
    sizes = {"us": 1, "s": S, "m": M, "h": H, "d": D}
    assert count * sizes[unit] == us
    assert not any(us % size == 0 for size in sizes.values() if size > sizes[unit])


# Braces.


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("amount", ["amount"]),
        ("a{b}c", ["abc"]),
        ("{a,b}", ["a", "b"]),
        (" x_{ 1h , 1d } ", ["x_1h", "x_1d"]),
        ("{a,b}_{1,2}", ["a_1", "a_2", "b_1", "b_2"]),
        ("{a,b{1,2}c}d", ["ad", "b1cd", "b2cd"]),
        ("{a,{b,{c,d}}}", ["a", "b", "c", "d"]),
        ("ratio({a,b}, c_{1,2})", [f"ratio({x}, c_{y})" for x in "ab" for y in "12"]),
        ("{ratio(a, b),c}", ["ratio(a, b)", "c"]),
        ("ratio(log({a,b}), c)", ["ratio(log(a), c)", "ratio(log(b), c)"]),
        ("", [""]),
    ],
)
def test_braces_stand_for_each_of_their_alternatives(text: str, names: list[str]) -> None:
    assert expand(text) == names


TREES = st.recursive(
    st.sampled_from("abc"),
    lambda inner: st.lists(st.lists(inner, min_size=1, max_size=3), min_size=1, max_size=3),
    max_leaves=12,
)


@given(TREES)
def test_braces_inside_braces_stand_for_what_plain_recursion_says(tree: object) -> None:
    def written(node: object) -> str:
        if isinstance(node, str):
            return node
        assert isinstance(node, list)
        return "{" + ",".join("".join(map(written, part)) for part in node) + "}"

    def meant(node: object) -> list[str]:
        if isinstance(node, str):
            return [node]
        assert isinstance(node, list)
        found = []
        for part in node:
            texts = [""]
            for item in part:
                texts = [text + more for text in texts for more in meant(item)]
            found += texts
        return found

    text = written(tree)
    deep = [text[:i].count("{") - text[:i].count("}") for i in range(len(text))]
    assume(max(deep) <= 8)
    assume(len(meant(tree)) <= FEATURES_MAX)
    assert expand(text) == meant(tree)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("card.count_{1h,1d", "a '}' is missing"),
        ("card.count_1h}", "a '}' closes nothing"),
        ("ratio(amount, card.count_1h", "a ')' is missing"),
        ("amount)", "a ')' closes nothing"),
        ("ratio({amount, card.count_1h)}", "a ')' closes nothing"),
        ("card.count_{}", "empty"),
        ("card.count_{ }", "empty"),
        ("card.count_{1h,}", "empty"),
        ("card.count_{,1h}", "empty"),
        ("card.count_{1h,,1d}", "empty"),
        ("{" * 9 + "a" + "}" * 9, "nested more than 8"),
        ("{(" * 5 + ")}" * 5, "nested more than 8"),
        ("{a,b}" * 13, "more than 4,096 features"),
        ("{a,b}" * 800, "more than 4,096 features"),
        ("x" * 4097, "longer than 4,096 characters"),
    ],
)
def test_wrong_braces_are_refused_before_anything_is_built(text: str, says: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        expand(text)
    assert says in caught.value.problem
    assert caught.value.name == text
    assert len(str(caught.value)) < 300


def test_as_many_names_as_are_allowed_can_stand_in_one_text() -> None:
    assert len(set(expand("{a,b}" * 12))) == FEATURES_MAX
    one_more = "".join("{" + ",".join("a" * count) + "}" for count in (17, 241))  # 4097
    with pytest.raises(DeclarationError, match="more than 4,096 features"):
        expand(one_more)
    assert expand("{" * 8 + "a" + "}" * 8) == ["a"]
    assert expand("{a}" * 1365) == ["a" * 1365]


# What is refused, and how it is said.


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("card.amunt_mean_1h", "no number 'amunt'; the nearest is 'amount'"),
        ("crd.count_1h", "no entity 'crd'; the nearest is 'card'"),
        ("Card.count_1h", "no entity 'Card'; the nearest is 'card'"),
        ("card+merchnt.count_1h", "no entity or category 'merchnt'; the nearest is 'merchant'"),
        ("channel.count_1h", "'channel' is a category and no entity"),
        ("channel+card.count_1h", "'channel' is a category and no entity"),
        ("amount+card.count_1h", "no entity 'amount'"),
        ("card+age.count_1h", "'age' is a number"),
        ("card+card.count_1h", "a pair of 'card' with itself is 'card'"),
        ("card+merchant+terminal.count_1h", "a pair is two names"),
        ("card+.count_1h", "no entity or category ''"),
        ("+card.count_1h", "no entity ''"),
        (".count_1h", "no entity ''"),
        ("card.cuont_1h", "no aggregate 'cuont'; the nearest is 'card.count_1h'"),
        ("card.amount_summ_1h_delay_1d", "the nearest is 'card.amount_sum_1h_delay_1d'"),
        ("card.seconds_since_lst", "the nearest is 'card.seconds_since_last'"),
        ("card.speed", "the nearest is 'card.speed_kmh'"),
        ("card.", "no aggregate ''"),
        ("card.x.y", "no aggregate 'x.y'"),
        ("card.count_h1", "no aggregate 'count_h1'"),
        ("card.count", "count needs a duration at its end, such as card.count_1h"),
        ("card.amount_mean", "needs a duration at its end, such as card.amount_mean_1h"),
        ("card.rate", "needs a duration"),
        ("card.age_decayed_std", "needs a duration"),
        ("card.seconds_since_last_1h", "seconds_since_last takes no window"),
        ("card.speed_kmh_1h", "speed_kmh takes no window"),
        ("card.channel_sum_1h", "'channel' is a category, and sum takes a number"),
        ("card.merchant_max_1h", "'merchant' is an entity, and max takes a number"),
        ("card.channel_decayed_mean_1h", "'channel' is a category, and decayed_mean takes a"),
        ("card.distinct_age_1h", "'age' is a number, and distinct takes an entity or a category"),
        ("card.distinct_amount_1h", "'amount' is a number, and distinct takes"),
        ("card.distinct_merchnt_1h", "no entity or category 'merchnt'; the nearest is 'merchant'"),
        ("card.distinct_card_1h", "of one 'card' there is only one 'card'"),
        ("card+channel.distinct_channel_1h", "of one 'channel' there is only one 'channel'"),
        ("card.new_card", "of one 'card' there is only one 'card'"),
        ("card.new_age", "'age' is a number, and new takes an entity or a category"),
        ("card.new_amount", "'amount' is a number"),
        ("card+merchant.new_channel", "for one entity"),
        ("card+merchant.same_amount_1h", "for one entity"),
        (
            "card.share_nigt_1h",
            "no condition 'nigt' in features.conditions; the nearest is 'night'",
        ),
        ("card.share_channel_1h", "'channel' is a field, and share takes a condition"),
        ("is_nigt", "no condition 'nigt' in features.conditions; the nearest is 'night'"),
        ("is_age", "'age' is a field, and is takes a condition"),
        ("input.aeg", "no number 'aeg'; the nearest is 'age'"),
        ("input.channel", "'channel' is a category, and input takes a number"),
        ("input.amount", "the amount is the feature 'amount'"),
        ("amunt", "the nearest is 'amount'"),
        ("age", "the nearest is 'input.age'"),
        ("card", "an entity is no feature; one of its features is card.count_1h"),
        ("", "no such feature"),
        ("card .count_1h", "no entity 'card '; the nearest is 'card'"),
        ("card. count_1h", "no aggregate ' count'; the nearest is 'card.count_1h'"),
        ("card.count_0s", "a duration is longer than 0"),
        ("card.count_00d", "a duration is longer than 0"),
        ("card.count_1h_delay_0s", "a duration is longer than 0"),
        ("card.count_5w", "'5w' is no duration: an integer and one of us, s, m, h, d"),
        ("card.count_250ms", "'250ms' is no duration"),
        ("card.count_1", "'1' is no duration"),
        ("card.count_1H", "'1H' is no duration"),
        ("card.count_1h_delay_5", "'5' is no duration"),
        (f"card.count_{2**53}us", "a duration is shorter than 2^53 microseconds"),
        ("card.count_104250d", "a duration is shorter than 2^53 microseconds"),
        ("card.count_9999999999999999d", "a duration is shorter than 2^53 microseconds"),
        (f"card.count_{'9' * 3000}d", "a duration is shorter than 2^53 microseconds"),
        ("card.rate_1h_delay_2us", "rate takes no delay"),
        ("card.amount_min_1h_delay_1d", "min takes no delay"),
        ("card.amount_max_1h_delay_1d", "max takes no delay"),
        ("card.amount_zscore_1h_delay_1d", "zscore takes no delay"),
        ("card.distinct_channel_1h_delay_1d", "distinct takes no delay"),
        ("card.same_amount_1h_delay_1d", "same_amount takes no delay"),
        ("card.amount_decayed_mean_1h_delay_1d", "decayed_mean takes no delay"),
        ("log()", "log takes 1 argument, and here are 0"),
        ("log(amount, amount)", "log takes 1 argument, and here are 2"),
        ("ratio(amount)", "ratio takes 2 arguments, and here are 1"),
        ("difference(amount, amount, amount)", "difference takes 2 arguments, and here are 3"),
        ("ratio(amount,)", "in '': no such feature"),
        ("rati(amount, amount)", "no function 'rati'; the nearest is 'ratio'"),
        ("(amount)", "a function is written ratio(a, b)"),
        ("log(amount)x", "a function is written ratio(a, b)"),
        ("log(amount)(amount)", "a function is written ratio(a, b)"),
        ("card.log(amount)", "no function 'card.log'"),
        ("ratio(amount, log(crd.count_1h))", "in 'crd.count_1h': no entity 'crd'; the nearest is"),
        ("log(" * 9 + "amount" + ")" * 9, "nested more than 8"),
        ("log(amount", "a ')' is missing"),
        ("card.count_{1h,1d}", "braces stand for several features"),
        ("log({amount,input.age})", "braces stand for several features"),
    ],
    ids=lambda text: text[:50],
)
def test_a_wrong_text_is_named_with_what_is_wrong_and_the_nearest_right_name(
    text: str, says: str
) -> None:
    assert says in problem(text)


def test_the_message_is_the_one_of_the_manual() -> None:
    with pytest.raises(ConfigError) as caught:
        declare(["card.amunt_mean_1h"], INPUTS)
    assert str(caught.value) == ("'card.amunt_mean_1h': no number 'amunt'; the nearest is 'amount'")


def test_the_longest_duration_and_the_deepest_nest_are_still_taken() -> None:
    assert parse(f"card.count_{2**53 - 1}us", INPUTS)
    assert parse("log(" * 8 + "amount" + ")" * 8, INPUTS)


def test_a_speed_needs_to_know_where_the_place_is() -> None:
    assert "features.location" in problem("card.speed_kmh", PLACELESS)
    assert "speed_kmh" not in problem("card.spead_kmh", PLACELESS)


def test_what_is_not_there_at_all_is_said_so() -> None:
    assert "fields.numeric has none" in problem("input.age", PLACELESS)
    assert "has none" in problem("card.distinct_merchant_1h", PLACELESS)
    assert parse("card+amount.count_1h", PLACELESS)
    assert "the nearest is 'amount'" in problem("card+amnt.count_1h", PLACELESS)


def test_a_long_text_is_shortened_in_its_message() -> None:
    with pytest.raises(DeclarationError) as caught:
        parse("x" * 4000, INPUTS)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("text", ["crd", "channel", "card+age", "card+card", "card + merchant", ""])
def test_an_entity_alone_is_read_the_same_way(text: str) -> None:
    with pytest.raises(DeclarationError):
        parse_entity(text, INPUTS)
    assert parse_entity("card+merchant", INPUTS) == ("card", "merchant")


# Lists.


def test_a_list_is_read_in_its_order_with_braces() -> None:
    features = declare(["amount", "card.{count,amount_sum}_{60m,1d}", "is_night"], INPUTS)
    assert [str(feature) for feature in features] == [
        "amount",
        "card.count_1h",
        "card.count_1d",
        "card.amount_sum_1h",
        "card.amount_sum_1d",
        "is_night",
    ]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["amount", "amount"], "'amount': is declared already"),
        (["card.count_1h", "card.count_60m"], "'card.count_60m': is card.count_1h, which is"),
        (["card.count_{1h,60m}"], "'card.count_60m': is card.count_1h, which is declared already"),
        (["log( amount )", "log(amount)"], "'log(amount)': is declared already"),
    ],
)
def test_what_is_declared_twice_is_refused(names: list[str], says: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        declare(names, INPUTS)
    assert says in str(caught.value)
    assert caught.value.place == len(names) - 1


def test_the_same_value_under_two_names_is_no_repeat() -> None:
    assert len(declare(["card.same_amount_1h", "card+amount.count_1h"], INPUTS)) == 2


def test_every_wrong_text_is_found_at_its_place_and_the_others_are_read() -> None:
    features, errors = examine(["amount", "amunt", "card.count_{1h,5w,6w}", "hour_sin"], INPUTS)
    assert [str(feature) for feature in features] == ["amount", "card.count_1h", "hour_sin"]
    assert [(error.place, error.name) for error in errors] == [(1, "amunt"), (2, "card.count_5w")]


def test_there_is_a_greatest_number_of_features() -> None:
    def counts(n: int) -> list[str]:
        return [f"card.count_{i}us" for i in range(1, n + 1)]

    assert len(declare(counts(FEATURES_MAX), INPUTS)) == FEATURES_MAX
    features, errors = examine([*counts(FEATURES_MAX), "amount", "hour_sin"], INPUTS)
    assert len(features) == FEATURES_MAX
    assert [(error.name, error.place) for error in errors] == [("amount", FEATURES_MAX)]
    assert "more than 4,096 features" in str(errors[0])
    with pytest.raises(DeclarationError, match="more than 4,096 features"):
        declare(["amount", "{a,b}" * 12], INPUTS)


def test_without_a_list_there_is_a_plain_one() -> None:
    inputs = Inputs(("card", "shop"), ("age",))
    names = default_names(inputs)
    assert [str(feature) for feature in declare(names, inputs)] == list(names)
    card = [
        f"card.{what}_{window}"
        for window in ("10m", "1h", "1d")
        for what in ("count", "amount_sum", "amount_mean")
    ]
    shop = [name.replace("card", "shop") for name in card]
    assert names == (
        *("amount", "hour_sin", "hour_cos", "input.age"),
        *(*card, "card.seconds_since_last"),
        *(*shop, "shop.seconds_since_last"),
    )


def test_which_entities_features_are_about() -> None:
    texts = [
        "amount",
        "ratio(log(card.count_1h), merchant.count_1h)",
        "card.new_channel",
        "card.count_1d",
        "card.same_amount_1h",
        "terminal+merchant.rate_1h",
    ]
    assert entities_of(declare(texts, INPUTS)) == (
        *("card", "merchant", "card+channel", "card+amount", "terminal+merchant"),
    )
    assert entities_of(declare(["amount", "is_night", "log(hour_sin)"], INPUTS)) == ()


@pytest.mark.parametrize(
    ("text", "summed"),
    [
        ("card.amount_sum_1h", True),
        ("card.amount_mean_1h_delay_1d", True),
        ("card.amount_std_1h", True),
        ("card.amount_zscore_1h", True),
        ("log(ratio(amount, card.amount_sum_1h))", True),
        ("card.amount_min_1h", False),
        ("card.amount_max_1h", False),
        ("card.age_sum_1h", False),
        ("card.count_1h", False),
        ("card.amount_decayed_mean_1h", False),
        ("log(amount)", False),
    ],
)
def test_whether_amounts_are_summed(text: str, summed: bool) -> None:
    assert amounts_enter(declare([text], INPUTS), SUMMING) is summed


# What features stand on.


def wrong(**changes: object) -> list[tuple[str, str]]:
    given: dict[str, object] = {
        "entities": ("card",),
        "numeric": ("age", "lat", "lon"),
        "categorical": ("channel",),
    }
    inputs = Inputs(**{**given, **changes})  # type: ignore[arg-type]
    found = [(".".join(path), text) for path, text in inputs.problems()]
    if found:
        with pytest.raises(ConfigError, match=re.escape(found[0][0])):
            declare(["amount"], inputs)
    return found


def test_the_built_in_conditions_are_there_and_can_be_written_anew() -> None:
    assert set(Inputs(("card",)).conditions) == {"night", "weekend"}
    late = Condition(hours=(22, 5))
    assert Inputs(("card",), conditions={"night": late}).conditions["night"] == late
    assert Inputs(("card",)).conditions["night"] == Condition(hours=(0, 6))
    assert Inputs(("card",)).conditions["weekend"] == Condition(weekdays=(5, 6))


def test_right_inputs_have_no_problem() -> None:
    assert wrong() == []
    assert wrong(numeric=("card",), categorical=("age",)) == []
    assert wrong(location=("lat", "lon")) == []


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "a.b", "a+b", "_a", "ä", "a\n", "amount"])
@pytest.mark.parametrize("kind", ["entities", "numeric", "categorical"])
def test_a_name_that_the_grammar_could_not_tell_is_refused(kind: str, name: str) -> None:
    (found,) = wrong(**{kind: ("x", name)})
    assert found[0] == f"fields.{kind}.{name}"
    assert "meaning of its own" in found[1] or "a letter, and after it" in found[1]


def test_an_entity_called_input_or_like_a_category_is_refused() -> None:
    assert wrong(entities=("input",))[0][0] == "fields.entities.input"
    assert wrong(numeric=("input",)) == []
    ((place, text),) = wrong(categorical=("card",))
    assert (place, "an entity already" in text) == ("fields.categorical.card", True)


@pytest.mark.parametrize(
    ("condition", "place", "says"),
    [
        (Condition(), "", "it is one of hours, weekdays"),
        (Condition("channel"), "", "it is one of hours, weekdays"),
        (Condition(values=("x",)), "", "it is one of hours, weekdays"),
        (Condition(above=1.0), "", "it is one of hours, weekdays"),
        (Condition("age", hours=(0, 1)), "", "it is one of hours, weekdays"),
        (Condition(hours=(0, 1), weekdays=(1,)), "", "it is one of hours, weekdays"),
        (Condition("age", ("x",), above=1.0), "", "it is one of hours, weekdays"),
        (Condition("chanel", ("x",)), ".field", "no category 'chanel'; the nearest is 'channel'"),
        (Condition("age", ("x",)), ".field", "no category 'age'"),
        (Condition("channel", above=1.0), ".field", "no number 'channel'"),
        (Condition("amunt", below=1.0), ".field", "no number 'amunt'; the nearest is 'amount'"),
        (Condition("age", above=float("nan")), ".above", "finite"),
        (Condition("age", below=float("inf")), ".below", "finite"),
        (Condition("age", above=2.0, below=2.0), "", "never true"),
        (Condition(hours=(0, 24)), ".hours", "0 to 23"),
        (Condition(weekdays=(7,)), ".weekdays", "0 to 6"),
    ],
)
def test_a_wrong_condition_is_refused_by_its_key(
    condition: Condition, place: str, says: str
) -> None:
    ((found, text),) = wrong(conditions={"c": condition})
    assert found == f"features.conditions.c{place}"
    assert says in text


@pytest.mark.parametrize(
    "condition",
    [
        Condition("channel", ("online", 5411)),
        Condition("amount", above=0.0),
        Condition("age", above=-1.0, below=1.0),
        Condition(hours=(0, 0)),
        Condition(hours=(22, 5)),
        Condition(weekdays=(0,)),
    ],
)
def test_a_right_condition_can_be_declared(condition: Condition) -> None:
    assert wrong(conditions={"c": condition}) == []


def test_a_condition_with_a_wrong_name_and_an_unknown_place_are_refused() -> None:
    ((place, _),) = wrong(conditions={"a-b": Condition(hours=(0, 1))})
    assert place == "features.conditions.a-b"
    ((place, text),) = wrong(location=("lat", "lng"))
    assert place == "features.location"
    assert text.startswith("no number 'lng'; the nearest is")
