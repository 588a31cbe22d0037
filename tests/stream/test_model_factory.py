"""Learners from the configuration, and what is said where one cannot be had."""

import shutil
import sys

import numpy as np
import pytest

from models.additive.additive import AdditiveLogistic
from models.blend import Blend
from models.compiled import CompiledLearner
from models.compiler import UncompiledWarning
from models.feedback_delayed import FeedbackAndDelayed, has_feedback_learner
from models.onnx.learner import TrainedLearner
from models.river.adapter import RiverLearner
from models.sampling import SampledLearner
from models.trees.forest import DenseForest
from models.trees.planting import columns_of_a_leaf
from schemas.errors import ConfigError, ModelError, TrainedModelError
from stream.app import engine_of
from stream.config.configuration import load
from stream.config.model import ChallengerSection, ModelSection
from stream.model_factory import challenger_of, learner_of
from stream.timed_learner import TimedLearner

NAMES = ("amount", "ratio", "count")
CODE = """
from river import linear_model, naive_bayes, preprocessing

ready = preprocessing.StandardScaler() | linear_model.LogisticRegression()

def built():
    return preprocessing.MinMaxScaler() | linear_model.LogisticRegression()

Bayes = naive_bayes.GaussianNB
number = 5

class Mine(naive_bayes.GaussianNB):
    pass

def broken():
    raise RuntimeError("no such luck")
"""


@pytest.fixture
def code(tmp_path):
    path = tmp_path / "fraud_models.py"
    path.write_text(CODE)
    return path


def examples(n=600):
    rng = np.random.default_rng(1)
    y = rng.random(n) < 0.2
    return rng.normal(size=(n, len(NAMES))) + 2 * y[:, None], y


def learns(learner):
    X, y = examples()
    learner.learn_many(X, y)
    scores = learner.predict_proba_many(X)
    return scores[y].mean() > scores[~y].mean()


def test_the_default_is_compiled_and_learns():
    learner = learner_of(ModelSection(), NAMES)
    assert isinstance(learner, CompiledLearner)
    assert learns(learner)


def test_a_forest_has_the_trees_and_the_seed_that_were_asked_for():
    one, other, again = (
        learner_of(ModelSection(kind="forest", trees=4, seed=seed), NAMES) for seed in (1, 2, 1)
    )
    assert isinstance(one.model, DenseForest)
    assert learns(one)
    assert learns(other)
    assert learns(again)
    X, _ = examples()
    scores = [learner.predict_proba_many(X).tolist() for learner in (one, other, again)]
    assert scores[0] == scores[2] != scores[1]


@pytest.mark.parametrize(
    ("written", "columns"), [("all", 3), ("sqrt", 2), ("log2", 2), (1, 1), (2, 2), (0.4, 1)]
)
def test_a_forest_s_leaves_look_at_as_many_features_as_were_asked_for(written, columns):
    learner = learner_of(ModelSection(kind="forest", max_features=written), NAMES)
    given = learner.model.state().header["max_features"]
    assert given == (None if written == "all" else written)
    assert type(given) is not bool
    assert columns_of_a_leaf(given, len(NAMES)) == columns


def test_a_forest_watches_for_drift_where_it_is_asked_to():
    header = {
        drift: learner_of(ModelSection(kind="forest", drift=drift), NAMES).model.state().header
        for drift in (False, True)
    }
    assert (header[False]["warning"], header[False]["drift"]) == (None, None)
    assert header[True]["warning"]["delta"] == 0.01
    assert header[True]["drift"]["delta"] == 0.001
    assert learner_of(ModelSection(kind="forest"), NAMES).model.state().header == header[False]


def test_the_additive_model_sees_features_as_they_are():
    learner = learner_of(ModelSection(kind="additive", frauds_min=7), NAMES)
    assert isinstance(learner.model, AdditiveLogistic)
    assert (learner.transformers, learner.counts.frauds_min) == ((), 7)
    assert learns(learner)


def test_a_blend_may_have_the_additive_model():
    section = ModelSection(kind="blend", members=("additive", "forest"), frauds_min=5)
    blend = learner_of(section, NAMES)
    assert list(blend.members) == ["additive", "forest"]
    assert isinstance(blend.members["additive"].model, AdditiveLogistic)


def test_a_blend_has_its_members():
    blend = learner_of(ModelSection(kind="blend", frauds_min=5, genuine_min=50), NAMES)
    assert isinstance(blend, Blend)
    assert list(blend.members) == ["logistic", "forest"]
    assert learns(blend)


def test_feedback_apart_is_two_models_of_the_kind_asked_for():
    section = ModelSection(
        kind="additive", feedback="separate", feedback_share=0.3, frauds_min=7, genuine_min=400
    )
    both = learner_of(section, NAMES)
    assert isinstance(both, FeedbackAndDelayed)
    assert both.feedback_share == 0.3
    feedback, delayed = both.members["feedback"], both.members["delayed"]
    assert isinstance(feedback.model, AdditiveLogistic)
    assert isinstance(delayed.model, AdditiveLogistic)
    # Analysts see few payments, as many genuine ones as frauds.
    assert (feedback.counts.frauds_min, feedback.counts.genuine_min) == (7, 7)
    assert (delayed.counts.frauds_min, delayed.counts.genuine_min) == (7, 400)
    assert learns(both)


