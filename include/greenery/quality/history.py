"""Compares the week with the weeks before it. Odd weeks, trend, weekday and small numbers are allowed for.

The expected value of a count is the median of the weeks before along their trend (H. Theil, 1950; P. K. Sen, JASA 63
(1968), 1379-1389), because a mean would follow a single odd week. A count is within the noise if a negative binomial
distribution around the expected value explains it. Its spread is chance, plus the spread that these weeks really had,
at least a few percent. A share is compared in the same way with a beta-binomial distribution. A difference within the
noise counts as none, so the bounds in the suites apply only to larger differences.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from scipy import stats

from greenery.source.tables import STEPS

Rows = Sequence[Mapping[str, Any]]

WEEKS = 8
ENOUGH_WEEKS = 4
ENOUGH_FOR_A_TREND = 6
LARGEST_TREND = 0.1
# An expected count below this is too small to judge.
ENOUGH = 10
# A difference counts only if it is less probable than this. A week has some two hundred readings.
LEVEL = 1e-6
SPREAD_OF_WEEKS = 0.1
SPREAD_OF_DAYS = 0.15
SPREAD_OF_HOURS = 0.2
SPREAD_OF_PRODUCTS = 0.25
SPREAD_OF_SHARES = 0.015


# A median absolute deviation, times this, estimates the standard deviation of normal values.
DEVIATION_OF_MEDIAN = 1.4826
# The variance of a median of normal values is this (half of pi) times that of their mean. Its root is about 1.25.
VARIANCE_OF_MEDIAN = 1.57


@dataclass(frozen=True)
class Reading:
    """One figure of the week and the value expected from the weeks before.

    value: the ratio of the two, or their difference in percentage points; 1 or 0 if the difference is within the noise.
    observed, expected: the two as texts for people.
    """

    name: str
    value: float
    observed: str
    expected: str


def series(weeks: Mapping[int, Mapping[str, Any]], name: str) -> list[float]:
    """Return a figure of the week and of the weeks before it, newest first.

    weeks: the rows by their weeks ago (0 is the week). A week without rows counts as zero. Weeks before the first week
    with rows are left out, because there was no shop yet.
    """
    known = [week for week, row in weeks.items() if row.get(name)]
    return [float(weeks.get(week, {}).get(name) or 0) for week in range(max(known, default=0) + 1)]


def expected(before: Sequence[float], least_spread: float) -> tuple[float, float]:
    """Return the count expected from the weeks before, and its relative spread beyond chance.

    before: counts, newest first. The expected count is 0 if there are too few weeks.
    """
    known = np.array([value for value in before if value > 0])
    if len(known) < ENOUGH_WEEKS or len(known) * 2 <= len(before):
        return 0.0, least_spread
    ages = np.array([age + 1 for age, value in enumerate(before) if value > 0])
    logs = np.log(known)
    slope = 0.0
    if len(known) >= ENOUGH_FOR_A_TREND:
        slope = float(np.clip(stats.theilslopes(logs, ages).slope, -LARGEST_TREND, LARGEST_TREND))
    level = float(np.median(logs - slope * ages))
    mean = math.exp(level)
    spread = max(least_spread, DEVIATION_OF_MEDIAN * float(np.median(np.abs(logs - slope * ages - level))))
    # The median of so few weeks is uncertain itself.
    variance = spread**2 * (1 + VARIANCE_OF_MEDIAN / len(known)) + VARIANCE_OF_MEDIAN / (len(known) * mean)
    return mean, math.sqrt(variance)


def improbable(observed: float, mean: float, spread: float, level: float = LEVEL) -> bool:
    """Return whether a count is further from the expected value than chance and the usual spread explain."""
    size = 1 / spread**2
    distribution = stats.nbinom(size, size / (size + mean))
    return bool(2 * min(distribution.cdf(observed), distribution.sf(observed - 1)) < level)


def count(name: str, weeks: Sequence[float]) -> Reading:
    """Return the reading of a count. weeks: the counts, newest first; the first one is the week itself."""
    now = weeks[0] if weeks else 0.0
    mean, spread = expected(weeks[1:], SPREAD_OF_WEEKS)
    if mean < ENOUGH:
        return Reading(name, 1.0, f"{now:,.0f}", "nothing: previous weeks are too few or too small")
    value = now / mean if improbable(now, mean, spread) else 1.0
    return Reading(name, value, f"{now:,.0f}", f"{mean:,.0f}")


def _share(name: str, weeks: Mapping[int, Mapping[str, Any]], part: str, whole: str) -> tuple[Reading, Reading]:
    """Return a share of the week as the difference from the weeks before in pp, and as a ratio."""
    now = weeks.get(0, {})
    trials, successes = int(now.get(whole) or 0), int(now.get(part) or 0)
    before = [
        row[part] / row[whole]
        for week, row in weeks.items()
        if week > 0 and row.get(whole) and row[whole] >= ENOUGH and row.get(part) is not None
    ]
    if len(before) < ENOUGH_WEEKS or trials < ENOUGH:
        text = f"{successes / trials:.1%}" if trials else "nothing"
        too_few = "nothing: too few sessions or weeks"
        return Reading(name, 0.0, text, too_few), Reading(name, 1.0, text, too_few)
    usual = float(np.median(before))
    chance = math.sqrt(usual * (1 - usual) / np.median([weeks[w][whole] for w in weeks if w > 0 and weeks[w][whole]]))
    spread = max(SPREAD_OF_SHARES, DEVIATION_OF_MEDIAN * float(np.median(np.abs(np.array(before) - usual))), chance)
    mean = min(max(usual, 0.5 / (trials + 1)), 1 - 0.5 / (trials + 1))
    size = max(mean * (1 - mean) / spread**2 - 1, 1.0)
    distribution = stats.betabinom(trials, mean * size, (1 - mean) * size)
    is_news = 2 * min(distribution.cdf(successes), distribution.sf(successes - 1)) < LEVEL
    share = successes / trials
    shown, wanted = f"{share:.1%}", f"{usual:.1%}"
    return (
        Reading(name, (share - usual) * 100 if is_news else 0.0, shown, wanted),
        Reading(name, share / usual if is_news and usual * trials >= ENOUGH else 1.0, shown, wanted),
    )


def _profile(hours: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the mean sessions of each hour of the week over the weeks before, and the number of these weeks.

    The weeks with the most and the fewest sessions are left out, if there are enough others.
    """
    before = hours[1:]
    totals = before.sum(axis=1)
    present = before[totals > 0]
    if len(present) < ENOUGH_WEEKS:
        return np.zeros(168), 0
    if len(present) > ENOUGH_WEEKS:
        order = np.argsort(present.sum(axis=1))
        present = present[order[1:-1]] if len(present) > ENOUGH_WEEKS + 1 else present[order[1:]]
    return present.mean(axis=0), len(present)


