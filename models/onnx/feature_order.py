"""Whether a model's features are those of the engine, in the same order."""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches

from schemas.errors import ModelError

_SHOWN = 5


def check_same(wanted: tuple[str, ...], given: tuple[str, ...], ordered: bool = True) -> None:
    """Refuse features that are not the model's.

    Parameters
    ----------
    wanted : tuple of str
        What the model was trained on.
    given : tuple of str
        What it would be fed with.
    ordered : bool
        Whether their order matters.

    Raises
    ------
    schemas.errors.ModelError
        The text names what is missing, what is not known, and the nearest right names,
        or the first place where the order differs.
    """
    for what, names in (("the model's features", wanted), ("the engine's features", given)):
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise ModelError(f"{what} hold {_listed(twice)} more than once: each must be its own")
    missing = [name for name in wanted if name not in set(given)]
    unknown = [name for name in given if name not in set(wanted)]
    problems = []
    if missing:
        problems.append(f"the engine does not compute {_nearest(missing, unknown or list(given))}")
    if unknown:
        problems.append(f"the model does not know {_nearest(unknown, missing or list(wanted))}")
    if problems:
        raise ModelError(
            f"{'; '.join(problems)}: the model was trained on {len(wanted)} features and gets "
            f"{len(given)}; configure exactly its features"
        )
    if ordered and wanted != given:
        at = next(i for i, (w, g) in enumerate(zip(wanted, given, strict=True)) if w != g)
        raise ModelError(
            f"the features are the model's in another order: column {at} is {given[at]!r} and "
            f"should be {wanted[at]!r}; configure them in the model's order: {', '.join(wanted)}"
        )


def _nearest(names: list[str], among: list[str]) -> str:
    """Name some features, each with what may have been meant."""
    texts = []
    for name in names[:_SHOWN]:
        near = get_close_matches(name, among, n=1, cutoff=0.5)
        texts.append(f"{name!r} (nearest: {near[0]!r})" if near else repr(name))
    more = len(names) - _SHOWN
    return ", ".join(texts) + (f" and {more} more" if more > 0 else "")


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names[:_SHOWN])
