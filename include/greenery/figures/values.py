"""The form of figures in summary.json: shares and p-values have 6 decimals, percentage points 4, days 1, seconds 0.

Zero is never negative, because `-0.0` would be another text for the same figure.
"""

from __future__ import annotations

from datetime import UTC, datetime

MICROSECONDS_A_DAY = 86_400_000_000


def moment(at: datetime) -> datetime:
    """Return a time (naive UTC) with its zone, UTC."""
    return at.replace(tzinfo=UTC)


def share(part: int, whole: int) -> float | None:
    """Return part / whole as a fraction of 1; None if the whole is 0."""
    return round(part / whole, 6) if whole else None


def rounded_interval(ends: tuple[float, float] | None) -> tuple[float, float] | None:
    """Return the rounded ends of an interval of shares; None for None."""
    return None if ends is None else (round(ends[0], 6) + 0.0, round(ends[1], 6) + 0.0)


def in_points(difference: float) -> float:
    """Return a difference of shares (fractions of 1) in percentage points."""
    return round(difference * 100, 4) + 0.0


def interval_in_points(ends: tuple[float, float] | None) -> tuple[float, float] | None:
    """Return the interval of a difference of shares (fractions of 1) in percentage points; None for None."""
    return None if ends is None else (in_points(ends[0]), in_points(ends[1]))


def difference_in_points(now: float | None, before: float | None) -> float | None:
    """Return the share now minus the share before, in percentage points; None if either is None."""
    return None if now is None or before is None else in_points(now - before)


def rounded_p_value(value: float | None) -> float | None:
    """Return the rounded p-value; None for None."""
    return None if value is None else round(value, 6)


def in_seconds(microseconds: float) -> int:
    """Return a time in whole seconds."""
    return round(microseconds / 1_000_000)


def in_days(microseconds: float) -> float:
    """Return a time in days."""
    return round(microseconds / MICROSECONDS_A_DAY, 1)
