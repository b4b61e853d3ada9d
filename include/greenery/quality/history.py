"""The week against the weeks before it: robust to odd weeks, aware of trend, weekday and small numbers.

A count is compared with what the weeks before let expect: their median along their trend (Theil and Sen), never their
mean. How far it may be off is a negative binomial: chance, and on top of it the spread that these weeks really had, at
least a few percent. A share is compared in the same way by a beta-binomial. What is within that noise reads as no
difference at all, so the limits in `checks` are for what is left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
from scipy import stats

from greenery.quality import sql
from greenery.source.tables import STEPS

WEEKS = 8
ENOUGH_WEEKS = 4
ENOUGH_FOR_A_TREND = 6
LARGEST_TREND = 0.1
# An expected count below this is too small to say anything.
ENOUGH = 10
# How improbable a reading must be to count as one: a week has some two hundred.
LEVEL = 1e-6
SPREAD_OF_WEEKS = 0.1
SPREAD_OF_DAYS = 0.15
SPREAD_OF_HOURS = 0.2
SPREAD_OF_PRODUCTS = 0.25
SPREAD_OF_SHARES = 0.015


@dataclass(frozen=True)
class Reading:
    """One figure of the week beside what the weeks before let expect.

    value: the ratio of the two, or their difference in pp; 1 or 0 where it is within the noise.
    """

    name: str
    value: float
    observed: str
    expected: str

    @property
    def text(self) -> str:
        """Both as one phrase."""
        return f"{self.name}: {self.observed}, expected {self.expected}"


def read(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> dict[str, list[Reading]]:
    """Return the readings of the week that ends at `as_of`, by the name that `checks` calls them."""

    def fetch(name: str) -> list[dict]:
        return sql.fetch(connection, f"history/{name}", as_of)

    weeks = {row["weeks_ago"]: row for row in fetch("weeks")}
    sessions = series(weeks, "sessions")
    events = {(row["event_type"], row["weeks_ago"]): row for row in fetch("events")}
    by_step = {step: series({w: events.get((step, w), {}) for w in range(WEEKS + 1)}, "events") for step in STEPS}
    page_views = {week: events[("page_view", week)] for week in range(WEEKS + 1) if ("page_view", week) in events}
    orders = series({row["weeks_ago"]: row for row in fetch("orders")}, "orders")
    hours = np.zeros((WEEKS + 1, 168))
    for row in fetch("hours"):
        hours[row["weeks_ago"], row["hour_of_week"]] = row["sessions"]
    conversions = [_share(step, weeks, step, "sessions") for step in STEPS if step != "package_shipped"]
    return {
        "sessions_by_week": [count("sessions", sessions)],
        "events_by_week": [count(f"{step} events", by_step[step]) for step in STEPS],
        "orders_by_week": [count("orders", orders)],
        "conversion": [reading for reading, _ in conversions],
        "conversion_ratio": [reading for _, reading in conversions],
        "without_user": [_share("sessions without a user", weeks, "without_user", "sessions")[0]],
        "without_product": [_share("page views without a product", page_views, "without_product", "events")[0]],
        "days": days(hours, as_of),
        "hours": lost_hours(hours, as_of),
        "shift": [shift(hours)],
        "products_by_week": products(fetch("products"), sessions),
        "order_values": [order_values(fetch("order_values"))],
        **freshness(fetch("newest"), {"events": sessions, "orders": orders}, as_of),
    }


def series(weeks: dict[int, dict], name: str) -> list[float]:
    """Return a figure of the week and of the weeks before it, newest first, as far back as there is one.

    A week without rows counts zero, but not one before the first that has any: there was no shop yet.
    """
    known = [week for week, row in weeks.items() if row.get(name)]
    return [float(weeks.get(week, {}).get(name) or 0) for week in range(max(known, default=0) + 1)]


def expected(before: Sequence[float], least_spread: float) -> tuple[float, float]:
    """Return what the weeks before (newest first) let expect of a count, and its spread beyond chance, relatively.

    Nothing, as 0, where they are too few.
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
    # The median of n weeks is itself uncertain by what n weeks leave to chance.
    spread = max(least_spread, 1.4826 * float(np.median(np.abs(logs - slope * ages - level))))
    return mean, math.sqrt(spread**2 * (1 + 1.57 / len(known)) + 1.57 / (len(known) * mean))


def improbable(observed: float, mean: float, spread: float, level: float = LEVEL) -> bool:
    """Return whether a count is further from what is expected than chance and the usual spread explain."""
    size = 1 / spread**2
    distribution = stats.nbinom(size, size / (size + mean))
    return 2 * min(distribution.cdf(observed), distribution.sf(observed - 1)) < level


def count(name: str, weeks: Sequence[float]) -> Reading:
    """Return the reading of a count of the week; weeks: newest first, the week itself being the first."""
    now = weeks[0] if weeks else 0.0
    mean, spread = expected(weeks[1:], SPREAD_OF_WEEKS)
    if mean < ENOUGH:
        return Reading(name, 1.0, f"{now:,.0f}", "nothing, as the weeks before are too few or too small")
    value = now / mean if improbable(now, mean, spread) else 1.0
    return Reading(name, value, f"{now:,.0f}", f"{mean:,.0f}")


