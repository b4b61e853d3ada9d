"""An extract as the ledger of extracts keeps it."""

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
    events_since: start (naive UTC) of the window of its events, None for all.
    row_counts: by table. warnings: of the landing, one sentence each.
    withdrawn: a person took the extract back; only a person brings it back.
    passed_with: ids of the other extracts that were admitted when the checks passed it.
    accepted: the failed checks that a person accepted for it, and why.
    held_for: what each failed critical check observed when the extract was held; only this can be accepted.
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