def test_a_blend_and_a_challenger_may_learn_feedback_apart():
    blend = learner_of(ModelSection(kind="blend", feedback="separate"), NAMES)
    assert [list(member.members) for member in blend.members.values()] == [
        ["logistic", "forest"]
    ] * 2
    section = ChallengerSection(feedback="separate", sample=0.5)
    challenger = challenger_of(section, NAMES, "x")
    assert has_feedback_learner(TimedLearner(challenger))
    challenger.learn_feedback(*examples())
    members = challenger.learner.members
    assert 200 < members["feedback"].learned < 400
    assert members["delayed"].learned == 0


@pytest.mark.parametrize("name", ["ready", "built"])
def test_a_river_model_of_one_s_own_is_compiled_where_it_can_be(code, name):
    learner = learner_of(ModelSection(kind="river", source=f"{code}:{name}"), NAMES)
    assert isinstance(learner, CompiledLearner)
    assert len(learner.transformers) == 1


def test_a_river_model_without_a_compiled_form_runs_and_says_so(code):
    with pytest.warns(UncompiledWarning, match="GaussianNB"):
        learner = learner_of(ModelSection(kind="river", source=f"{code}:Bayes"), NAMES)
    assert isinstance(learner, RiverLearner)
    assert learns(learner)


def test_a_model_may_stand_in_a_module(monkeypatch, code):
    monkeypatch.syspath_prepend(code.parent)
    learner = learner_of(ModelSection(kind="river", source="fraud_models:ready"), NAMES)
    assert isinstance(learner, CompiledLearner)


@pytest.mark.parametrize(
    ("source", "error", "text"),
    [
        ("{code}:nothing", ConfigError, "has no 'nothing'"),
        ("{code}:broken", ConfigError, "gives no model: RuntimeError: no such luck"),
        ("{code}:number", ConfigError, "gives no model: TypeError"),
        ("{folder}/none.py:ready", ConfigError, "there is no file"),
        ("no_such_module:ready", ConfigError, "cannot be imported: ModuleNotFoundError"),
        ("divides:ready", ConfigError, "divides cannot be imported: ZeroDivisionError"),
        (".divides:ready", ConfigError, r"\.divides cannot be imported: TypeError"),
        ("{folder}/divides.py:ready", ConfigError, "cannot be run: ZeroDivisionError"),
        ("{folder}/bad.py:ready", ConfigError, "cannot be run: SyntaxError"),
        ("river.preprocessing:StandardScaler", ModelError, "StandardScaler"),
    ],
)
def test_a_source_that_leads_nowhere_is_named(code, source, error, text, monkeypatch):
    monkeypatch.syspath_prepend(code.parent)
    (code.parent / "bad.py").write_text("ready = = 1")
    (code.parent / "divides.py").write_text("ready = 1 / 0")
    where = source.format(code=code, folder=code.parent)
    before = set(sys.modules)
    with pytest.raises(error, match=text):
        learner_of(ModelSection(kind="river", source=where), NAMES)
    failed = ("fraudstream_model_bad", "fraudstream_model_divides", "divides")
    assert not [name for name in set(sys.modules) - before if name.startswith(failed)]


@pytest.mark.parametrize("kind", ["river", "onnx"])
def test_an_error_names_the_key_of_the_challenger(tmp_path, kind):
    section = ChallengerSection(kind=kind, source=str(tmp_path / "none.py:model"))
    with pytest.raises(ConfigError, match=r"^model\.challengers\.mine\.source: .*none\.py"):
        challenger_of(section, NAMES, "mine")
    with pytest.raises(ConfigError, match=r"^model\.source: "):
        learner_of(section, NAMES)


def test_files_of_the_same_name_are_two_modules(code, tmp_path):
    other = tmp_path / "other" / code.name
    other.parent.mkdir()
    shutil.copy(code, other)
    before = set(sys.modules)
    with pytest.warns(UncompiledWarning):
        one, two = (
            learner_of(ModelSection(kind="river", source=f"{path}:Mine"), NAMES)
            for path in (code, other)
        )
    modules = {type(learner.model).__module__ for learner in (one, two)}
    assert len(modules) == 2
    assert modules <= set(sys.modules) - before
    for learner in (one, two):
        assert sys.modules[type(learner.model).__module__].Mine is type(learner.model)


def test_a_model_that_has_learned_is_refused(code):
    with code.open("a") as file:
        file.write("\nready.learn_one({'amount': 1.0}, True)\n")
    with pytest.raises(TrainedModelError, match="already learned"):
        learner_of(ModelSection(kind="river", source=f"{code}:ready"), NAMES)


def test_a_file_that_is_no_model_is_named(tmp_path):
    missing = ModelSection(kind="onnx", source=str(tmp_path / "none.onnx"))
    with pytest.raises(ConfigError, match=r"none\.onnx cannot be read: No such file"):
        learner_of(missing, NAMES)
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError):
        learner_of(ModelSection(kind="onnx", source=str(tmp_path / "bad.onnx")), NAMES)


