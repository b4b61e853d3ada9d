"""The figures of a week's report, worked out from the rows of `include/sql/report/`."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from greenery.source_tables import STEPS

COUNTS = ("sessions", *STEPS)
CHANGES = ("new", "status_changed", "details_changed", "removed", "returned")
WEEK = timedelta(days=7)
TREND_WEEKS = 12


def build(
    as_of: datetime,
    weeks: list[dict],
    order_changes: list[dict],
    previous_as_of: datetime | None,
    maturity_days: int,
) -> dict:
    """Return the content of summary.json.

    as_of, previous_as_of: naive UTC; previous_as_of is None for the first extract of all.
    weeks: rows of sessions_by_week.sql. order_changes: rows of order_changes.sql.
    maturity_days: days after a week's end from which its shipments count as complete.

    Shares are fractions of 1, rounded to 6 places; `*_pp` are percentage points, rounded to 4.
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
        "all_time": [],
    }
    equal_age = {"week": _equal_age(week), "previous_week": _equal_age(previous_week)}
    provisional = {
        "steps": provisional_steps["week"],
        "maturity_days": maturity_days,
        "mature_at": _text(as_of + timedelta(days=maturity_days)),
        "equal_age": equal_age,
        "newest_mature_week": _newest_mature_week(as_of, by_age, maturity_days),
    }
    at_equal_age = {*provisional_steps["week"], *provisional_steps["previous_week"]}
    return {
        "as_of": _text(as_of),
        "week": {"start": _text(as_of - WEEK), "end": _text(as_of)},
        "funnel": funnel,
        "rates": rates,
        "largest_drop_off": {scope: _largest_drop_off(rates[scope], provisional_steps[scope]) for scope in funnel},
        "change": _change(funnel, rates, equal_age, at_equal_age),
        "provisional": provisional,
        "trend": _trend(as_of, by_age, empty, maturity_days),
        "order_changes": {
            "previous_as_of": _text(previous_as_of) if previous_as_of else None,
            "weeks_since_previous": (as_of - previous_as_of) // WEEK if previous_as_of else None,
            "total": len(order_changes),
            **{change: sum(row["change"] == change for row in order_changes) for change in CHANGES},
            "status_transitions": _transitions(order_changes),
            "orders": [
                {name: row[name] for name in ("order_id", "change", "status_from", "status_to", "changed_columns")}
                for row in sorted(order_changes, key=lambda row: (row["change"], row["order_id"]))
            ],
        },
    }


def to_json(document: dict) -> str:
    """Return `document` as the text of a report file: UTF-8, indented, the same bytes for the same content."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _text(moment: datetime) -> str:
    return moment.replace(tzinfo=UTC).isoformat()


def _counts(row: dict) -> dict[str, int]:
    return {name: row[name] for name in COUNTS}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _points(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else round((now - before) * 100, 4)


def _rates(counts: dict[str, int]) -> dict:
    """Return for each step its conversion, its step conversion and what was lost since the step before."""
    rates = {}
    for before, step in pairwise(COUNTS):
        conversion, conversion_before = (_share(counts[name], counts["sessions"]) for name in (step, before))
        rates[step] = {
            "conversion": conversion,
            "step_conversion": _share(counts[step], counts[before]),
            "lost": counts[before] - counts[step],
            "lost_pp": _points(conversion_before, conversion),
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
        "conversion": _share(row["shipped_by_week_end"], row["sessions"]),
    }


def _newest_mature_week(as_of: datetime, by_age: dict[int, dict], maturity_days: int) -> dict | None:
    for age, row in sorted(by_age.items()):
        if not _provisional_steps(age, row, maturity_days):
            end = as_of - age * WEEK
            return {
                "start": _text(end - WEEK),
                "end": _text(end),
                "sessions": row["sessions"],
                "package_shipped": row["package_shipped"],
                "conversion": _share(row["package_shipped"], row["sessions"]),
            }
    return None


def _change(funnel: dict, rates: dict, equal_age: dict, at_equal_age: set[str]) -> dict:
    """Return the change since the previous week, for each step in percentage points of conversion.

    A step that is provisional in either week is compared at equal age.
    """
    sessions, sessions_before = (funnel[scope]["sessions"] for scope in ("week", "previous_week"))
    steps = {}
    for step in STEPS:
        now, before = (
            equal_age[scope]["conversion"] if step in at_equal_age else rates[scope][step]["conversion"]
            for scope in ("week", "previous_week")
        )
        steps[step] = {"conversion_pp": _points(now, before), "at_equal_age": step in at_equal_age}
    return {
        "sessions": sessions - sessions_before,
        "sessions_share": _share(sessions - sessions_before, sessions_before),
        "steps": steps,
    }


def _trend(as_of: datetime, by_age: dict[int, dict], empty: dict, maturity_days: int) -> list[dict]:
    """Return the last 12 weeks, oldest first, from the first week on that has a session."""
    trend = []
    for age in range(min(TREND_WEEKS - 1, max(by_age, default=0)), -1, -1):
        row, end = by_age.get(age, empty), as_of - age * WEEK
        trend.append(
            {
                "start": _text(end - WEEK),
                "end": _text(end),
                **_counts(row),
                "conversion": {step: _share(row[step], row["sessions"]) for step in STEPS},
                "provisional": _provisional_steps(age, row, maturity_days),
            }
        )
    return trend


def _transitions(order_changes: list[dict]) -> list[dict]:
    moved = Counter(
        (row["status_from"], row["status_to"]) for row in order_changes if row["change"] == "status_changed"
    )
    # A status can be empty in the source: it sorts first and prints as null.
    ordered = sorted(moved.items(), key=lambda item: (-item[1], item[0][0] or "", item[0][1] or ""))
    return [{"from": before, "to": after, "orders": orders} for (before, after), orders in ordered]
