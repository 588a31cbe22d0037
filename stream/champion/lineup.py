"""Who decides, who is tried beside it, and who decided before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.base import Learner
from models.feedback_delayed import has_feedback_learner
from models.states.restoring import require
from models.states.snapshot import State
from models.weights import require_weights
from schemas.columns import Reason
from stream.champion.contenders import ORDER, Aside, Contender, contender_of, probe
from stream.champion.reigns import REIGNS_MAX, Reign, reign_of
from stream.engine.control import OrderRefusedError

# What an order may say beside the model's name; longer is cut.
TEXT_MAX = 200
# The name of the model that a configuration does not name.
FIRST = "model"


class ModelOrder(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What an order about a model says, as JSON.

    Attributes
    ----------
    model : str
    by, why : str
    """

    model: str
    by: str = ""
    why: str = ""


_decoder = msgspec.json.Decoder(ModelOrder)


def read_model_order(entity: int, text: str) -> ModelOrder:
    """Return what an order about a model says; see `stream.engine.control.Way`."""
    try:
        order = _decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        raise OrderRefusedError(Reason.CONTROL_TEXT_INVALID) from None
    return ModelOrder(order.model, order.by[:TEXT_MAX], order.why[:TEXT_MAX])


class Lineup:
    """The contenders, each in a slot of its own for good, and which of them is champion.

    Who is promoted changes no slot, so nothing that was said before has to move.

    Parameters
    ----------
    champion : Learner
        Of slot 0: the one that decides first.
    challengers : mapping of str to Learner
        Of the slots behind it.
    calibrate : bool
    name : str
        Of the first.

    Raises
    ------
    ValueError
        Two have one name, or there are more than 256.

    Attributes
    ----------
    contenders : list of Contender
        By slot.
    names : tuple of str
        By slot.
    at : int
        The champion's slot.
    reigns : list of Reign
        Those who decided, the present one last.
    """

    def __init__(
        self,
        champion: Learner,
        challengers: Mapping[str, Learner],
        calibrate: bool,
        name: str = FIRST,
    ) -> None:
        if name in challengers:
            raise ValueError(f"two models are called {name!r}")
        if len(challengers) > 255:
            raise ValueError(f"there are {len(challengers)} challengers: at most 255")
        self.names = (name, *challengers)
        self.contenders = [
            contender_of(learner, calibrate) for learner in (champion, *challengers.values())
        ]
        self.at = 0
        self.reigns = [Reign(name, 0, 0)]

    @property
    def champion(self) -> Contender:
        """Whose scores decide."""
        return self.contenders[self.at]

    @property
    def name(self) -> str:
        """The champion's."""
        return self.names[self.at]

    @property
    def challengers(self) -> dict[str, Contender]:
        """All others, by name, in the order of slots."""
        pairs = enumerate(zip(self.names, self.contenders, strict=True))
        return {name: each for slot, (name, each) in pairs if slot != self.at}

    @property
    def former(self) -> str | None:
        """The champion before this one; None if it is the first."""
        return self.reigns[-2].model if len(self.reigns) > 1 else None

    @property
    def feedback_apart(self) -> bool:
        """Whether any model learns analysts' feedback apart from delayed labels."""
        return any(has_feedback_learner(each.learner) for each in self.contenders)

    def require_weights(self) -> None:
        """Refuse learners that cannot weigh rows, before the first payment is mature.

        Raises
        ------
        schemas.errors.ModelError
            One cannot; it is named.
        """
        for each in self.contenders:
            require_weights(each.learner)

    def slot_of(self, name: str) -> int:
        """Return a contender's slot.

        Raises
        ------
        OrderRefusedError
            There is none of this name.
        """
        if name not in self.names:
            raise OrderRefusedError(Reason.CONTROL_UNKNOWN_MODEL)
        return self.names.index(name)

    def promote(self, reign: Reign, X: NDArray[np.float64]) -> bool:
        """Let a challenger decide from now on; False if it does already.

        Parameters
        ----------
        reign : Reign
        X : ndarray of float64, shape (n, n_features)
            Payments on which it must show that it can.

        Raises
        ------
        OrderRefusedError
            There is no such challenger, it was set aside, if only just now, or it has not seen
            enough labels for a score.
        """
        slot = self.slot_of(reign.model)
        if slot == self.at:
            return False
        contender = self.contenders[slot]
        if contender.aside is None:
            probe(contender, X)
        if contender.aside is not None:
            raise OrderRefusedError(Reason.CONTROL_MODEL_SET_ASIDE)
        if not contender.ready:
            raise OrderRefusedError(Reason.CONTROL_MODEL_COLD)
        self.at = slot
        self.reigns = [*self.reigns[-REIGNS_MAX + 1 :], reign]
        return True

    def disable(self, name: str, why: str) -> None:
        """Ask a challenger nothing, until `enable`; one that failed stays what it is.

        Raises
        ------
        OrderRefusedError
            There is none of this name, or it decides.
        """
        slot = self.slot_of(name)
        if slot == self.at:
            raise OrderRefusedError(Reason.CONTROL_MODEL_DECIDES)
        contender = self.contenders[slot]
        if contender.aside is None:
            contender.aside = Aside(ORDER, why)

    def enable(self, name: str) -> None:
        """Ask a challenger again that was disabled.

        Raises
        ------
        OrderRefusedError
            There is none of this name, or it failed.
        """
        contender = self.contenders[self.slot_of(name)]
        if contender.aside is not None and contender.aside.failed:
            raise OrderRefusedError(Reason.CONTROL_MODEL_SET_ASIDE)
        contender.aside = None

    def header(self) -> dict[str, Any]:
        """Return who decides and who did, as plain values of a state."""
        return {"champion": self.name, "reigns": [list(each) for each in self.reigns]}

    def read(self, state: State) -> tuple[int, list[Reign]]:
        """Return who decides and who did, as a state says; the first slot if it does not.

        Raises
        ------
        SnapshotError
            It names nobody, or is damaged.
        """
        if "champion" not in state.header:
            return 0, [Reign(self.names[0], 0, 0)]
        name, given = state.header["champion"], state.header.get("reigns")
        require(state, name in self.names, f"its champion {name!r} is no contender here")
        require(state, type(given) is list and 0 < len(given) <= REIGNS_MAX, "it has no reigns")
        reigns = [reign_of(state, each) for each in given or []]
        require(state, reigns[-1].model == name, "its champion does not reign")
        return self.names.index(name), reigns
