"""River's traps: each still one with the River that is installed, and the page says what is so."""

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "river_traps.py"
PAGE = ROOT / "docs" / "river-traps.md"


@pytest.fixture(scope="module")
def traps():
    spec = spec_from_file_location("river_traps", SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def numbers(line):
    return [float(text.replace(",", "")) for text in re.findall(r"-?\d[\d,]*\.?\d*", line)]


def last_of(lines, start):
    """The numbers of the last line that starts so, behind its name."""
    found = [line for line in lines if line.startswith(start)]
    assert found, f"{start!r} is not in {lines}"
    return numbers(found[-1][len(start) :])


def test_below_one_percent_a_default_tree_does_not_grow(traps):
    lines = list(traps.tree_defaults(n=12_000))
    leaves, switched_off, ap = last_of(lines, " 0.4%   default")
    assert (leaves, switched_off > 20, ap < 0.02) == (1, True, True)
    leaves, switched_off, safe = last_of(lines, " 0.4%   fraud-safe")
    assert leaves > 1
    assert switched_off == 0
    assert safe > 2 * ap


def test_one_nan_is_for_ever_and_not_behind_the_adapter(traps):
    lines = list(traps.nan_poisoning(n=400))
    assert last_of(lines, "one value is NaN; scores after it:") == [200, 200]
    assert last_of(lines, "the same through RiverLearner:") == [0, 200]


def test_ten_thresholds_see_no_order(traps):
    lines = list(traps.roc_auc(n=3000))
    assert last_of(lines, "metrics.ROCAUC(n_thresholds=10):") == [0.5]
    (exact,) = last_of(lines, "from the order of the scores:")
    assert exact > 0.95


def test_an_idle_card_keeps_its_window_and_a_look_makes_a_group(traps):
    lines = list(traps.idle_keys(keys=50))
    assert "{'amount_mean_by_card_id': 3.0}" in lines[1]
    assert "{'card.count_1d': 1.0, 'card.amount_mean_1d': 10.0}" in lines[2]
    assert numbers(lines[3]) == [50, 1, 51]


def test_a_mini_batch_is_one_step(traps):
    lines = list(traps.learn_many(n=1024))
    one, many = last_of(lines, "learn_one"), last_of(lines, "learn_many, 256 at once")
    assert abs(many[0]) < 0.1 * abs(one[0])
    assert many[2] > 2 * one[2]


def test_a_pickle_names_private_things_and_no_version(traps):
    lines = list(traps.pickles(n=20))
    assert "  river.linear_model.log_reg" in lines
    assert last_of(lines, "texts in it that name a version:") == [0]
    assert "  _plan" in lines


def test_none_is_the_default_detector(traps):
    lines = list(traps.arf_drift(n=50))
    assert lines[1].endswith("detectors at work: 6 ADWIN")
    assert lines[2].endswith("detectors at work: 0")


def test_the_page_says_what_the_cheap_traps_print(traps):
    cheap = [name for name in traps.TRAPS if name != "tree-defaults"]
    assert traps.main([*cheap, "--check", str(PAGE)]) == 0


@pytest.mark.slow
def test_the_page_says_what_the_trees_print(traps):
    assert traps.main(["tree-defaults", "--check", str(PAGE)]) == 0


def test_the_page_has_the_command_of_every_trap(traps):
    page = PAGE.read_text("utf-8")
    for name in traps.TRAPS:
        assert f".venv/bin/python examples/river_traps.py {name}\n" in page
    assert page.count("<!-- output: ") == len(traps.TRAPS)
    assert max(len(line) for line in page.splitlines()) <= 100


def test_a_page_is_written_and_a_wrong_one_is_refused(traps, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(re.sub(r"(?s)(```text\n).*?(```\n)", r"\1old\n\2", PAGE.read_text("utf-8")))
    assert traps.main(["arf-drift", "--check", str(page)]) == 1
    assert "run with --into" in capsys.readouterr().err
    assert traps.main(["arf-drift", "--into", str(page)]) == 0
    assert traps.main(["arf-drift", "--check", str(page)]) == 0
    assert page.read_text("utf-8").count("\nold\n") == len(traps.TRAPS) - 1
    page.write_text("nothing")
    with pytest.raises(SystemExit, match="needs one block '<!-- output: arf-drift -->', and has 0"):
        traps.main(["arf-drift", "--check", str(page)])


def test_it_runs_as_a_command_and_names_the_traps_there_are():
    def run(*arguments):
        return subprocess.run(
            [sys.executable, str(SCRIPT), *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    done = run("arf-drift")
    assert done.returncode == 0, done.stderr
    assert "detectors at work: 6 ADWIN" in done.stdout
    wrong = run("no-such-trap")
    assert wrong.returncode == 2
    assert "no trap 'no-such-trap': there are tree-defaults, nan" in wrong.stderr


def test_the_measures_are_those_of_scikit_learn(traps):
    rng = np.random.default_rng(0)
    y = rng.random(500) < 0.1
    scores = np.round(rng.random(500) + 0.4 * y, 1)
    ap, auc = traps.average_precision(y, scores), traps.exact_auc(y, scores)
    assert ap == pytest.approx(average_precision_score(y, scores))
    assert auc == pytest.approx(roc_auc_score(y, scores))
