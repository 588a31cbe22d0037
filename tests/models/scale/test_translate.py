"""River's scalers have a compiled form, or are refused by name."""

import pytest
from river import preprocessing

from models.scale.min_max import DenseMinMaxScaler
from models.scale.standard import DenseStandardScaler
from models.scale.translate import dense_of
from schemas.errors import ModelError


def test_rivers_scalers_are_translated_with_their_parameters():
    standard = dense_of(preprocessing.StandardScaler(with_std=False), 3)
    assert isinstance(standard, DenseStandardScaler)
    assert (standard.width, standard.with_std) == (3, False)
    assert dense_of(preprocessing.StandardScaler(), 3).with_std
    min_max = dense_of(preprocessing.MinMaxScaler(), 4)
    assert isinstance(min_max, DenseMinMaxScaler)
    assert min_max.width == 4


class Other(preprocessing.StandardScaler):
    """A subclass, which may do anything."""


def learned(scaler):
    scaler.learn_one({"a": 1.0})
    return scaler


@pytest.mark.parametrize(
    ("scaler", "text"),
    [
        (preprocessing.StandardScaler(window_size=5), "StandardScaler: window_size=5"),
        (preprocessing.MinMaxScaler(window_size=5), "MinMaxScaler: window_size=5"),
        (preprocessing.MaxAbsScaler(), "MaxAbsScaler has no compiled form"),
        (Other(), "Other has no compiled form"),
        (None, "NoneType"),
        (learned(preprocessing.StandardScaler()), "StandardScaler has already learned"),
        (learned(preprocessing.MinMaxScaler()), "MinMaxScaler has already learned"),
    ],
)
def test_whatever_has_no_compiled_form_is_refused_by_name(scaler, text):
    with pytest.raises(ModelError, match=text):
        dense_of(scaler, 3)
