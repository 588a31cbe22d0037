"""Write docs/configuration.md from the configuration's own source.

python docs/make_configuration.py
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

PAGE = Path(__file__).with_name("configuration.md")
ROOT = PAGE.parent.parent
sys.path.insert(0, str(ROOT))

from stream.config.configuration import Config  # noqa: E402 - found through the line above.

HEAD = """\
# Configuration

<!-- Made by docs/make_configuration.py from the sections in stream/config/; do not edit. -->

One TOML file, given with `--config`; every key has a default. Over the file come
environment variables: `FRAUD_KAFKA__BOOTSTRAP` sets `kafka.bootstrap`. Lists and tables
are written as JSON there: `FRAUD_FEATURES__NAMES='["amount", "card.count_1h"]'`. Every wrong
key, type, feature and `FRAUD_*` name is reported at once, with its line in the file and the
nearest right name.

- A *duration* is a text with its unit: `"250ms"`, `"90s"`, `"10m"`, `"1h"`, `"7d"`; also `us`.
- A field path is dotted: `merchant.id` is field `id` of record `merchant`.
- librdkafka's settings stand under `[kafka.client]` by their own names. In the environment
  two underscores stand for the dot: `FRAUD_KAFKA__CLIENT__SASL__PASSWORD` is `sasl.password`.
- Secrets belong in the environment. Neither they nor anything under `kafka.client` is shown
  in error messages.
"""
_UNITS = {"d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000}


def page() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for name, info in Config.model_fields.items():
        parts += section(name, info.annotation)
    return "".join(parts)


def section(name: str, model: Any) -> list[str]:
    """Describe a table of the configuration, and after it the tables that lie in it."""
    parts = [f"\n## [{name}]\n\n{inspect.getdoc(model)}\n"]
    if not model.model_fields:
        return parts + section(f"{name}.NAME", model.table)
    parts += ["\n| key | type | default | meaning |\n|---|---|---|---|\n"]
    meanings = described(model)
    inner = []
    for key, field in model.model_fields.items():
        written, meaning = meanings[key]
        cells = (f"`{key}`", kind(written, field), default(written, field), meaning)
        parts += ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"]
        table = get_args(field.annotation)[-1:]
        if table and isinstance(table[0], type) and issubclass(table[0], BaseModel):
            inner += section(f"{name}.{key}.NAME", table[0])
    return parts + inner


def described(model: type) -> dict[str, tuple[str, str]]:
    """Return, for each attribute of a class, its annotation and its docstring."""
    found: dict[str, tuple[str, str]] = {}
    for base in model.__bases__:
        if base.__module__ == model.__module__:
            found |= described(base)
    body = ast.parse(inspect.getsource(model)).body[0].body  # type: ignore[attr-defined]
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign):
            text = ""
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                text = " ".join(str(after.value.value).split())
            found[node.target.id] = (ast.unparse(node.annotation), text)  # type: ignore[union-attr]
    return found


def kind(written: str, field: FieldInfo) -> str:
    """Say in words what a key takes."""
    choices = re.search(r"Literal\[(.*?)\]", written)
    if choices:
        return "one of " + ", ".join(f"`{name}`" for name in re.findall(r"'(\w+)'", choices[1]))
    if "Duration" in written:
        return "list of durations" if "tuple" in written else "duration"
    if "dict" in written and "Capacity" in written:
        return "table of integers"
    special = {
        "read_max_features": "text or number",
        "read_hours": "text",
        "read_weekdays": "list of texts",
        "read_location": "list of two texts",
    }
    for part, words in special.items():
        if part in written:
            return words
    if "tuple" in written:
        return "list of texts and integers" if "int" in written else "list of texts"
    names = {"dict": "table", "Threshold": "number", "bool": "`true` or `false`", "str": "text"}
    names |= {"Number": "number", "float": "number"}
    name = next((words for part, words in names.items() if part in written), "integer")
    return name + bounds(field)


def bounds(field: FieldInfo) -> str:
    """Say which numbers a key takes."""
    words = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}
    limits = [
        f"{word} {getattr(item, name):,}"
        for name, word in words.items()
        for item in field.metadata
        if getattr(item, name, None) is not None
    ]
    return f", {' '.join(limits)}" if limits else ""


def default(written: str, field: FieldInfo) -> str:
    """Write a default as TOML."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "unset"
    if isinstance(value, dict):
        pairs = ", ".join(f'{name} = "{path}"' for name, path in value.items())
        return f"`{{ {pairs} }}`" if pairs else "`{}`"
    if "Duration" in written:
        texts = [duration(us) for us in (value if isinstance(value, tuple) else [value])]
        return f"`[{', '.join(texts)}]`" if isinstance(value, tuple) else f"`{texts[0]}`"
    if isinstance(value, tuple):
        return f"`{json.dumps(value)}`"
    if isinstance(value, bool):
        return f"`{value}`".lower()
    if isinstance(value, str):
        return f'`"{value}"`'
    return f"`{value:_}`" if isinstance(value, int) else f"`{value}`"


def duration(us: int) -> str:
    """Write a duration by its largest whole unit."""
    for letters, unit_us in _UNITS.items():
        if us % unit_us == 0:
            return f'"{us // unit_us}{letters}"'
    return f'"{us}us"'


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
