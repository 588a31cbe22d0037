"""In which form kernels are compiled: for each configuration, or once for all."""

from __future__ import annotations

import os

from schemas.errors import ConfigError

VARIABLE = "FRAUDSTREAM_KERNELS"
SPECIAL, GENERAL = "special", "general"


def general() -> bool:
    """Tell whether kernels are to be compiled once for all configurations.

    Raises
    ------
    ConfigError
        If the variable holds no word that is known.
    """
    form = os.environ.get(VARIABLE, SPECIAL)
    if form not in (SPECIAL, GENERAL):
        raise ConfigError(f"{VARIABLE} is {form!r}: say {SPECIAL} (the default) or {GENERAL}")
    return form == GENERAL
