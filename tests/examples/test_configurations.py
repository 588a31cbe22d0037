"""The configurations among the examples can be used as they are."""

from pathlib import Path

import pytest

from stream.app import engine_of
from stream.config.configuration import load
from stream.offline.playback import REPLAY_HASH_KEY

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_an_example_builds_its_engine(path):
    config = load(path)
    engine = engine_of(config, REPLAY_HASH_KEY)
    assert engine.parameters.features.names
    assert config.replay.label
