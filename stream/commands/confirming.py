"""Asking a person whether an order is meant."""

from __future__ import annotations

import sys

import typer

from schemas.errors import ConfigError
from stream.cli.console import say


def confirm(what: str, question: str, yes: bool) -> None:
    """Let a person say that it is meant; `yes`: they have.

    Raises
    ------
    ConfigError
        Nobody can be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError("nobody can be asked here whether this is meant: add --yes")
    say(what)
    typer.confirm(question, abort=True, err=True)
