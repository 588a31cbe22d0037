"""The table of reason codes that ships, and the one of a user's own that is laid over it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from schemas.errors import ConfigError
from stream.evidence.reason_codes import ReasonTable, read_table

SHIPPED = Path(__file__).with_name("reason_codes.toml")


def reason_table(own: str = "") -> ReasonTable:
    """Return the table that is in force.

    Parameters
    ----------
    own : str
        A TOML file whose entries are asked first; empty: there is none.

    Raises
    ------
    ConfigError
        The file cannot be read, or is no such table.
    """
    if not own:
        return _shipped()
    try:
        text = Path(own).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"decision.reason_codes: {own}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"decision.reason_codes: {own} is not text in UTF-8") from error
    return read_table(text, f"decision.reason_codes: {own}").over(_shipped())


@cache
def _shipped() -> ReasonTable:
    return read_table(SHIPPED.read_text(encoding="utf-8"), SHIPPED.name)
