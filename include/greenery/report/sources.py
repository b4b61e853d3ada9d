"""The extracts that a report is rendered from: the admitted ones up to its week."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from greenery.landing.extract import IMPORTED


def by_week(extract_ids: Iterable[str]) -> dict[datetime, str]:
    """Return for each admitted extract (by its as_of) a hash of the ids of the admitted extracts up to it."""
    found: dict[datetime, str] = {}
    ids = sorted(extract_ids)
    # An id begins with the as_of. An imported order history is before all.
    until_now = " ".join(extract_id for extract_id in ids if extract_id.startswith(IMPORTED))
    for extract_id in (extract_id for extract_id in ids if not extract_id.startswith(IMPORTED)):
        until_now = f"{until_now} {extract_id}".lstrip()
        found[datetime.fromisoformat(extract_id[:10])] = hashlib.md5(
            until_now.encode(), usedforsecurity=False
        ).hexdigest()
    return found
