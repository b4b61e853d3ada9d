"""The form of figures in summary.json: shares to 6 places, percentage points 4, p-values 6, seconds 0, days 1.

Zero is never negative: `-0.0` would be another text for the same figure.
"""

from __future__ import annotations

from datetime import UTC, datetime

MICROSECONDS_A_DAY = 86_400_000_000


def moment(at: datetime) -> datetime:
    """Return a time (naive UTC) with its zone."""
    return at.replace(tzinfo=UTC)


def share(part: int, whole: int) -> float | None:
    """Return part / whole; None where there is no whole."""
    return round(part / whole, 6) if whole else None


def rounded_interval(ends: tuple[float, float] | None) -> tuple[float, float] | None:
    """Return an interval of shares; None where there is none."""
    return None if ends is None else (round(ends[0], 6) + 0.0, round(ends[1], 6) + 0.0)


def in_points(difference: float) -> float:
    """Return a difference of shares in percentage points."""
    return round(difference * 100, 4) + 0.0


def interval_in_points(ends: tuple[float, float] | None) -> tuple[float, float] | None:
    """Return an interval of a difference of shares in percentage points; None where there is none."""
    return None if ends is None else (in_points(ends[0]), in_points(ends[1]))


def difference_in_points(now: float | None, before: float | None) -> float | None:
    """Return how far two shares are apart in percentage points; None where either is not there."""
    return None if now is None or before is None else in_points(now - before)


def rounded_p_value(value: float | None) -> float | None:
    """Return a p-value; None where there is none."""
    return None if value is None else round(value, 6)


def in_seconds(microseconds: float) -> int:
    """Return a time in whole seconds."""
    return round(microseconds / 1_000_000)


def in_days(microseconds: float) -> float:
    """Return a time in days."""
    return round(microseconds / MICROSECONDS_A_DAY, 1)
