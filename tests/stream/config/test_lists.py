"""Lists as they are declared."""

from __future__ import annotations

import pytest

from schemas.errors import ConfigError
from stream.config.configuration import load
from stream.lists.declaration import ListDeclaration, ListKind


def write(tmp_path, text):
    path = tmp_path / "fraudstream.toml"
    path.write_text(text)
    return path


def test_lists_are_declared_in_their_order(tmp_path):
    text = """
    [fields.categorical]
    country = "country"
    [lists.hot_countries]
    of = "country"
    [lists.blocked_cards]
    of = "card"
    kind = "deny"
    entries_max = 7
    """
    config = load(write(tmp_path, text))
    assert config.lists.declared() == (
        ListDeclaration("hot_countries", "country", ListKind.WATCH, 100_000),
        ListDeclaration("blocked_cards", "card", ListKind.DENY, 7),
    )
    assert load().lists.declared() == ()


def test_a_list_may_be_declared_by_environment(monkeypatch):
    monkeypatch.setenv("FRAUD_LISTS__BLOCKED__OF", "card")
    monkeypatch.setenv("FRAUD_LISTS__BLOCKED__ENTRIES_MAX", "9")
    assert load().lists.declared() == (ListDeclaration("blocked", "card", ListKind.WATCH, 9),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[lists.x]\nof = 'curd'",
            (
                ":2: lists.x.of: no name of fields.entities or fields.categorical is 'curd'; "
                "the nearest is 'card'"
            ),
        ),
        ("[lists.x]\noff = 'card'", ":2: lists.x.off: no such key; the nearest is 'of'"),
        ("[lists.x]\nkind = 'deny'", "lists.x.of: Field required"),
        ("[lists.x]\nof = 'card'\nkind = 'block'", ":3: lists.x.kind: Input should be 'allow'"),
        ("[lists.x]\nof = 'card'\nentries_max = 0", ":3: lists.x.entries_max:"),
        ("[lists.x]\nof = 'card'\nentries_max = 10000001", ":3: lists.x.entries_max:"),
        ("[lists]\nx = 'card'", ":2: lists.x:"),
        ("[lists.Blocked]\nof = 'card'", ":1: lists: 'Blocked' is no name of a list: begin with"),
        ("[lists.'a b']\nof = 'card'", ":1: lists: 'a b' is no name of a list"),
        (f"[lists.{'x' * 65}]\nof = 'card'", "is no name of a list"),
        (
            "".join(f"[lists.x{at}]\nof = 'card'\n" for at in range(65)),
            ":1: lists: there are 65 lists: declare at most 64",
        ),
    ],
)
def test_a_list_that_cannot_be_is_refused_at_its_place(tmp_path, text, said):
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert said in str(caught.value)


def test_a_declared_list_cannot_be_changed():
    config = load(None, lists={"x": {"of": "card"}})
    with pytest.raises(ValueError, match="frozen"):
        config.lists.y = config.lists.tables["x"]
