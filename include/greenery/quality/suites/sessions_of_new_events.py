"""The sessions of the events that the extract is the first to show, whenever they started."""

from __future__ import annotations

from greenery.quality.suite import WEB, Check, Suite

SUITE = Suite(
    "sessions_of_new_events",
    "events",
    keys=("session_id", "events", "user_count"),
    noun="sessions",
    checks=(
        Check(
            "sessions_not_shared",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeNull(column="events_of_many"),
            meaning="No session has new events of 10 or more users. No session has more than a tenth of the new "
            "events, if it has 100 or more.",
            look="the session id: tracking may send one text for many sessions, or it is a bot",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "sessions_mostly_not_shared",
            "critical",
            lambda gx: gx.ExpectColumnValuesToBeNull(column="events_of_most"),
            meaning="No session has new events of more than a tenth of the users, if these are 30 or more. No session "
            "has more than two thirds of the new events, if it has 100 or more.",
            look="the session id: tracking may send one text for many sessions, or it is a bot",
            remedy="accept",
            owner=WEB,
            acceptable=True,
            covers=("sessions_not_shared", "sessions_of_human_size"),
        ),
    ),
)
