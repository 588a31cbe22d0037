"""The import rule: who may know whom, read from the sources themselves."""

import ast
import fnmatch
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("schemas", "models", "stream")

# From the bottom up; a module may import only what stands on a line above its own.
# A new module of `stream` goes on the highest line it imports from, plus one.
LAYERS = (
    # Empty __init__ files.
    (
        "stream",
        "stream.admin",
        "stream.admission",
        "stream.audit_trail",
        "stream.backtest",
        "stream.bulk",
        "stream.cases",
        "stream.champion",
        "stream.cli",
        "stream.commands",
        "stream.config",
        "stream.engine",
        "stream.evaluation",
        "stream.evidence",
        "stream.exchange",
        "stream.experiment",
        "stream.explanation",
        "stream.features",
        "stream.files",
        "stream.kafka",
        "stream.labels",
        "stream.lists",
        "stream.model_registry",
        "stream.monitor",
        "stream.offline",
        "stream.page",
        "stream.promotion",
        "stream.records",
        "stream.recovery",
        "stream.rules",
        "stream.shards",
        "stream.simulate",
        "stream.snapshots",
        "stream.store",
        "stream.telemetry",
        "stream.toml",
        "stream.webhook",
        "stream.windows",
    ),
    ("schemas", "schemas.*"),
    ("models.*",),
    ("models",),
    ("stream.short_arrays", "stream.toml.*", "stream.partition", "stream.plurals"),
    ("stream.keytable", "stream.rings", "stream.draws"),
    ("stream.windows.*", "stream.lists.*"),
    ("stream.features.*", "stream.decide", "stream.event_time", "stream.evidence.reasons"),
    ("stream.rules.matched", "stream.evidence.reason_codes", "stream.evidence.counterfactual"),
    (
        "stream.labels.*",
        "stream.admission.*",
        "stream.rules.*",
        "stream.evidence.evidence",
        "stream.budget",
        "stream.budget.*",
    ),
    ("stream.monitor.*",),
    (
        "stream.records.row_decisions",
        "stream.records.keyed",
        "stream.records.matched_rules",
        "stream.records.wording",
        "stream.champion.reigns",
        "stream.promotion.*",
        "stream.evidence.explainer",
    ),
    ("stream.shared_model", "stream.shared_model.role", "stream.shared_model.messages"),
    ("stream.engine.effects", "stream.records.decisions", "stream.records.alerts"),
    ("stream.champion.contenders", "stream.engine.control", "stream.engine.counters"),
    ("stream.champion.lineup", "stream.champion.other_challengers"),
    # Judges what the engine said without knowing the engine.
    ("stream.evaluation.*",),
    ("stream.champion.succession", "stream.shared_model.training"),
    ("stream.engine.parameters", "stream.engine.state", "stream.engine.orders"),
    ("stream.engine.deciding", "stream.engine.learning"),
    ("stream.engine.engine",),
    # Here the core ends and the shell begins.
    (
        "stream.explanation.reason_files",
        "stream.config.values",
        "stream.addresses",
        "stream.durable_file",
        "stream.process_memory",
        "stream.svg",
        "stream.audit_trail.*",
        # Plain values alone: the contract of those who make them and of those who show them.
        "stream.page.board",
    ),
    ("stream.config.*",),
    ("stream.exchange.topics",),
    (
        "stream.config.configuration",
        "stream.cli.console",
        "stream.cli.options",
        "stream.model_factory",
        "stream.shards.held_labels",
        "stream.telemetry.latency_histogram",
        "stream.records.publish",
        "stream.explanation.reason_text",
        "stream.restarts",
        "stream.spill",
        "stream.timed_learner",
        "stream.snapshots.*",
    ),
    (
        "stream.warm_up",
        "stream.quality_tables",
        "stream.telemetry.tally",
        "stream.telemetry.figures",
        "stream.champion.cost_watch",
        "stream.explanation.explanation",
    ),
    (
        "stream.kafka.*",
        "stream.simulate.*",
        "stream.files.*",
        "stream.store.*",
        "stream.model_registry.*",
        "stream.explanation.*",
    ),
    ("stream.exchange.shared_payments", "stream.shared_model.*"),
    ("stream.exchange.*",),
    ("stream.recovery.*",),
    ("stream.shards.shard", "stream.offline.*"),
    ("stream.shards.shards",),
    ("stream.shards.partitioned",),
    ("stream.worker",),
    ("stream.app", "stream.telemetry.summary", "stream.telemetry.*"),
    # Verdicts and orders of people, for commands and for the page.
    ("stream.telemetry.traffic", "stream.cases.*", "stream.webhook.*"),
    ("stream.page.*",),
    ("stream.admin.*",),
    ("stream.assembly",),
    ("stream.histories", "stream.backtest.*"),
    ("stream.demo", "stream.doctor", "stream.replay", "stream.models_at_work"),
    ("stream.experiment.*", "stream.stopped_workers_board", "stream.bulk.*"),
    ("stream.commands.*",),
    (
        "stream.cli.backtest",
        "stream.cli.cases",
        "stream.cli.features",
        "stream.cli.lists",
        "stream.cli.models",
        "stream.cli.rules",
    ),
    ("stream.cli.main",),
    ("stream.__main__",),
)
LEVELS = {pattern: level for level, patterns in enumerate(LAYERS) for pattern in patterns}
ENGINE = LEVELS["stream.engine.engine"]

