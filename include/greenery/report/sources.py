"""The extracts that a report is rendered from: the admitted ones up to its week."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime


def by_week(extract_ids: Iterable[str]) -> dict[datetime, str]:
    """Return for each admitted extract (by its as_of) a hash of the ids of the admitted extracts up to it."""
    found: dict[datetime, str] = {}
    until_now = ""
    # An id begins with the as_of.
    for extract_id in sorted(extract_ids):
        until_now = f"{until_now} {extract_id}".lstrip()
        found[datetime.fromisoformat(extract_id[:10])] = hashlib.md5(
            until_now.encode(), usedforsecurity=False
        ).hexdigest()
    return found