def _expected_days(hours: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the sessions of each day, the expected numbers, and the number of weeks that these come from.

    The expected number is that of the same weekday in the weeks before, scaled to how busy this week is.
    """
    profile, weeks = _profile(hours)
    now, usual = hours[0].reshape(7, 24).sum(axis=1), profile.reshape(7, 24).sum(axis=1)
    is_open = usual > 0
    if not weeks or not is_open.any():
        return now, np.zeros(7), 0
    # The median day shows how busy the week is, even if a day or two are lost. Days on which the shop is usually closed
    # are left out.
    level = float(np.clip(np.median(now[is_open] / usual[is_open]), 1 / 3, 3))
    return now, usual * level, weeks


def day_readings(hours: np.ndarray, as_of: datetime) -> list[Reading]:
    """Return the reading of each day of the week that ends at `as_of` (UTC).

    hours: the number of sessions by weeks ago (rows) and by hour of the week (168 columns).
    """
    now, usual, weeks = _expected_days(hours)
    readings = []
    for day in range(7):
        name = _day(as_of, day)
        mean = float(usual[day])
        if not weeks or mean < ENOUGH:
            continue
        spread = math.sqrt(SPREAD_OF_DAYS**2 + VARIANCE_OF_MEDIAN / (weeks * mean) + 1 / usual.sum())
        value = float(now[day]) / mean if improbable(now[day], mean, spread) else 1.0
        readings.append(Reading(name, value, f"{now[day]:,.0f}", f"{mean:,.0f}"))
    return readings


def lost_hours(hours: np.ndarray, as_of: datetime) -> list[Reading]:
    """Return the readings of the hours that are busy enough to be missed, the most lost first. hours: see above."""
    _, usual, weeks = _expected_days(hours)
    profile, _ = _profile(hours)
    by_hour = profile.reshape(7, 24).sum(axis=0)
    if not weeks or not by_hour.sum():
        return []
    readings = []
    for hour in range(168):
        mean = float(usual[hour // 24] * by_hour[hour % 24] / by_hour.sum())
        if mean < ENOUGH:
            continue
        observed = float(hours[0, hour])
        value = observed / mean if observed < mean and improbable(observed, mean, SPREAD_OF_HOURS) else 1.0
        readings.append(
            Reading(f"{_day(as_of, hour // 24)}, {hour % 24:02}:00", value, f"{observed:,.0f}", f"{mean:,.0f}")
        )
    return sorted(readings, key=lambda reading: reading.value)


def _day(as_of: datetime, day: int) -> str:
    """Return a day of the week that ends at `as_of` as `Sat 11 Jan`."""
    at = as_of + timedelta(days=day - 7)
    return f"{at:%a} {at.day} {at:%b}"


def shift(hours: np.ndarray) -> Reading:
    """Return by how many hours the week's sessions must be moved to fit the weeks before best.

    A move counts only if it is a million times likelier than none. Daylight saving time moves sessions by one hour.
    """
    profile, weeks = _profile(hours)
    now = hours[0].reshape(7, 24).sum(axis=0)
    name = "hours by which the sessions' times are moved"
    if not weeks or now.sum() < 30:
        return Reading(name, 0.0, "0", "0 (too few sessions to tell)")
    by_hour = profile.reshape(7, 24).sum(axis=0) * weeks + 1
    logs = np.log(by_hour / by_hour.sum())
    # Sessions come in bursts, so their evidence counts half.
    likelihood = {move: float(now @ np.roll(logs, move)) / 2 for move in range(-11, 13)}
    best = max(likelihood, key=lambda move: likelihood[move])
    is_news = likelihood[best] - likelihood[0] > math.log(1 / LEVEL)
    return Reading(name, float(best) if is_news else 0.0, f"{best if is_news else 0}", "0")


def products(found: Rows, sessions: Sequence[float]) -> list[Reading]:
    """Return the reading of each product for which a number of sessions can be expected, the largest change first.

    found: rows of product, weeks ago and sessions. sessions: all sessions of each week, newest first.
    """
    counts: dict[str, dict[int, int]] = {}
    for row in found:
        counts.setdefault(row["product_id"], {})[row["weeks_ago"]] = row["sessions"]
    readings = []
    for product, weeks in sorted(counts.items()):
        shares = [weeks.get(week, 0) / sessions[week] for week in range(1, len(sessions)) if sessions[week]]
        if len(shares) < ENOUGH_WEEKS:
            continue
        mean = float(np.median(shares)) * sessions[0]
        if mean < ENOUGH:
            continue
        now = weeks.get(0, 0)
        spread = math.sqrt(SPREAD_OF_PRODUCTS**2 + VARIANCE_OF_MEDIAN / (len(shares) * mean))
        value = now / mean if improbable(now, mean, spread) else 1.0
        readings.append(Reading(f"product {product}", value, f"{now:,} sessions", f"{mean:,.0f}"))
    return sorted(readings, key=lambda reading: -abs(math.log(max(reading.value, 1e-3))))


def order_values(found: Rows) -> Reading:
    """Return the median total of the week's orders, as a ratio to the usual median of the weeks before.

    found: rows of weeks ago, orders, median total, and the spread of the logarithms of the totals.
    """
    name = "median total of the week's orders"
    weeks = {row["weeks_ago"]: row for row in found if row["orders"] >= ENOUGH and row["median_total"] > 0}
    before = [row for week, row in weeks.items() if week > 0]
    if len(before) < ENOUGH_WEEKS or 0 not in weeks:
        return Reading(name, 1.0, "too few orders to tell", "nothing")
    now, usual = float(weeks[0]["median_total"]), float(np.median([float(row["median_total"]) for row in before]))
    # The error of a median is a quarter larger than the error of a mean (see VARIANCE_OF_MEDIAN).
    spread = float(np.median([row["spread"] or 0 for row in before]))
    chance = 1.25 * spread * math.sqrt(1 / weeks[0]["orders"] + 1 / sum(row["orders"] for row in before))
    is_news = abs(math.log(now / usual)) > float(stats.norm.isf(LEVEL / 2)) * chance
    return Reading(name, now / usual if is_news else 1.0, f"{now:,.2f}", f"{usual:,.2f}")


def age(found: Sequence[Mapping[str, Any]], kind: str, as_of: datetime) -> Reading:
    """Return the age of the newest event or order, as a ratio to the allowed age: two days, or longer in a small shop.

    kind: `events` or `orders`. as_of: the end of the week, UTC.
    """
    row = next(row for row in found if row["kind"] == kind)
    usual = row["rows_before"] / row["weeks_before"] if row["weeks_before"] else 0.0
    # In a small shop chance alone can leave longer pauses. Pauses have an exponential distribution.
    allowed = max(48.0, -math.log(LEVEL) * 168 / usual) if usual else 48.0
    name, wanted = f"age of the newest {kind.removesuffix('s')}", f"at most {_duration(allowed)}"
    if row["newest_at"] is None:
        return Reading(name, 0.0, f"no {kind}", wanted)
    hours = (as_of - row["newest_at"]).total_seconds() / 3600
    return Reading(name, hours / allowed, _duration(hours), wanted)


def _duration(hours: float) -> str:
    """Return "5.0 hours" or, from two days on, "2.5 days", "719 days"."""
    days = hours / 24
    return f"{hours:,.1f} hours" if days < 2 else f"{round(days, 1 if days < 10 else None):,g} days"


def _by_week(rows: Rows) -> dict[int, Mapping[str, Any]]:
    return {row["weeks_ago"]: row for row in rows}


def _by_hour(rows: Rows) -> np.ndarray:
    hours = np.zeros((WEEKS + 1, 168))
    for row in rows:
        hours[row["weeks_ago"], row["hour_of_week"]] = row["sessions"]
    return hours


def _of_step(rows: Rows, step: str) -> dict[int, Mapping[str, Any]]:
    return _by_week([row for row in rows if row["event_type"] == step])


def _conversions(rows: Rows) -> list[tuple[Reading, Reading]]:
    return [_share(step, _by_week(rows), step, "sessions") for step in STEPS if step != "package_shipped"]


def _products(rows: Rows) -> list[Reading]:
    sessions = series(_by_week([row for row in rows if row["product_id"] is None]), "sessions")
    return products([row for row in rows if row["product_id"] is not None], sessions)


# The readings by the names that suites use. Each is computed from the rows of the suite, and from the week's end.
READINGS: dict[str, Callable[[Rows, datetime], list[Reading]]] = {
    "sessions": lambda rows, _: [count("sessions", series(_by_week(rows), "sessions"))],
    "conversion": lambda rows, _: [points for points, _ in _conversions(rows)],
    "conversion_ratio": lambda rows, _: [ratio for _, ratio in _conversions(rows)],
    "without_user": lambda rows, _: [_share("sessions without a user", _by_week(rows), "without_user", "sessions")[0]],
    "days": lambda rows, as_of: day_readings(_by_hour(rows), as_of),
    "hours": lambda rows, as_of: lost_hours(_by_hour(rows), as_of),
    "shift": lambda rows, _: [shift(_by_hour(rows))],
    "events": lambda rows, _: [count(f"{step} events", series(_of_step(rows, step), "events")) for step in STEPS],
    "without_product": lambda rows, _: [
        _share("page views without a product", _of_step(rows, "page_view"), "without_product", "events")[0]
    ],
    "orders": lambda rows, _: [count("orders", series(_by_week(rows), "orders"))],
    "order_values": lambda rows, _: [order_values(rows)],
    "products": lambda rows, _: _products(rows),
    "events_age": lambda rows, as_of: [age(rows, "events", as_of)],
    "orders_age": lambda rows, as_of: [age(rows, "orders", as_of)],
}
