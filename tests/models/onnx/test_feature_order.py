"""Features of a model against those of the engine."""

import pytest

from models.onnx.feature_order import check_same
from schemas.errors import ModelError

WANTED = ("amount", "card.count_1h", "card.count_1d")


def refused(wanted, given, **options):
    with pytest.raises(ModelError) as caught:
        check_same(wanted, given, **options)
    return str(caught.value)


def test_the_same_features_are_taken():
    check_same(WANTED, WANTED)
    check_same(WANTED, WANTED[::-1], ordered=False)
    check_same((), ())


def test_another_order_names_the_first_place_that_differs():
    text = refused(WANTED, (WANTED[0], WANTED[2], WANTED[1]))
    assert "column 1 is 'card.count_1d' and should be 'card.count_1h'" in text
    assert text.endswith("in the model's order: amount, card.count_1h, card.count_1d")


def test_what_is_missing_and_what_is_not_known_come_with_the_nearest_name():
    text = refused(WANTED, ("amount", "card.count_1hr", "weekday"))
    assert "does not compute 'card.count_1h' (nearest: 'card.count_1hr')" in text
    assert "does not know 'card.count_1hr' (nearest: 'card.count_1h'), 'weekday':" in text
    assert "trained on 3 features and gets 3" in text
    # Where nothing is left over, the nearest is one that both know.
    assert "does not know" not in refused(WANTED, WANTED[:2])
    assert "(nearest: 'card.count_1h')" in refused(WANTED, WANTED[:2])


def test_many_names_are_counted():
    given = tuple(f"zz{i}" for i in range(9))
    assert "'zz4' and 4 more" in refused(("amount",), given)


@pytest.mark.parametrize("ordered", [True, False])
def test_a_name_that_stands_twice_is_refused_first(ordered):
    text = refused(("a", "a"), ("a",), ordered=ordered)
    assert text == "the model's features hold 'a' more than once: each must be its own"
    assert "the engine's features hold 'a'" in refused(("a",), ("a", "a"), ordered=ordered)
