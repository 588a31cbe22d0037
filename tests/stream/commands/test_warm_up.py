"""`fraudstream warm-up`: what it says, and what it does not ask for."""

import json

import pytest

from schemas.errors import ConfigError
from schemas.kept_kernels import COUNTS
from schemas.kernel_cache import cache_folder
from stream.cli.console import OK
from stream.commands.warm_up import compile_all

CONFIG = """
[kafka]
bootstrap = "nowhere.example:9092"
allow_insecure = true
[topics]
control = "fraud.control"
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A configuration whose brokers nobody can reach, and no secret."""
    monkeypatch.delenv("FRAUD_SECURITY__HASH_KEY", raising=False)
    path = tmp_path / "fraudstream.toml"
    path.write_text(CONFIG)
    return path


def test_it_says_what_is_there_and_needs_neither_broker_nor_secret(config, capsys, monkeypatch):
    monkeypatch.setattr(COUNTS, "not_kept", 0)
    assert compile_all(config, True) == OK
    said = json.loads(capsys.readouterr().out)
    assert said["folder"] == str(cache_folder())
    assert (said["taken"], said["compiled"]) == (COUNTS.taken, COUNTS.compiled)
    assert said["target"]
    assert compile_all(config, False) == OK
    line = capsys.readouterr().out
    assert line.startswith(f"{COUNTS.compiled} compiled, {COUNTS.taken} were there")


def test_it_fails_where_nothing_can_be_kept(config, monkeypatch):
    monkeypatch.setattr(COUNTS, "not_kept", 3)
    with pytest.raises(ConfigError, match="3 compiled kernels are lost with this process"):
        compile_all(config, False)
