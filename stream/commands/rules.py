"""``fraudstream rules check``, ``list``, ``explain``: rules in files, before they are applied."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from schemas.errors import RuleError
from stream.cli.console import FAILED, OK, emit_json, out, print_table
from stream.config.configuration import Config, load
from stream.features.grammar import nearest, quoted
from stream.plurals import are, several
from stream.rules.explain import Explanation, explain_rule
from stream.rules.names import RuleInputs
from stream.rules.parser import parse
from stream.rules.reading import examine_rules, read_rules
from stream.rules.rule import Rule
from stream.rules.syntax import written

_COLUMNS = ("id", "action", "mode", "priority", "expires", "owner", "when")
_EXPLAINED_WIDTH = 100


def rule_inputs(config: Config, at_work: bool = False) -> RuleInputs:
    """Return what rules are written over, by a configuration.

    One that declares no lists says nothing of them, unless rules are to be at work under it.
    """
    lists = tuple(config.lists.tables) if config.lists.tables or at_work else None
    return RuleInputs(config.inputs(), tuple(map(str, config.declared())), lists)


def texts_of(folder: Path) -> dict[str, str]:
    """Return the text of each ``.toml`` file of a folder, or of one file, by its path.

    Raises
    ------
    RuleError
        If there is none, or one cannot be read.
    """
    paths = sorted(folder.glob("*.toml")) if folder.is_dir() else [folder]
    if not paths:
        raise RuleError(f"no rules in {folder}: it has no file that ends in .toml")
    texts = {}
    for path in paths:
        try:
            texts[str(path)] = path.read_text(encoding="utf-8")
        except OSError as error:
            raise RuleError(f"cannot read the rules {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise RuleError(f"{path} is not UTF-8 from byte {error.start} on") from error
    return texts


def check_rules(folder: Path, path: Path | None, as_json: bool) -> int:
    """Show all that is wrong with rules; return 1 if there is anything."""
    inputs, texts = rule_inputs(load(path)), texts_of(folder)
    rules, problems = examine_rules(texts, inputs)
    if as_json:
        told = [
            {"file": it.file, "line": it.line, "column": it.column, "text": it.text}
            for it in problems
        ]
        emit_json({"files": len(texts), "rules": len(rules), "problems": told})
    elif problems:
        for problem in problems:
            out.print(str(problem), markup=False)
    else:
        where = several(len(texts), "file")
        said = f"{several(len(rules), 'rule')} in {where} {are(len(rules))} in order"
        out.print(f"{said}; set {rules.digest}")
    return FAILED if problems else OK


def list_rules(folder: Path, path: Path | None, as_json: bool) -> int:
    """Show all rules, in the order of their ids."""
    rules = read_rules(texts_of(folder), rule_inputs(load(path)))
    if as_json:
        emit_json({"digest": rules.digest, "rules": [_as_json(rule) for rule in rules.rules]})
        return OK
    table = Table(title=f"{several(len(rules), 'rule')}, set {rules.digest}", title_justify="left")
    for column in _COLUMNS:
        table.add_column(column, no_wrap=column != "when")
    for rule in rules.rules:
        said = {**_as_json(rule), "when": written(parse(rule.when))}
        table.add_row(*("" if said[name] is None else str(said[name]) for name in _COLUMNS))
    print_table(table)
    return OK


def explain_one(folder: Path, rule_id: str, path: Path | None, as_json: bool) -> int:
    """Show one rule in words, with the values that it reads."""
    inputs = rule_inputs(load(path))
    rules = {rule.id: rule for rule in read_rules(texts_of(folder), inputs).rules}
    if rule_id not in rules:
        near = nearest(rule_id, rules, str(folder))
        raise RuleError(f"no rule {quoted(rule_id)} in {folder}{near}")
    rule = rules[rule_id]
    said = explain_rule(rule, inputs)
    if as_json:
        reads = [vars(read) for read in said.reads]
        words = {"in_words": list(said.when), "then": said.then, "lists": list(said.lists)}
        emit_json({**_as_json(rule), **words, "reads": reads})
        return OK
    print_table(_in_words(rule, said), _EXPLAINED_WIDTH)
    return OK


def _in_words(rule: Rule, said: Explanation) -> Table:
    table = Table(title=f"{rule.id}, version {rule.version}", title_justify="left")
    table.show_header = False
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("when", rule.when.strip())
    table.add_row("in words", "\n".join(said.when))
    table.add_row("then", said.then)
    for key, text in _shown(rule).items():
        table.add_row(key, text)
    for read in said.reads:
        table.add_row(read.name, f"{read.meaning}; {read.unit} ({read.source})")
    if said.lists:
        table.add_row("lists", ", ".join(said.lists))
    return table


def _shown(rule: Rule) -> Mapping[str, str]:
    expires = _expires(rule) or ""
    every = {"expires": expires, "owner": rule.owner, "reason code": rule.reason_code}
    return {key: text for key, text in {**every, "for analysts": rule.text}.items() if text}


def _expires(rule: Rule) -> str | None:
    if rule.expires_us is None:
        return None
    return f"{np.datetime64(rule.expires_us, 'us').astype('datetime64[s]')}Z"


def _as_json(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "version": rule.version,
        "when": rule.when,
        "action": rule.action.name.lower(),
        "mode": rule.mode_text,
        "priority": rule.priority,
        "expires": _expires(rule),
        "owner": rule.owner,
        "reason_code": rule.reason_code,
        "text": rule.text,
    }
