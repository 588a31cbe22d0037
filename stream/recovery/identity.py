"""What must be the same for a journal to be taken again with the same result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.errors import RecoveryError
from stream.exchange.topics import NO_EXCHANGE, ExchangeTopics
from stream.plurals import several
from stream.recovery.journal import DECIDING, Entry, Header, Kind


@dataclass(frozen=True)
class Identity:
    """Who writes a journal.

    Attributes
    ----------
    code : str
        The code's version.
    configuration : str
        Digest of all that decides.
    transactions, labels : str
        The topics.
    transaction_schemas, label_schemas : tuple of int
        Ids that are decoded.
    control : str
        The topic of orders; empty: none are taken.
    control_schemas : tuple of int
    exchange : ExchangeTopics
        The topics on which partitions tell each other.
    """

    code: str
    configuration: str
    transactions: str
    labels: str
    transaction_schemas: tuple[int, ...] = ()
    label_schemas: tuple[int, ...] = ()
    control: str = ""
    control_schemas: tuple[int, ...] = ()
    exchange: ExchangeTopics = NO_EXCHANGE

    @property
    def topics(self) -> dict[Kind, str]:
        """Where the records of each kind lie."""
        topics = {Kind.TRANSACTIONS: self.transactions, Kind.LABELS: self.labels}
        more = {
            Kind.CONTROL: self.control,
            Kind.SHARED: self.exchange.shared,
            Kind.TRAINING: self.exchange.training,
            Kind.MODELS: self.exchange.models,
        }
        return topics | {kind: topic for kind, topic in more.items() if topic}

    def kind_of(self, topic: str) -> Kind:
        """Return what the records of a topic are."""
        return next(kind for kind, name in self.topics.items() if name == topic)

    def header(
        self,
        number: int,
        first_step: int,
        since_ms: int = 0,
        positions: Mapping[tuple[str, int], int] | None = None,
        outcome: int | None = None,
    ) -> Header:
        """Return the header of a segment."""
        return Header(
            number,
            first_step,
            since_ms,
            [(*place, at) for place, at in sorted((positions or {}).items())],
            self.code,
            self.configuration,
            self.transactions,
            self.labels,
            list(self.transaction_schemas),
            list(self.label_schemas),
            self.control,
            list(self.control_schemas),
            self.exchange.shared,
            self.exchange.training,
            self.exchange.models,
            outcome,
        )

    def differs(self, header: Header) -> str:
        """Return what of a segment is not as here, in words; nothing if all is.

        But for the code: whoever takes entries again compares what they come to.
        """
        differs = [
            f"{name} {theirs}, not {ours}"
            for name, theirs, ours in (
                ("configuration", header.configuration, self.configuration),
                ("transactions topic", header.transactions, self.transactions),
                ("labels topic", header.labels, self.labels),
                # What took no orders is taken again by one that does.
                ("control topic", header.control, header.control and (self.control or "none")),
                ("shared topic", header.shared or "none", self.exchange.shared or "none"),
                ("training topic", header.training or "none", self.exchange.training or "none"),
                ("models topic", header.models or "none", self.exchange.models or "none"),
            )
            if theirs != ours
        ]
        gone = set(header.transaction_schemas) - set(self.transaction_schemas)
        gone |= set(header.label_schemas) - set(self.label_schemas)
        gone |= set(header.control_schemas) - set(self.control_schemas)
        if gone:
            differs.append(f"schema ids {sorted(gone)}, which the registry no longer gives")
        return "; ".join(differs)

    def require(self, links: Sequence[tuple[Header, list[Entry]]]) -> None:
        """Refuse entries that another configuration made, or cannot be read.

        Schemas may have been added since: entries are decoded with those of their time. Other
        code may take them again where each says what was decided.

        Raises
        ------
        RecoveryError
            It names what differs, and what to do.
        """
        all_entries = [entry for _, entries in links for entry in entries]
        for header, entries in links:
            if not entries:
                continue
            differs = self.differs(header)
            # Of the last step nothing is out.
            silent = any(_is_silent(entry) for entry in entries if entry is not all_entries[-1])
            if silent and header.code != self.code:
                differs = f"code {header.code}, not {self.code}{differs and '; '}{differs}"
            if differs:
                steps = several(len(entries), "step")
                raise RecoveryError(
                    f"recovery.folder holds {steps} after its last snapshot, "
                    f"taken with another {differs}: start the worker once more "
                    "as it was and stop it with SIGTERM, which leaves a snapshot and no such "
                    "steps; or begin with an empty folder, and an empty state"
                )


def _is_silent(entry: Entry) -> bool:
    """Tell whether an entry does not say what was decided."""
    return entry.kind in DECIDING and entry.outcome is None