# Inside these a module may import its neighbours, in no circle.
OPEN_INSIDE = (
    "schemas",
    "models",
    "stream.admin",
    "stream.admission",
    "stream.audit_trail",
    "stream.backtest",
    "stream.budget",
    "stream.bulk",
    "stream.cases",
    "stream.commands",
    "stream.config",
    "stream.evaluation",
    "stream.experiment",
    "stream.explanation",
    "stream.features",
    "stream.files",
    "stream.kafka",
    "stream.labels",
    "stream.lists",
    "stream.model_registry",
    "stream.monitor",
    "stream.offline",
    "stream.page",
    "stream.promotion",
    "stream.recovery",
    "stream.rules",
    "stream.simulate",
    "stream.snapshots",
    "stream.store",
    "stream.telemetry",
    "stream.toml",
    "stream.webhook",
    "stream.windows",
)

# The core is a function of its inputs: no clock, no network, no file, no log.
NOT_IN_CORE = {"confluent_kafka", "redis", "time", "datetime", "os", "socket", "logging"}
# schemas.kernel_cache finds the folder of the compiled kernels, once, when it is imported.
# schemas.kernel_form says how they are compiled, which changes no result; schemas.one_compiler
# waits until another process has compiled one.
EXCEPT = {
    ("schemas.kernel_cache", "os"),
    ("schemas.kernel_form", "os"),
    ("schemas.one_compiler", "os"),
    ("schemas.one_compiler", "time"),
}

# Library -> the modules that may know it.
KEPT_IN = {
    "fastavro": ("schemas.*",),
    "redis": ("stream.store.*",),
    "confluent_kafka": ("stream.kafka.*",),
}


@cache
def sources():
    """Every module of the project: dotted name to its file."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    names = [file.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for file in files]
    pairs = zip(names, files, strict=True)
    return {name.removesuffix(".__init__"): file for name, file in sorted(pairs)}


@cache
def imports(module):
    """What a module imports anywhere in it, functions and type checking included."""
    found = set()
    for node in ast.walk(ast.parse(sources()[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: write imports from the top, not relative ones"
            # `from schemas import primitives` is the module, `from schemas.wire import frame` not.
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(name if name in sources() else node.module)
    return found


def matches(module, patterns):
    return any(fnmatch.fnmatchcase(module, pattern) for pattern in patterns)


def level(module):
    exact = LEVELS.get(module)
    if exact is not None:
        return exact
    return next((at for p, at in LEVELS.items() if fnmatch.fnmatchcase(module, p)), None)


def neighbours(one, other):
    return any(
        one.startswith(f"{package}.") and f"{other}.".startswith(f"{package}.")
        for package in OPEN_INSIDE
    )


def test_every_module_has_its_place_in_the_layers():
    homeless = [module for module in sources() if level(module) is None]
    assert not homeless, (
        f"{homeless}: add each to LAYERS in tests/test_layers.py, one line below the highest "
        "line that it imports from"
    )


@pytest.mark.parametrize("module", sources())
def test_a_module_imports_only_what_lies_below_it(module):
    for other in imports(module) & sources().keys():
        below = level(other) is not None and level(other) < (level(module) or 0)
        assert below or neighbours(module, other), (
            f"{module} imports {other}, which does not lie below it in LAYERS"
        )


def test_no_imports_go_in_a_circle():
    graph = {module: imports(module) & sources().keys() for module in sources()}
    TopologicalSorter(graph).prepare()


def core():
    """The core by its layers, and whatever of the project it leads to."""
    found, open_ends = set(), ["schemas.columns", "schemas.decoder"]
    ours = [module for module in sources() if module.startswith(("models", "stream"))]
    open_ends += [module for module in ours if level(module) in range(ENGINE + 1)]
    while open_ends:
        module = open_ends.pop()
        if module not in found:
            found.add(module)
            open_ends += imports(module) & sources().keys()
    return sorted(found)


@pytest.mark.parametrize("module", core())
def test_the_core_knows_no_clock_no_network_and_no_files(module):
    known = {name.split(".")[0] for name in imports(module)} & NOT_IN_CORE
    assert not {name for name in known if (module, name) not in EXCEPT}


@pytest.mark.parametrize("library", KEPT_IN)
def test_a_library_is_known_only_in_its_own_place(library):
    for module in sources():
        if any(name.split(".")[0] == library for name in imports(module)):
            assert matches(module, KEPT_IN[library]), f"{module} imports {library}"


@pytest.mark.parametrize("name", ["utils", "helpers", "common"])
def test_no_module_is_named_after_nothing(name):
    assert not [module for module in sources() if module.split(".")[-1] == name]


@pytest.mark.parametrize("module", sources())
def test_a_module_has_one_idea_and_at_most_500_lines(module):
    lines = sources()[module].read_text("utf-8").count("\n")
    assert lines <= 500, f"{module} has {lines} lines: divide it by idea"
