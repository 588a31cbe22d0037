"""Environment variables that were meant for the configuration, and cannot be what was meant."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Mapping

from pydantic import BaseModel

from stream.config.values import ENV_PREFIX

Sections = Mapping[str, type[BaseModel]]


def unknown_environment(sections: Sections) -> dict[str, str]:
    """Find ``FRAUD_*`` names that set nothing, with the nearest name that would."""
    known = []
    free = []  # Sections whose keys are the user's own, such as kafka.client.
    for section, model in sections.items():
        for name, info in model.model_fields.items():
            known.append(f"{ENV_PREFIX}{section}__{name}".upper())
            if "dict" in str(info.annotation):
                free.append(known[-1] + "__")
        known.append(f"{ENV_PREFIX}{section}".upper())
        if model.model_config.get("extra") == "allow":
            free.append(known[-1] + "__")
    unknown = {}
    for name in sorted(os.environ):
        plain = name.upper()  # As pydantic reads them.
        if not plain.startswith(ENV_PREFIX) or plain in known or plain.startswith(tuple(free)):
            continue
        near = difflib.get_close_matches(plain, known, n=1, cutoff=0.0)
        unknown[name] = f"this environment variable sets nothing; the nearest is {near[0]}"
    return unknown


def environment_name(location: tuple[int | str, ...]) -> str:
    """Return the variable that sets what stands at a place of the configuration."""
    return ENV_PREFIX + "__".join(map(str, location)).upper()


def not_json(sections: Sections) -> list[str]:
    """Find the variables of lists and tables that are not JSON; their values are not shown."""
    names = [environment_name((section,)) for section in sections]
    for section, model in sections.items():
        for name, info in model.model_fields.items():
            if re.search("dict|tuple", str(info.annotation)):
                names.append(environment_name((section, name)))
    problems = []
    for name in sorted(os.environ):
        if name.upper() in names:
            try:
                json.loads(os.environ[name])
            except ValueError:
                problems.append(
                    f'{name}: a list or a table is written as JSON: \'["amount", "card.count_1h"]\''
                )
    return problems
