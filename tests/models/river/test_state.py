"""River's objects out of states: they go on bit for bit, and nothing else is ever loaded."""

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from river import (
    anomaly,
    compose,
    drift,
    linear_model,
    naive_bayes,
    neighbors,
    optim,
    preprocessing,
    tree,
)
from river.__version__ import __version__ as river_version
from seeds import seeds

from models.river import state as river_state
from models.river.state import PICKLE, restore_river, state_of
from models.states.snapshot import State, pack, unpack
from schemas.errors import ModelError, SnapshotError

LogisticRegression = linear_model.LogisticRegression


def scaled(last):
    return compose.Pipeline(preprocessing.StandardScaler(), last)


def trees(**params):
    return anomaly.HalfSpaceTrees(n_trees=3, height=4, window_size=20, **params)


MODELS = {
    "default pipeline": lambda: scaled(LogisticRegression()),
    "SGD, l2": lambda: scaled(LogisticRegression(optim.SGD(0.05), l2=0.01)),
    "SGD, l1": lambda: LogisticRegression(optim.SGD(0.05), l1=0.01),
    "SGD, falling rate": lambda: LogisticRegression(
        optim.SGD(optim.schedulers.InverseScaling(0.1)), intercept_lr=0.1
    ),
    "Adam": lambda: scaled(LogisticRegression(optim.Adam(0.02))),
    "Adam, l1": lambda: LogisticRegression(optim.Adam(), l1=0.01),
    "AdaGrad": lambda: scaled(LogisticRegression(optim.AdaGrad())),
    "FTRL": lambda: scaled(LogisticRegression(optim.FTRLProximal(l1=0.1))),
    "weighted loss": lambda: LogisticRegression(
        loss=optim.losses.Log(weight_pos=20.0), intercept_init=-4.0, clip_gradient=math.inf
    ),
    "constant start": lambda: LogisticRegression(initializer=optim.initializers.Constant(0.5)),
    "means only": lambda: compose.Pipeline(
        preprocessing.StandardScaler(with_std=False), LogisticRegression()
    ),
    "two scalers": lambda: compose.Pipeline(
        preprocessing.MinMaxScaler(),
        ("inner", scaled(LogisticRegression(optim.Adam()))),
    ),
    "naive Bayes": naive_bayes.GaussianNB,
    "scaled naive Bayes": lambda: scaled(naive_bayes.GaussianNB()),
    "trees": lambda: trees(seed=5),
    "scaled trees": lambda: compose.Pipeline(preprocessing.MinMaxScaler(), trees(seed=None)),
    "trees with limits": lambda: trees(seed=1, limits={"amount": (-4.0, 9.0)}),
}


@pytest.fixture(params=MODELS.values(), ids=MODELS)
def build(request):
    return request.param


def events(seed, n, names=("zeta", "amount", "count", "gap", "late")):
    rng = np.random.default_rng(seed)
    for i in range(n):
        label = bool(rng.random() < 0.3)
        x = {name: float(rng.normal(label, 2)) for name in names}
        for name in names if i else ():
            if rng.random() < 0.2:
                del x[name]
        if 0 < i < n // 3:
            x.pop("late", None)
        yield x, label


def learn(model, x, label):
    model.learn_one(x) if is_detector(model) else model.learn_one(x, label)


def ask(model, x):
    return model.score_one(x) if is_detector(model) else model.predict_proba_one(x)


def is_detector(model):
    last = list(model.steps.values())[-1] if isinstance(model, compose.Pipeline) else model
    return isinstance(last, anomaly.HalfSpaceTrees)


def through_bytes(model, **options):
    return unpack(pack(state_of(model, **options)))


def copied(build, model, **options):
    other = build()
    restore_river(other, through_bytes(model, **options), **options)
    return other


