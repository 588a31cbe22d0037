"""What may be translated: a class that is known, and nothing that was learned is lost."""

import pytest

from models.dense.untrained import named, require_class, trained
from schemas.errors import ModelError, TrainedModelError


class Known:
    """A model."""


class Changed(Known):
    """A subclass, which may do anything."""


def test_a_class_is_known_exactly():
    require_class(Known(), int, Known, instead="a Known")
    for model, name in ((Changed(), "Changed"), (None, "NoneType")):
        with pytest.raises(ModelError, match=rf"\.{name} has no compiled form here: use a Known$"):
            require_class(model, int, Known, instead="a Known")


def test_a_trained_model_is_told_what_to_give_instead():
    refusal = trained(Known(), "learned 3 rows")
    assert isinstance(refusal, TrainedModelError)
    assert str(refusal).startswith("Known has already learned 3 rows, which would be lost: give")


def test_a_wrong_parameter_names_the_model():
    with pytest.raises(ModelError, match=r"^Known: lr is -1$"), named(Known()):
        raise ValueError("lr is -1")
    with pytest.raises(KeyError), named(Known()):
        raise KeyError("another mistake")
