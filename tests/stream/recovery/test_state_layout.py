"""What a snapshot is made of does not change unnoticed: the next release must read it.

Whoever changes what a part of the state holds, or what it means, gives the part another kind
and reads the one before. Run as a program, with ``PYTHONPATH=.:tests``, this file writes the list
beside it again.
"""

from __future__ import annotations

import re
from pathlib import Path

from simulated.setting import KEY, SETTINGS, configured

from models.states.snapshot import State
from stream.app import engine_of
from stream.config.configuration import load
from stream.shards.held_labels import HeldLabels

LAYOUT = Path(__file__).with_name("state_layout.txt")
# Beside what simulated workers have.
MORE = {
    "trees": {"model": {"kind": "blend", "trees": 2, "drift": True}},
    "lists": {"lists": {"blocked": {"of": "card"}}},
}


def described(state: State, found: dict[str, set[str]]) -> None:
    """Note of a state and its parts what there is of each kind, but for sizes."""
    lines = {f"{name}: in the header" for name in state.header}
    named = {name: value for name, value in state.header.items() if isinstance(value, dict)}
    lines |= {f"{name}.{key}: in the header" for name, value in named.items() for key in value}
    arrays = [(name, array.dtype.str, array.ndim) for name, array in state.arrays.items()]
    lines |= {f"{name}: {dtype}, {ndim} axes" for name, dtype, ndim in arrays}
    lines |= {f"{name}: {part.kind}" for name, part in state.parts.items()}
    found.setdefault(state.kind, set()).update(re.sub(r"\d+(?=:)", "N", line) for line in lines)
    for part in state.parts.values():
        described(part, found)


def layout() -> str:
    """Return what states are made of, in words."""
    found: dict[str, set[str]] = {}
    overrides = [configured(name) for name in SETTINGS] + [*MORE.values()]
    for each in overrides:
        described(engine_of(load(None, **each), KEY).state(), found)
    described(HeldLabels().state(), found)
    blocks = ["\n".join([kind, *(f"  {line}" for line in sorted(found[kind]))]) for kind in found]
    return "\n".join(sorted(blocks)) + "\n"


def test_states_are_made_of_what_the_release_before_reads() -> None:
    assert layout() == LAYOUT.read_text(), __doc__


if __name__ == "__main__":
    LAYOUT.write_text(layout())
