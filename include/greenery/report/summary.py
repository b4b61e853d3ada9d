"""The figures of a week's report, worked out from the rows of `include/sql/report/`."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

STEPS = ("page_view", "add_to_cart", "checkout", "package_shipped")
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
    provisional = _provisional(as_of, by_age, empty, maturity_days)
    return {
        "as_of": _text(as_of),
        "week": {"start": _text(as_of - WEEK), "end": _text(as_of)},
        "funnel": funnel,
        "rates": rates,
        "largest_drop_off": {scope: _largest_drop_off(counts) for scope, counts in funnel.items()},
        "change": _change(funnel, provisional),
        "provisional": provisional,
        "trend": _trend(as_of, by_age, empty, maturity_days),
        "order_changes": {
            "previous_as_of": _text(previous_as_of) if previous_as_of else None,
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
    """Return for each step its conversion, its step conversion and the sessions lost since the step before."""
    rates = {}
    for before, step in zip(("sessions", *STEPS), STEPS, strict=False):
        rates[step] = {
            "conversion": _share(counts[step], counts["sessions"]),
            "step_conversion": _share(counts[step], counts[before]),
            "lost": counts[before] - counts[step],
        }
    return rates


def _largest_drop_off(counts: dict[str, int]) -> dict | None:
    """Return the pair of neighbouring steps that loses most sessions; None where none is lost."""
    lost = [(counts[a] - counts[b], a, b) for a, b in zip(STEPS, STEPS[1:], strict=False)]
    most, step_from, step_to = max(lost, key=lambda item: item[0])
    if most <= 0:
        return None
    points = _points(counts[step_from] / counts["sessions"], counts[step_to] / counts["sessions"])
    return {"from": step_from, "to": step_to, "lost": most, "lost_pp": points}


def _is_mature(age: int, row: dict, maturity_days: int) -> bool:
    return age * WEEK >= timedelta(days=maturity_days) or row["checkouts_not_shipped"] == 0


def _provisional(as_of: datetime, by_age: dict[int, dict], empty: dict, maturity_days: int) -> dict:
    """Say whether package_shipped is still provisional, and what it can be compared with until it is complete.

    equal_age counts the sessions that shipped by the end of their own week, in this week and in the one before.
    """
    week, previous = by_age.get(0, empty), by_age.get(1, empty)
    mature = next((age for age in sorted(by_age) if _is_mature(age, by_age[age], maturity_days)), None)
    newest_mature = None
    if mature is not None:
        row, end = by_age[mature], as_of - mature * WEEK
        newest_mature = {
            "start": _text(end - WEEK),
            "end": _text(end),
            "sessions": row["sessions"],
            "package_shipped": row["package_shipped"],
            "conversion": _share(row["package_shipped"], row["sessions"]),
        }
    return {
        "steps": [] if _is_mature(0, week, maturity_days) else ["package_shipped"],
        "mature_at": _text(as_of + timedelta(days=maturity_days)),
        "equal_age": {
            name: {
                "sessions": row["sessions"],
                "checkout": row["checkout"],
                "package_shipped": row["shipped_by_week_end"],
                "conversion": _share(row["shipped_by_week_end"], row["sessions"]),
            }
            for name, row in (("week", week), ("previous_week", previous))
        },
        "newest_mature_week": newest_mature,
    }


def _change(funnel: dict, provisional: dict) -> dict:
    """Return the change since the previous week, for each step in percentage points of conversion."""
    week, previous = funnel["week"], funnel["previous_week"]
    steps = {}
    for step in STEPS:
        at_equal_age = step in provisional["steps"]
        now, before = _share(week[step], week["sessions"]), _share(previous[step], previous["sessions"])
        if at_equal_age:
            now, before = (provisional["equal_age"][scope]["conversion"] for scope in ("week", "previous_week"))
        steps[step] = {"conversion_pp": _points(now, before), "at_equal_age": at_equal_age}
    return {
        "sessions": week["sessions"] - previous["sessions"],
        "sessions_share": _share(week["sessions"] - previous["sessions"], previous["sessions"]),
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
                "provisional": [] if _is_mature(age, row, maturity_days) else ["package_shipped"],
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