@seeds(2)
def test_it_goes_on_bit_for_bit(build, seed):
    stream = list(events(seed, 240))
    cut = int(np.random.default_rng(seed).integers(1, 200))
    model = build()
    for x, label in stream[:cut]:
        learn(model, x, label)
    other = copied(build, model)
    for x, label in stream[cut:]:
        assert ask(model, x) == ask(other, x)
        learn(model, x, label)
        learn(other, x, label)
    assert pack(state_of(model)) == pack(state_of(other))


def test_one_that_has_learned_nothing_goes_on_too(build):
    model = build()
    other = copied(build, model)
    for x, label in events(1, 60):
        assert ask(model, x) == ask(other, x)
        learn(model, x, label)
        learn(other, x, label)


def test_what_was_learned_before_is_gone(build):
    model, used = build(), build()
    for x, label in events(1, 50):
        learn(model, x, label)
    for x, label in events(2, 80, ("other", "amount", "zeta")):
        learn(used, x, label)
    state = state_of(model)
    restore_river(used, state)
    assert pack(state_of(used)) == pack(state)


def test_a_state_and_its_models_share_nothing(build):
    model, other = build(), build()
    for x, label in events(1, 50):
        learn(model, x, label)
    state = state_of(model)
    before = pack(state)
    restore_river(other, state)
    for x, label in events(2, 50):
        learn(model, x, label)
        learn(other, x, label)
    assert pack(state) == before


def test_a_question_about_a_feature_never_seen_leaves_no_difference():
    """River's scaler writes down what it is asked."""
    model = scaled(LogisticRegression())
    for x, label in events(1, 30):
        model.learn_one(x, label)
    model.predict_proba_one({"never": 1.0, "amount": 2.0})
    other = copied(MODELS["default pipeline"], model)
    assert dict(other["StandardScaler"].means) == dict(model["StandardScaler"].means)
    assert other["StandardScaler"].counts == model["StandardScaler"].counts


def test_labels_keep_their_types():
    for labels in ([True, False], [1, 0, 2], ["fraud", "genuine"]):
        model, other = naive_bayes.GaussianNB(), naive_bayes.GaussianNB()
        for i, (x, _) in enumerate(events(1, 60)):
            model.learn_one(x, labels[i % len(labels)])
        model.learn_one({}, labels[0])
        restore_river(other, through_bytes(model))
        for x, _ in events(2, 10):
            assert repr(model.predict_proba_one(x)) == repr(other.predict_proba_one(x))


def test_numbers_that_are_not_finite_are_kept_as_they_are():
    """A poisoned model is River's to explain; a state does not hide it."""
    model = scaled(LogisticRegression())
    for x in ({"amount": 1.0}, {"amount": math.inf}, {"amount": 2.0}):
        model.learn_one(x, True)
    other = copied(MODELS["default pipeline"], model)
    assert math.isnan(model["LogisticRegression"].intercept)
    assert math.isnan(other["LogisticRegression"].intercept)


OTHER_PARAMETERS = {
    "rate": (LogisticRegression(optim.SGD(0.01)), LogisticRegression(optim.SGD(0.02))),
    "loss": (
        LogisticRegression(),
        LogisticRegression(loss=optim.losses.Log(weight_pos=2.0)),
    ),
    "penalty": (LogisticRegression(l2=0.1), LogisticRegression(l2=0.2)),
    "optimizer": (LogisticRegression(optim.Adam()), LogisticRegression(optim.AdaGrad())),
    "deviation": (preprocessing.StandardScaler(), preprocessing.StandardScaler(with_std=False)),
    "seed": (trees(seed=1), trees(seed=2)),
    "limits": (trees(seed=1, limits={"a": (0.0, 2.0)}), trees(seed=1)),
    "class": (naive_bayes.GaussianNB(), preprocessing.MinMaxScaler()),
    "step's class": (scaled(LogisticRegression()), scaled(naive_bayes.GaussianNB())),
    "step's name": (
        compose.Pipeline(("a", preprocessing.StandardScaler()), ("b", LogisticRegression())),
        compose.Pipeline(("a", preprocessing.StandardScaler()), ("c", LogisticRegression())),
    ),
    "steps": (
        compose.Pipeline(preprocessing.StandardScaler(), LogisticRegression()),
        compose.Pipeline(LogisticRegression()),
    ),
}