def test_a_trained_model_scores_at_once(tmp_path):
    skl2onnx = pytest.importorskip("skl2onnx")
    linear_model = pytest.importorskip("sklearn.linear_model")
    from skl2onnx.common.data_types import DoubleTensorType

    X, y = examples()
    model = linear_model.LogisticRegression().fit(X, y)
    options = {id(model): {"zipmap": False}}
    inputs = [("features", DoubleTensorType([None, len(NAMES)]))]
    converted = skl2onnx.convert_sklearn(model, initial_types=inputs, options=options)
    entry = converted.metadata_props.add()
    entry.key, entry.value = "feature_names", ",".join(NAMES)
    path = tmp_path / "model.onnx"
    path.write_bytes(converted.SerializeToString())
    section = ModelSection(kind="onnx", source=str(path), unknown_value=0.0)
    learner = learner_of(section, NAMES)
    assert isinstance(learner, TrainedLearner)
    assert learner.ready
    expected = model.predict_proba(X)[:, 1]
    np.testing.assert_allclose(learner.predict_proba_many(X), expected, 1e-5)
    with pytest.raises(ModelError, match="ratio"):
        learner_of(section, ("amount", "rate", "count"))


def test_a_challenger_may_see_a_share():
    sampled = challenger_of(ChallengerSection(kind="forest", sample=0.25), NAMES, "mine")
    assert isinstance(sampled, SampledLearner)
    assert isinstance(challenger_of(ChallengerSection(), NAMES, "mine"), CompiledLearner)


def test_the_engine_has_the_configured_contenders(tmp_path, code):
    path = tmp_path / "fraudstream.toml"
    path.write_text(
        f"""
        [features]
        names = ["amount", "card.count_1h"]
        [model]
        kind = "forest"
        trees = 2
        frauds_min = 7
        [model.challengers.simple]
        [model.challengers.mine]
        kind = "river"
        source = "{code}:ready"
        sample = 0.5
        """
    )
    engine = engine_of(load(path), bytes(16))
    champion, challengers = engine.champion.learner, engine.challengers
    assert isinstance(champion, TimedLearner)
    assert isinstance(champion.learner.model, DenseForest)
    assert champion.learner.counts.frauds_min == 7
    assert list(challengers) == ["simple", "mine"]
    assert isinstance(challengers["mine"].learner.learner, SampledLearner)


PROBLEMS = {
    "no source": ('kind = "river"', "source: '' does not name a River model"),
    "half a source": ('kind = "river"\nsource = "model.py"', "'model.py' does not name"),
    "no file": ('kind = "onnx"', "'onnx' needs the file"),
    "another kind": ('kind = "forrest"', "forest"),
    "twice": ('kind = "blend"\nmembers = ["forest", "forest"]', "'forest' is there twice"),
    "one member": ('kind = "blend"\nmembers = ["forest"]', "members"),
    "two sources": (
        'kind = "blend"\nsource = "a.py:b"\nmembers = ["river", "onnx"]',
        "only one of 'river' and 'onnx'",
    ),
    "no number": ('kind = "onnx"\nsource = "a"\nunknown_value = nan', "unknown_value.*finite"),
    "no end": ('kind = "onnx"\nsource = "a"\nunknown_value = -inf', "unknown_value.*finite"),
    "true for a number": ("unknown_value = true", "unknown_value.*not true or false"),
    "no feature": ("max_features = 0", "max_features.*from 1 on"),
    "true features": ("max_features = true", "max_features.*a share between"),
    "more than all": ("max_features = 1.5", "max_features.*a share between"),
    "no share": ("max_features = nan", "max_features.*a share between"),
    "another name": ('max_features = "none"', "max_features.*'all', 'sqrt', 'log2'"),
    "an unknown key": ("tress = 10", "trees"),
    "a share of none": ('[model.challengers.x]\nkind = "forest"\nsample = 0', "sample"),
    "a challenger's source": ('[model.challengers.x]\nkind = "river"', "challengers.x.source"),
}


@pytest.mark.parametrize(("text", "words"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_wrong_model_is_named_with_its_line(tmp_path, text, words):
    path = tmp_path / "fraudstream.toml"
    path.write_text(f"[model]\n{text}\n")
    with pytest.raises(ConfigError, match=words) as raised:
        load(path)
    assert "fraudstream.toml:" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "value"), [("3", 3), ("0.5", 0.5), ("sqrt", "sqrt"), ("all", "all")]
)
def test_the_environment_sets_how_many_features_a_leaf_looks_at(monkeypatch, text, value):
    monkeypatch.setenv("FRAUD_MODEL__MAX_FEATURES", text)
    found = load().model.max_features
    assert (found, type(found)) == (value, type(value))


def test_a_class_is_built():
    learner = learner_of(
        ModelSection(kind="river", source="river.linear_model:LogisticRegression"), NAMES
    )
    assert isinstance(learner, CompiledLearner)
