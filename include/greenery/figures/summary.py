"""The figures of a week's report, worked out from the rows of `include/sql/report/`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from greenery.figures import movers as moved
from greenery.figures import order_changes as changed
from greenery.figures import statistics, values
from greenery.figures.statistics import Share
from greenery.source.tables import STEPS

COUNTS = ("sessions", *STEPS)
WEEK = timedelta(days=7)
TREND_WEEKS = 12
MEDIAN_WEEKS = 4
# What the headline speaks of.
VERDICT_STEP = "checkout"


def build(
    as_of: datetime,
    weeks: list[dict],
    order_changes: list[dict],
    previous_as_of: datetime | None,
    maturity_days: int,
    *,
    pace: Sequence[dict] = (),
    movers: Sequence[dict] = (),
    stuck_orders: Sequence[dict] = (),
) -> dict:
    """Return the content of summary.json.

    as_of, previous_as_of: naive UTC; previous_as_of is None for the first extract of all.
    weeks, order_changes, pace, movers, stuck_orders: the rows of sessions_by_week.sql, order_changes.sql, pace.sql,
    movers.sql and stuck_orders.sql.
    maturity_days: days after a week's end from which its shipments count as complete.

    Shares are fractions of 1, `*_pp` are percentage points.
    """
    by_age = {row["weeks_ago"]: row for row in weeks}
    empty = dict.fromkeys((*COUNTS, "shipped_by_week_end", "checkouts_not_shipped"), 0)
    week, previous_week = by_age.get(0, empty), by_age.get(1, empty)
    funnel = {
        "week": _counts(week),
        "previous_week": _counts(previous_week),
        "all_time": {name: sum(row[name] for row in weeks) for name in COUNTS},
    }
    rates = {scope: _rates(counts) for scope, counts in funnel.items()}
    provisional_steps = {
        "week": _provisional_steps(0, week, maturity_days),
        "previous_week": _provisional_steps(1, previous_week, maturity_days),
    }
    provisional_ages = [age for age, row in sorted(by_age.items()) if _provisional_steps(age, row, maturity_days)]
    provisional_steps["all_time"] = ["package_shipped"] if provisional_ages else []
    equal_age = {"week": _equal_age(week), "previous_week": _equal_age(previous_week)}
    provisional = {
        "steps": provisional_steps["week"],
        "maturity_days": maturity_days,
        "mature_at": values.moment(as_of + timedelta(days=maturity_days)),
        "all_time": {
            "steps": provisional_steps["all_time"],
            # Complete once its newest provisional week is.
            "mature_at": values.moment(as_of - provisional_ages[0] * WEEK + timedelta(days=maturity_days))
            if provisional_ages
            else None,
        },
        "equal_age": equal_age,
        "newest_mature_week": _newest_mature_week(as_of, by_age, maturity_days),
    }
    return {
        "as_of": values.moment(as_of),
        "week": {"start": values.moment(as_of - WEEK), "end": values.moment(as_of)},
        "verdict": _verdict(week, previous_week),
        "funnel": funnel,
        "rates": rates,
        "intervals": {scope: _intervals(funnel[scope]) for scope in ("week", "all_time")},
        "largest_drop_off": {scope: _largest_drop_off(rates[scope], provisional_steps[scope]) for scope in funnel},
        "change": _change(by_age, empty, maturity_days),
        "pace": _pace(pace, provisional_steps["week"]),
        "movers": moved.build(movers, week, previous_week),
        "provisional": provisional,
        "trend": _trend(as_of, by_age, empty, maturity_days),
        "order_changes": changed.build(as_of, previous_as_of, order_changes, stuck_orders),
    }


def to_json(document: dict) -> str:
    """Return `document` as the text of a report file: UTF-8, indented, the same bytes for the same content."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _counts(row: dict) -> dict[str, int]:
    return {name: row[name] for name in COUNTS}


def _rates(counts: dict[str, int]) -> dict:
    """Return for each step its conversion, its step conversion and what was lost since the step before."""
    rates = {}
    for before, step in pairwise(COUNTS):
        conversion, conversion_before = (values.share(counts[name], counts["sessions"]) for name in (step, before))
        rates[step] = {
            "conversion": conversion,
            "step_conversion": values.share(counts[step], counts[before]),
            "lost": counts[before] - counts[step],
            "lost_pp": values.points_between(conversion_before, conversion),
        }
    return rates


def _largest_drop_off(rates: dict, provisional_steps: list[str]) -> dict | None:
    """Return the pair of neighbouring steps that loses most sessions; None where none is lost.

    A provisional step is left out: what it lacks is not lost, it may still come.
    """
    pairs = [pair for pair in pairwise(STEPS) if pair[1] not in provisional_steps]
    before, step = max(pairs, key=lambda pair: rates[pair[1]]["lost"])
    lost = rates[step]["lost"]
    return {"from": before, "to": step, "lost": lost, "lost_pp": rates[step]["lost_pp"]} if lost > 0 else None


def _provisional_steps(age: int, row: dict, maturity_days: int) -> list[str]:
    """Return the steps of a week that are still provisional; age is in weeks since its end."""
    mature = age * WEEK >= timedelta(days=maturity_days) or row["checkouts_not_shipped"] == 0
    return [] if mature else ["package_shipped"]