@pytest.mark.parametrize(("model", "other"), OTHER_PARAMETERS.values(), ids=OTHER_PARAMETERS)
def test_a_state_of_another_object_is_refused(model, other):
    before = pack(state_of(other))
    with pytest.raises(SnapshotError, match=r"in the state and|this model takes"):
        restore_river(other, state_of(model))
    assert pack(state_of(other)) == before


def learned(build, n=50):
    model = build()
    for x, label in events(1, n):
        learn(model, x, label)
    return model


def damage_of(*path, header=None, **arrays):
    """Return what changes a state somewhere inside."""

    def damage(state):
        if len(rest := list(path)):
            name = rest[0]
            inner = damage_of(*path[1:], header=header, **arrays)
            return replace(state, parts={**state.parts, name: inner(state.parts[name])})
        kept = {**state.arrays, **arrays}
        kept = {name: values for name, values in kept.items() if values is not None}
        return replace(state, header={**state.header, **(header or {})}, arrays=kept)

    return damage


SCALER, REGRESSION = "StandardScaler", "LogisticRegression"
DAMAGE = {
    "missing array": ("Adam", damage_of(SCALER, means=None)),
    "array of another length": ("Adam", damage_of(SCALER, means=np.zeros(2))),
    "array of another type": ("Adam", damage_of(REGRESSION, weights=np.zeros(5, np.int64))),
    "scalar of another shape": ("Adam", damage_of(REGRESSION, intercept=np.zeros(1))),
    "names of no text": ("Adam", damage_of(SCALER, header={"means": [1, 2, 3, 4, 5]})),
    "name twice": ("Adam", damage_of(SCALER, header={"means": ["a"] * 5})),
    "names that are none": ("Adam", damage_of(SCALER, header={"means": None})),
    "count of values that is NaN": (
        "two scalers",
        damage_of("inner", SCALER, counts=np.full(5, np.nan)),
    ),
    "count of values without end": ("Adam", damage_of(SCALER, counts=np.full(5, np.inf))),
    "count of values below 0": ("Adam", damage_of(SCALER, counts=np.full(5, -1.0))),
    "count of half a value": ("Adam", damage_of(SCALER, counts=np.full(5, 0.5))),
    "negative count": ("Adam", damage_of(REGRESSION, "optimizer", header={"n_iterations": -1})),
    "count of no number": (
        "Adam",
        damage_of(REGRESSION, "optimizer", header={"n_iterations": 1.0}),
    ),
    "unknown form": (
        "Adam",
        damage_of(REGRESSION, "optimizer", header={"forms": {"m": "list", "v": "vector"}}),
    ),
    "form missing": ("Adam", damage_of(REGRESSION, "optimizer", header={"forms": {"m": "none"}})),
    "form of nothing": (
        "Adam",
        damage_of(REGRESSION, "optimizer", header={"forms": {"m": "none", "v": "none"}}),
    ),
    "labels twice": ("naive Bayes", damage_of(header={"labels": [True, True]})),
    "labels of no type": ("naive Bayes", damage_of(header={"labels": [None, 0.5]})),
    "labels without features": ("naive Bayes", damage_of(header={"features": [["a"]]})),
    "features of no list": ("naive Bayes", damage_of(header={"features": ["ab", "cd"]})),
    "moments too short": ("naive Bayes", damage_of(moments=np.zeros((3, 3)))),
    "negative class": ("naive Bayes", damage_of(class_counts=np.array([-1, 3]))),
    "place beyond the features": ("trees", damage_of(places=np.full((3, 15), 5, np.int32))),
    "negative place": ("trees", damage_of(places=np.full((3, 15), -1, np.int32))),
    "no trees but masses": ("trees", damage_of(places=np.zeros((0, 15), np.int32))),
    "threshold": ("trees", damage_of(thresholds=np.full((3, 15), np.nan))),
    "mass": ("trees", damage_of(masses=np.full((3, 31, 2), 21))),
    "counter": ("trees", damage_of(header={"counter": 20})),
    "first window": ("trees", damage_of(header={"first_window": 1})),
    "generator": ("trees", damage_of(generator=np.zeros(625, np.uint32))),
    "place in the generator": ("trees", damage_of(generator=np.full(625, 625, np.uint32))),
}


