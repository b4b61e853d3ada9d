"""An extract in the ledger of extracts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Json

from greenery.messages.check_results import Acceptance

# The id of an extract that an import made begins so, any other with its as_of.
IMPORTED = "imported-"


class Extract(BaseModel, frozen=True):
    """A row of `landing.extracts`.

    as_of: the end of its week (naive UTC).
    reason: why the extract is held.
    events_since: the time (naive UTC) from which it has all events; None if it has all events of all times.
    accept_shrink: whether a person accepted that it lacks more than half of the rows of the extract before.
    row_counts: the number of rows, by table. warnings: the warnings of the landing, one sentence each.
    withdrawn: whether a person took the extract back. Only a person can bring it back.
    passed_with: the ids of the other extracts that were admitted when the checks passed it.
    accepted: the failed checks that a person accepted for it, and the reason.
    held_for: the observed value of each failed critical check when the extract was held. Only these can be accepted.
    """

    extract_id: str
    as_of: datetime
    state: Literal["landed", "admitted", "held"]
    reason: str | None
    content_hash: str
    events_since: datetime | None
    accept_shrink: bool
    row_counts: Json[dict[str, int]]
    warnings: Json[list[str]]
    withdrawn: bool
    passed_with: str | None = None
    accepted: Json[Acceptance] | None = None
    held_for: Json[dict[str, str]] | None = None

    @property
    def is_imported(self) -> bool:
        """Whether it is a state of an imported order history: it has orders alone, and is the extract of no week."""
        return self.extract_id.startswith(IMPORTED)