def _share(name: str, weeks: dict[int, dict], part: str, whole: str) -> tuple[Reading, Reading]:
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
        too_few = "nothing, as the sessions or weeks are too few"
        return Reading(name, 0.0, text, too_few), Reading(name, 1.0, text, too_few)
    usual = float(np.median(before))
    chance = math.sqrt(usual * (1 - usual) / np.median([weeks[w][whole] for w in weeks if w > 0 and weeks[w][whole]]))
    spread = max(SPREAD_OF_SHARES, 1.4826 * float(np.median(np.abs(np.array(before) - usual))), chance)
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
    """Return the mean sessions of each hour of the week over the weeks before, the outermost left out; and how many."""
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
    """Return the sessions of each day, and what the same weekdays before let expect at the level of this week."""
    profile, weeks = _profile(hours)
    now, usual = hours[0].reshape(7, 24).sum(axis=1), profile.reshape(7, 24).sum(axis=1)
    is_open = usual > 0
    if not weeks or not is_open.any():
        return now, np.zeros(7), 0
    # The median day says how busy the week is, also when a day or two of it are lost. A day on which the shop is
    # usually closed says nothing.
    level = float(np.clip(np.median(now[is_open] / usual[is_open]), 1 / 3, 3))
    return now, usual * level, weeks


def days(hours: np.ndarray, as_of: datetime) -> list[Reading]:
    """Return the reading of each day of the week; hours: sessions by weeks ago and hour of the week."""
    now, usual, weeks = _expected_days(hours)
    readings = []
    for day in range(7):
        name = _day(as_of, day)
        mean = float(usual[day])
        if not weeks or mean < ENOUGH:
            continue
        spread = math.sqrt(SPREAD_OF_DAYS**2 + 1.57 / (weeks * mean) + 1 / usual.sum())
        value = float(now[day]) / mean if improbable(now[day], mean, spread) else 1.0
        readings.append(Reading(name, value, f"{now[day]:,.0f}", f"{mean:,.0f}"))
    return readings


def lost_hours(hours: np.ndarray, as_of: datetime) -> list[Reading]:
    """Return the readings of the hours that are busy enough to be missed."""
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
    """Return by how many hours the week's sessions would have to be moved to fit the hours of the weeks before best.

    A move counts when it is a million times likelier than none. One hour is what daylight saving does.
    """
    profile, weeks = _profile(hours)
    now = hours[0].reshape(7, 24).sum(axis=0)
    name = "hours by which the sessions' times are moved"
    if not weeks or now.sum() < 30:
        return Reading(name, 0.0, "0", "0, as far as the sessions are enough to tell")
    by_hour = profile.reshape(7, 24).sum(axis=0) * weeks + 1
    logs = np.log(by_hour / by_hour.sum())
    # Sessions come in bursts: what they say counts half.
    likelihood = {move: float(now @ np.roll(logs, move)) / 2 for move in range(-11, 13)}
    best = max(likelihood, key=lambda move: likelihood[move])
    is_news = likelihood[best] - likelihood[0] > math.log(1 / LEVEL)
    return Reading(name, float(best) if is_news else 0.0, f"{best if is_news else 0}", "0")


def products(found: list[dict], sessions: Sequence[float]) -> list[Reading]:
    """Return the reading of each product that the weeks before let expect something of."""
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
        spread = math.sqrt(SPREAD_OF_PRODUCTS**2 + 1.57 / (len(shares) * mean))
        value = now / mean if improbable(now, mean, spread) else 1.0
        readings.append(Reading(f"product {product}", value, f"{now:,} sessions", f"{mean:,.0f}"))
    return sorted(readings, key=lambda reading: -abs(math.log(max(reading.value, 1e-3))))


def order_values(found: list[dict[str, Any]]) -> Reading:
    """Return the median total of the week's orders over that of the weeks before."""
    name = "median total of the week's orders"
    weeks = {row["weeks_ago"]: row for row in found if row["orders"] >= ENOUGH and row["median_total"] > 0}
    before = [row for week, row in weeks.items() if week > 0]
    if len(before) < ENOUGH_WEEKS or 0 not in weeks:
        return Reading(name, 1.0, "too few orders to tell", "nothing")
    now, usual = float(weeks[0]["median_total"]), float(np.median([float(row["median_total"]) for row in before]))
    # The error of a median is a quarter larger than that of a mean.
    spread = float(np.median([row["spread"] or 0 for row in before]))
    chance = 1.25 * spread * math.sqrt(1 / weeks[0]["orders"] + 1 / sum(row["orders"] for row in before))
    is_news = abs(math.log(now / usual)) > float(stats.norm.isf(LEVEL / 2)) * chance
    return Reading(name, now / usual if is_news else 1.0, f"{now:,.2f}", f"{usual:,.2f}")


def freshness(found: list[dict], weeks: dict[str, list[float]], as_of: datetime) -> dict[str, list[Reading]]:
    """Return how old the newest event and order are, over how old they may be: two days, or longer in a small shop."""
    readings = {}
    for row in found:
        kind = row["kind"]
        # `series` begins with the first week that has any: a median of a small shop's weeks would be none.
        usual = float(np.mean(weeks[kind][1:])) if len(weeks[kind]) > 1 else 0.0
        # In a small shop a million to one, by chance, is longer.
        allowed = max(48.0, -math.log(LEVEL) * 168 / usual) if usual else 48.0
        name = f"hours from the newest of the {kind} to the extract"
        if row["newest_at"] is None:
            readings[f"{kind}_freshness"] = [Reading(name, 0.0, f"no {kind}", f"at most {allowed:,.0f} hours")]
            continue
        hours = (as_of - row["newest_at"]).total_seconds() / 3600
        readings[f"{kind}_freshness"] = [
            Reading(name, hours / allowed, f"{hours:,.1f}", f"at most {allowed:,.0f} hours")
        ]
    return readings
