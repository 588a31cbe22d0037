"""The command is the benchmarks' own, with their arguments and their exit status."""

import subprocess
import sys

import pytest

from schemas.errors import ConfigError
from stream.commands.bench import run_bench


def fraudstream(folder, *arguments):
    command = [sys.executable, "-m", "stream", "bench", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_it_lists_what_there_is_from_any_folder(tmp_path):
    done = fraudstream(tmp_path, "--list", "--only", "engine_vs_plain_river")
    assert done.returncode == 0, done.stderr
    assert "engine_vs_plain_river" in done.stdout


def test_its_help_is_that_of_the_benchmarks(tmp_path):
    done = fraudstream(tmp_path, "--help")
    assert done.returncode == 0, done.stderr
    assert "python -m benchmarks" in done.stdout
    assert "--quick" in done.stdout


def test_a_mistake_has_the_benchmarks_own_status(tmp_path):
    done = fraudstream(tmp_path, "--seed", "x")
    assert done.returncode == 2
    assert "--seed" in done.stderr


def test_where_there_are_none_it_says_where_they_are(tmp_path):
    with pytest.raises(ConfigError, match=r"in the repository and not in the package"):
        run_bench([], tmp_path)