@pytest.mark.parametrize(("name", "damage"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_state_is_refused_and_changes_nothing(name, damage):
    state = damage(state_of(learned(MODELS[name])))
    model = learned(MODELS[name], 33)
    before = pack(state_of(model))
    with pytest.raises(SnapshotError):
        restore_river(model, state)
    assert pack(state_of(model)) == before


class Regression(LogisticRegression):
    """Might keep anything else."""


WITHOUT_STATE = {
    "tree": (tree.HoeffdingTreeClassifier, "HoeffdingTreeClassifier has no state of its own"),
    "inside": (lambda: scaled(tree.HoeffdingTreeClassifier()), "HoeffdingTreeClassifier has no"),
    "subclass": (Regression, "Regression has no state of its own"),
    "optimizer": (lambda: LogisticRegression(optim.RMSProp()), "RMSProp has no state"),
    "window": (lambda: preprocessing.StandardScaler(window_size=3), "window_size is 3"),
    "other window": (lambda: preprocessing.MinMaxScaler(window_size=4), "window_size is 4"),
    "initializer": (
        lambda: LogisticRegression(initializer=optim.initializers.Normal(seed=1)),
        "Normal",
    ),
}


@pytest.mark.parametrize(("build", "told"), WITHOUT_STATE.values(), ids=WITHOUT_STATE)
def test_a_class_without_a_state_is_named_with_the_way_out(build, told):
    with pytest.raises(ModelError, match=f"{told}.*allow_pickle=True if nobody but you"):
        state_of(build())


def test_features_and_labels_without_a_name_are_named():
    for model in (preprocessing.StandardScaler(), preprocessing.MinMaxScaler(), trees(seed=1)):
        model.learn_one({7: 1.0})
        with pytest.raises(ModelError, match="feature 7 has a name that is no text"):
            state_of(model)
    model = naive_bayes.GaussianNB()
    model.learn_one({"a": 1.0}, 2.5)
    with pytest.raises(ModelError, match=r"label 2\.5 is neither"):
        state_of(model)


@pytest.mark.parametrize("name", WITHOUT_STATE)
@seeds(1)
def test_where_it_is_allowed_the_rest_is_pickled(name, seed):
    build = WITHOUT_STATE[name][0]
    model = build()
    stream = list(events(seed, 400))
    supervised = hasattr(model, "predict_proba_one")
    for x, label in stream[:200]:
        model.learn_one(x, label) if supervised else model.learn_one(x)
    other = copied(build, model, allow_pickle=True)
    for x, label in stream[200:]:
        if supervised:
            assert model.predict_proba_one(x) == other.predict_proba_one(x)
            model.learn_one(x, label)
            other.learn_one(x, label)
        else:
            assert model.transform_one(x) == other.transform_one(x)
            model.learn_one(x)
            other.learn_one(x)


def test_only_what_has_no_state_of_its_own_is_pickled():
    state = state_of(learned(lambda: scaled(tree.HoeffdingTreeClassifier())), allow_pickle=True)
    kinds = {name: part.kind for name, part in state.parts.items()}
    assert kinds == {
        "StandardScaler": "river_standard_scaler/1",
        "HoeffdingTreeClassifier": PICKLE,
    }
    assert state.parts["HoeffdingTreeClassifier"].header == {
        "class": "river.tree.hoeffding_tree_classifier.HoeffdingTreeClassifier",
        "river": river_version,
    }
    assert state_of(scaled(LogisticRegression()), allow_pickle=True).kind == "river_pipeline/1"


class Bomb:
    """Runs code when it is read from a pickle."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was read that was not allowed",)


def bomb(**header):
    content = np.frombuffer(pickle.dumps(Bomb()), np.uint8)
    name = "river.tree.hoeffding_tree_classifier.HoeffdingTreeClassifier"
    header = {"class": name, "river": river_version, **header}
    return State(PICKLE, header, {"pickle": content})


def test_a_pickle_is_not_read_unless_that_was_allowed():
    model = tree.HoeffdingTreeClassifier()
    with pytest.raises(SnapshotError, match=r"holds a pickle of .*set allow_pickle=True"):
        restore_river(model, bomb())
    pipeline = scaled(LogisticRegression())
    state = state_of(pipeline)
    hidden = replace(state, parts={**state.parts, "LogisticRegression": bomb()})
    with pytest.raises(SnapshotError, match="holds a pickle"):
        restore_river(pipeline, hidden)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ({"river": "0.25.3"}, "pickled by River 0.25.3.*read it with River 0.25.3"),
        ({"river": "1.26.1"}, "pickled by River 1.26.1"),
        ({"river": None}, "pickled by River None"),
        ({"class": "river.tree.Other"}, "class is 'river.tree.Other'"),
        ({"class": None}, "class is None"),
    ],
)
def test_a_pickle_of_another_river_or_class_is_not_read(header, told):
    with pytest.raises(SnapshotError, match=told):
        restore_river(tree.HoeffdingTreeClassifier(), bomb(**header), allow_pickle=True)


def test_a_patch_release_of_the_same_river_is_read():
    model = learned(tree.HoeffdingTreeClassifier)
    state = state_of(model, allow_pickle=True)
    later = ".".join([*river_version.split(".")[:2], "999"])
    other = tree.HoeffdingTreeClassifier()
    restore_river(other, replace(state, header={**state.header, "river": later}), True)
    x = {"amount": 1.0}
    assert other.predict_proba_one(x) == model.predict_proba_one(x)


@pytest.mark.parametrize(
    "content", [b"", b"not a pickle", pickle.dumps(preprocessing.StandardScaler()), b"\x80\x05N."]
)
def test_a_pickle_of_something_else_changes_nothing(content):
    model = learned(tree.HoeffdingTreeClassifier)
    before = vars(model).copy()
    state = replace(bomb(), arrays={"pickle": np.frombuffer(content, np.uint8)})
    with pytest.raises(SnapshotError, match=PICKLE):
        restore_river(model, state, allow_pickle=True)
    assert vars(model) == before
    with pytest.raises(SnapshotError, match="missing"):
        restore_river(model, replace(state, arrays={}), allow_pickle=True)


def test_what_cannot_be_pickled_is_named():
    model = compose.FuncTransformer(lambda x: x)
    with pytest.raises(ModelError, match="FuncTransformer cannot be pickled either"):
        state_of(model, allow_pickle=True)


def test_a_pickled_model_with_rust_inside_goes_on():
    model = tree.HoeffdingAdaptiveTreeClassifier(grace_period=20, seed=1)
    other = copied(
        lambda: tree.HoeffdingAdaptiveTreeClassifier(grace_period=20, seed=1),
        learned(lambda: model, 150),
        allow_pickle=True,
    )
    for x, label in events(8, 100):
        assert model.predict_proba_one(x) == other.predict_proba_one(x)
        model.learn_one(x, label)
        other.learn_one(x, label)
    for build in (drift.ADWIN, neighbors.KNNClassifier):
        assert state_of(build(), allow_pickle=True).kind == PICKLE


def test_the_risk_is_told_where_it_is_taken():
    for function in (river_state.state_of, river_state.restore_river):
        assert "runs whatever code it holds" in function.__doc__
