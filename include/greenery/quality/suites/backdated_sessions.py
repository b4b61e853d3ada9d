"""The sessions of the week, and the sessions of new backdated events."""

from __future__ import annotations

from greenery.quality.suite import WEB, Check, Suite

SUITE = Suite(
    "backdated_sessions",
    "events",
    keys=("session_id", "backdated_at"),
    noun="sessions",
    checks=(
        Check(
            "sessions_mostly_not_backdated",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToBeNull(column="backdated_at", mostly=0.9),
            meaning="At most a tenth of the sessions, those of the week and those of new backdated events, have a new "
            "event that the previous extract should have had.",
            look="the times of the events: a clock may be wrong, or old events were sent late",
            remedy="accept",
            owner=WEB,
            acceptable=True,
            covers=("events_not_backdated", "events_arrive_in_time"),
        ),
    ),
)