def _equal_age(row: dict) -> dict:
    """Return how many of a week's sessions had shipped when the week ended."""
    return {
        "sessions": row["sessions"],
        "checkout": row["checkout"],
        "package_shipped": row["shipped_by_week_end"],
        "conversion": values.share(row["shipped_by_week_end"], row["sessions"]),
    }


def _newest_mature_week(as_of: datetime, by_age: dict[int, dict], maturity_days: int) -> dict | None:
    for age, row in sorted(by_age.items()):
        if not _provisional_steps(age, row, maturity_days):
            end = as_of - age * WEEK
            return {
                "start": values.moment(end - WEEK),
                "end": values.moment(end),
                "sessions": row["sessions"],
                "package_shipped": row["package_shipped"],
                "conversion": values.share(row["package_shipped"], row["sessions"]),
            }
    return None


def _verdict(week: dict, previous_week: dict) -> dict:
    """Return how sure the conversion of the headline is, and its change since the previous week."""
    now, before = (_reached(row, VERDICT_STEP) for row in (week, previous_week))
    difference = statistics.difference_interval(now, before)
    p_value, reading = statistics.verdict(now, before)
    return {
        "step": VERDICT_STEP,
        "conversion": values.share(*now),
        "interval": values.shares(statistics.interval(now)),
        "change_pp": values.points_between(values.share(*now), values.share(*before)),
        "change_interval_pp": None if difference is None else [values.points(end) for end in difference],
        "p_value": values.p_value(p_value),
        "reading": reading,
    }


def _intervals(counts: dict[str, int]) -> dict[str, list[float] | None]:
    return {step: values.shares(statistics.interval(_reached(counts, step))) for step in STEPS}


def _reached(row: dict, step: str, *, at_equal_age: bool = False) -> Share:
    """Return how many of a week's sessions reached a step; at equal age, by the week's own end."""
    return Share(row["shipped_by_week_end" if at_equal_age else step], row["sessions"])


def _change(by_age: dict[int, dict], empty: dict, maturity_days: int) -> dict:
    """Return the change since the previous week, and for each step against the weeks before it too.

    A step that is provisional in any of the weeks that are compared is compared at equal age.
    """
    ages = range(MEDIAN_WEEKS + 1)
    week, previous_week, *_ = rows = [by_age.get(age, empty) for age in ages]
    provisional = [_provisional_steps(age, row, maturity_days) for age, row in zip(ages, rows, strict=True)]
    sessions, sessions_before = week["sessions"], previous_week["sessions"]
    steps = {}
    for step in STEPS:
        at_equal_age = any(step in names for names in provisional[:2])
        now, before = (_reached(row, step, at_equal_age=at_equal_age) for row in (week, previous_week))
        p_value, reading = statistics.verdict(now, before)
        median_at_equal_age = any(step in names for names in provisional)
        steps[step] = {
            "conversion_pp": values.points_between(values.share(*now), values.share(*before)),
            "at_equal_age": at_equal_age,
            **_against_median([_reached(row, step, at_equal_age=median_at_equal_age) for row in rows]),
            "median_at_equal_age": median_at_equal_age,
            "p_value": values.p_value(p_value),
            "reading": reading,
        }
    return {
        "sessions": sessions - sessions_before,
        "sessions_share": values.share(sessions - sessions_before, sessions_before),
        "steps": steps,
    }


def _against_median(weeks: list[Share]) -> dict:
    """Return the change of the first of the weeks against the median of the others that have sessions."""
    now, *before = (values.share(*share) for share in weeks)
    known = [conversion for conversion in before if conversion is not None]
    usual = median(known) if known else None
    return {"median_pp": values.points_between(now, usual), "median_weeks": len(known)}


def _pace(rows: Sequence[dict], provisional_steps: list[str]) -> dict:
    """Return how long sessions took from step to step; what is still to ship will make a provisional step slower."""
    found = {row["step"]: row for row in rows}
    steps = {
        step: {
            "from": before,
            "median_seconds": values.seconds(found[step]["median_microseconds"]) if step in found else None,
            "sessions": found[step]["sessions"] if step in found else 0,
            "provisional": step in provisional_steps,
        }
        for before, step in pairwise(STEPS)
    }
    sure = [step for step in found if found[step]["sessions"] >= statistics.ENOUGH_SESSIONS]
    slowest = max(sure, key=lambda step: (found[step]["median_microseconds"], -STEPS.index(step)), default=None)
    return {"steps": steps, "slowest": slowest}


def _trend(as_of: datetime, by_age: dict[int, dict], empty: dict, maturity_days: int) -> list[dict]:
    """Return the last 12 weeks, oldest first, from the first week on that has a session."""
    trend = []
    for age in range(min(TREND_WEEKS - 1, max(by_age, default=0)), -1, -1):
        row, end = by_age.get(age, empty), as_of - age * WEEK
        trend.append(
            {
                "start": values.moment(end - WEEK),
                "end": values.moment(end),
                **_counts(row),
                "conversion": {step: values.share(row[step], row["sessions"]) for step in STEPS},
                "equal_age": {"package_shipped": values.share(row["shipped_by_week_end"], row["sessions"])},
                "provisional": _provisional_steps(age, row, maturity_days),
            }
        )
    return trend
