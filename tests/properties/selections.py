"""What the funnel page shows, in plain Python from the rows of fct_sessions and fct_session_products."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from statistics import quantiles
from typing import Any

from tests.properties.reference import STEPS, WEEK

FILTERS = ("product", "country", "state", "visitor", "weekday")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Chosen = dict[str, Any]


class Shop:
    """The sessions as known on a day."""

    def __init__(self, analytics: dict[str, list[dict]], as_of: datetime) -> None:
        self.as_of = as_of
        self.sessions = sorted(analytics["fct_sessions"], key=lambda one: (one["started_at"], one["session_id"]))
        seen: set[str] = set()
        for session in self.sessions:
            user = session["user_id"]
            session["visitor"] = "unknown" if user is None else "returning" if user in seen else "new"
            seen.add(user)
            session["weekday"] = WEEKDAYS[session["started_at"].weekday()]
        self.met: dict[str, list[dict]] = defaultdict(list)
        for row in analytics["fct_session_products"]:
            self.met[row["session_id"]].append(row)
        self.products = sorted({row["product_id"] for row in analytics["fct_session_products"]})

    def select(self, chosen: Chosen) -> list[dict]:
        """Return the sessions of a selection, each with the steps that count in it."""
        start, end = self.period(chosen)
        found = []
        for session in self.sessions:
            if not start <= session["started_at"] < end:
                continue
            if any(chosen.get(name) and session[name] not in chosen[name] for name in FILTERS[1:]):
                continue
            steps = session
            if chosen.get("product"):
                rows = [row for row in self.met[session["session_id"]] if row["product_id"] in chosen["product"]]
                if not rows:
                    continue
                steps = {f"{step}_at": earliest(row[f"{step}_at"] for row in rows) for step in STEPS}
            found.append({**session, **{f"{step}_at": steps[f"{step}_at"] for step in STEPS}})
        return found

    def period(self, chosen: Chosen) -> tuple[datetime, datetime]:
        """Return when the sessions of a selection start."""
        first = self.sessions[0]["started_at"] if self.sessions else self.as_of
        start = chosen.get("from") or first.date()
        end = chosen.get("to") or self.as_of.date()
        return datetime.combine(start, time()), datetime.combine(max(start, end), time())

    def by_product(self, chosen: Chosen) -> dict[str, list[dict]]:
        """Return the sessions of a selection by product."""
        found = defaultdict(list)
        for session in self.select(chosen):
            for row in self.met[session["session_id"]]:
                if not chosen.get("product") or row["product_id"] in chosen["product"]:
                    found[row["product_id"]].append({**session, **{f"{step}_at": row[f"{step}_at"] for step in STEPS}})
        return dict(found)

    def week_of(self, session: dict) -> date:
        """Return the day on which the week of a session starts."""
        end = self.as_of
        while session["started_at"] < end - WEEK:
            end -= WEEK
        return (end - WEEK).date()

    def shipped_at_equal_age(self, sessions: list[dict]) -> int:
        """Return how many sessions had shipped by the end of their own week, after they began."""
        return sum(
            session["package_shipped_at"] is not None
            and session["started_at"] <= session["package_shipped_at"]
            and session["package_shipped_at"] < datetime.combine(self.week_of(session), time()) + WEEK
            for session in sessions
        )

    def may_still_ship(self, sessions: list[dict], maturity_days: int) -> bool:
        """Return whether a session of a week that is not mature has checked out and not shipped."""
        return any(
            session["checkout_at"] is not None
            and session["package_shipped_at"] is None
            and self.as_of < datetime.combine(self.week_of(session), time()) + WEEK + timedelta(days=maturity_days)
            for session in sessions
        )


def earliest(times: Any) -> datetime | None:
    """Return the first of the times that are there."""
    return min((time for time in times if time is not None), default=None)


def counts(sessions: list[dict]) -> dict[str, int]:
    """Return the number of sessions, and of those that reached each step."""
    return {
        "sessions": len(sessions),
        **{step: sum(session[f"{step}_at"] is not None for session in sessions) for step in STEPS},
    }


def times(sessions: list[dict]) -> dict[str, tuple[int, list[float]]]:
    """Return for each step in how many sessions it followed the step before, and the quartiles in seconds."""
    found = {}
    for before, step in pairwise(STEPS):
        took = [
            (session[f"{step}_at"] - session[f"{before}_at"]).total_seconds()
            for session in sessions
            if session[f"{step}_at"]
            and session[f"{before}_at"]
            and session["started_at"] <= session[f"{before}_at"] <= session[f"{step}_at"]
        ]
        quartiles = quantiles(took, n=4, method="inclusive") if len(took) > 1 else took * 3
        found[step] = (len(took), quartiles)
    return found
