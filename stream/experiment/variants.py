"""Variants of a configuration: a name, and the keys that are otherwise."""

from __future__ import annotations

import tomllib
from typing import Any, NamedTuple

from schemas.errors import ConfigError

Changes = dict[str, dict[str, Any]]
_EXAMPLE = """'apart: model.feedback = "separate", labels.maturity = "14d"'"""


class Variant(NamedTuple):
    """A configuration as another one is, but for some keys.

    Attributes
    ----------
    name : str
    changes : dict of str to dict
        Of a section, its keys.
    """

    name: str
    changes: Changes


def variant_of(text: str) -> Variant:
    """Read ``name: section.key = value, section.key = value``, values as in TOML.

    Raises
    ------
    ConfigError
        It is not written so.
    """
    name, colon, keys = text.partition(":")
    if not colon or not name.strip():
        raise ConfigError(f"--variant {text!r}: give it a name and keys, such as {_EXAMPLE}")
    try:
        changes = tomllib.loads(f"changes = {{{keys}}}")["changes"]
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"--variant {name.strip()!r}: {keys.strip()!r} is not TOML ({error}): write it as "
            f"{_EXAMPLE}"
        ) from error
    flat = [key for key, values in changes.items() if not isinstance(values, dict)]
    if flat or not changes:
        what = f"{flat[0]!r} names no section" if flat else "it changes nothing"
        raise ConfigError(f"--variant {name.strip()!r}: {what}: write it as {_EXAMPLE}")
    return Variant(name.strip(), changes)
