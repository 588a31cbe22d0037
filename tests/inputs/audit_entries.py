"""What commands have noted in the audit trail."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from stream.audit_trail.chain import Entry
from stream.audit_trail.verifying import verify
from stream.cases.administration import audit_log_of
from stream.config.configuration import load


def entries_of(path: Path) -> list[Entry]:
    """Return all entries, oldest first; they are one chain."""
    log = audit_log_of(load(path))
    assert log is not None
    with closing(log):
        found = list(log.read())
    assert verify(found).findings == []
    return [entry for _, entry in found if isinstance(entry, Entry)]
