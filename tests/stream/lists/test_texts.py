"""Texts that entries share."""

from __future__ import annotations

import numpy as np
import pytest

from stream.lists.texts import Texts, packed, unpacked


def test_a_text_is_kept_once_and_as_long_as_somebody_has_it():
    texts = Texts()
    first = texts.hold("stolen", 2)
    assert texts.hold("stolen", 1) == first
    second = texts.hold("lost", 1)
    assert (texts[first], texts[second], len(texts)) == ("stolen", "lost", 2)
    texts.release(np.array([first, second, first]))
    assert (texts[first], len(texts)) == ("stolen", 1)
    texts.release(np.array([first]))
    assert len(texts) == 0
    assert texts.hold("stolen", 1) not in (first, second)


@pytest.mark.parametrize("texts", [[], ["a"], ["", "für", "\x00", "𝄞" * 3]])
def test_texts_that_are_laid_end_to_end_are_found_again(texts):
    assert unpacked(*packed(texts)) == texts


@pytest.mark.parametrize("stops", [[1], [3], [2, 1, 2], [-1, 2], [1, 2]])
def test_texts_that_lie_otherwise_are_refused(stops):
    with pytest.raises(ValueError, match=r"end to end|decode"):
        unpacked(np.frombuffer("ü".encode(), np.uint8), np.array(stops))
