"""River's own objects as states: by their numbers, or pickled where that was allowed."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from river import anomaly
from river.__version__ import __version__ as river_version

from models.anomaly.river_form import FORM as HALF_SPACE_TREES
from models.river.classes import FORMS, Form
from models.river.regression import REGRESSION_FORMS
from models.states.restoring import array, require, require_header, require_kind
from models.states.snapshot import State
from schemas.errors import ModelError, SnapshotError

PICKLE = "river_pickle/1"
_FORMS: dict[type, Form] = {
    **FORMS,
    **REGRESSION_FORMS,
    anomaly.HalfSpaceTrees: HALF_SPACE_TREES,
}


def state_of(model: Any, allow_pickle: bool = False) -> State:
    """Return what a River object has learned.

    Pipelines, StandardScaler, MinMaxScaler, LogisticRegression with SGD, Adam, AdaGrad
    or FTRLProximal, GaussianNB and HalfSpaceTrees become numbers and names, free of how
    River's release pickles. Features must have text for names.

    Parameters
    ----------
    model : river.base.Base
    allow_pickle : bool
        Whether objects of other classes may be pickled. A pickle is tied to River's
        minor version, and **reading one runs whatever code it holds**: allow it only
        where nobody else can write the states that are read back.

    Raises
    ------
    ModelError
        A class without a state of its own, and pickles were not allowed or failed.
    """
    try:
        return _taken(model, allow_pickle)
    except ModelError as why:
        if allow_pickle:
            raise
        raise ModelError(
            f"{why}; {', '.join(sorted(kind.__name__ for kind in _FORMS))} have one. Or set "
            "allow_pickle=True if nobody but you can write to where states are kept: "
            "reading a pickle runs the code in it"
        ) from None


def restore_river(model: Any, state: State, allow_pickle: bool = False) -> None:
    """Put a state into a River object that was built with the same parameters.

    It then goes on bit for bit as the object that the state was taken of. Nothing is
    changed where a part of the state is not one of this object.

    Parameters
    ----------
    model : river.base.Base
    state : State
    allow_pickle : bool
        Whether pickles in the state are read. **A pickle runs whatever code it holds**
        when it is read: allow it only for states that nobody else could have written,
        such as those sealed with a key (`models.states.snapshot.unpack`). What comes from a
        pickle brings its own parameters.

    Raises
    ------
    SnapshotError
        The state is not one of such an object, or holds a pickle that may not be read.
    ModelError
        The object is of a class without a state of its own.
    """
    for put in list(_plans(model, state, allow_pickle)):
        put()


def _taken(model: Any, allow_pickle: bool) -> State:
    try:
        form = _form_of(model)
        header, arrays = form.learned(model)
        parts = {name: _taken(child, allow_pickle) for name, child in form.children(model).items()}
        return State(form.kind, {"parameters": form.parameters(model), **header}, arrays, parts)
    except ModelError:
        if allow_pickle:
            return _pickled(model)
        raise


def _form_of(model: Any) -> Form:
    # A subclass may keep more than its parent does.
    form = _FORMS.get(type(model))
    if form is None:
        raise ModelError(f"{_name_of(model)} has no state of its own")
    return form


def _name_of(model: Any) -> str:
    return f"{type(model).__module__}.{type(model).__qualname__}"


def _plans(model: Any, state: State, allow_pickle: bool) -> Iterator[Callable[[], None]]:
    """Check a state with all its parts, and yield what puts each into its object."""
    if state.kind == PICKLE:
        yield _unpickled(model, state, allow_pickle)
        return
    form = _form_of(model)
    require_kind(state, form.kind)
    require_header(state, {"parameters": form.parameters(model)})
    children = form.children(model)
    if set(children) != set(state.parts):
        raise SnapshotError(
            f"{state.kind}: the parts are {sorted(state.parts)} in the state and "
            f"{sorted(children)} in the model"
        )
    for name, child in children.items():
        yield from _plans(child, state.parts[name], allow_pickle)
    yield form.planned(model, state)


def _pickled(model: Any) -> State:
    try:
        content = pickle.dumps(model, protocol=5)
    except Exception as why:  # Whatever an object's own methods raise.
        raise ModelError(f"{_name_of(model)} cannot be pickled either: {why}") from why
    header = {"class": _name_of(model), "river": river_version}
    return State(PICKLE, header, {"pickle": np.frombuffer(content, np.uint8).copy()})


def _unpickled(model: Any, state: State, allow_pickle: bool) -> Callable[[], None]:
    if not allow_pickle:
        raise SnapshotError(
            f"the state holds a pickle of {state.header.get('class')!r}, which would run the code "
            "in it: set allow_pickle=True if nobody but you could have written it"
        )
    require_header(state, {"class": _name_of(model)})
    version = str(state.header.get("river"))
    if version.split(".")[:2] != river_version.split(".")[:2]:
        raise SnapshotError(
            f"{PICKLE}: pickled by River {version}, and this is River {river_version}, which "
            f"may read it as something else: read it with River {version}"
        )
    found = state.arrays.get("pickle")
    content = array(state, "pickle", np.uint8, (0 if found is None else found.size,))
    try:
        loaded = pickle.loads(content.tobytes())  # noqa: S301 - allowed by the caller.
    except Exception as why:  # Whatever a pickle raises.
        raise SnapshotError(f"{PICKLE}: cannot be read: {why}") from why
    require(state, type(loaded) is type(model), f"holds a {_name_of(loaded)}")

    def put() -> None:
        vars(model).clear()
        vars(model).update(vars(loaded))

    return put
