"""How figures are kept in summary.json: shares to 6 places, percentage points 4, p-values 6, seconds 0, days 1.

Zero is never negative: `-0.0` would be another text for the same figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

MICROSECONDS_A_DAY = 86_400_000_000


def moment(at: datetime) -> str:
    """Return a time (naive UTC) as ISO text."""
    return at.replace(tzinfo=UTC).isoformat()


def share(part: int, whole: int) -> float | None:
    """Return part / whole; None where there is no whole."""
    return round(part / whole, 6) if whole else None


def shares(values: Sequence[float] | None) -> list[float] | None:
    """Return the ends of an interval of shares."""
    return None if values is None else [round(value, 6) + 0.0 for value in values]


def points(difference: float) -> float:
    """Return a difference of shares in percentage points."""
    return round(difference * 100, 4) + 0.0


def points_between(now: float | None, before: float | None) -> float | None:
    """Return how far two shares are apart in percentage points; None where either is not there."""
    return None if now is None or before is None else points(now - before)


def p_value(value: float | None) -> float | None:
    """Return a p-value; None where there is none."""
    return None if value is None else round(value, 6)


def seconds(microseconds: float) -> int:
    """Return a time in whole seconds."""
    return round(microseconds / 1_000_000)


def days(microseconds: float) -> float:
    """Return a time in days."""
    return round(microseconds / MICROSECONDS_A_DAY, 1)
