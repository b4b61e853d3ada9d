"""The sessions of the week, taken from their events."""

from __future__ import annotations

from greenery.quality.suite import WEB, Check, Suite

SUITE = Suite(
    "sessions",
    "fct_sessions",
    keys=("session_id", "user_id", "started_at"),
    noun="sessions",
    checks=(
        Check(
            "sessions_not_lost",
            "critical",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(column="mart_session_id"),
            meaning="fct_sessions has every session of the week's events.",
            look="the rows of these sessions in int_session_steps and int_changed_sessions",
            remedy="model",
        ),
        Check(
            "sessions_not_copied",
            "warning",
            lambda gx: gx.ExpectMostColumnValuesToBeBetween(column="copies", max_value=1, mostly=0.99),
            meaning="At most 1% of the week's sessions have the same user, times and number of events as another "
            "session.",
            look="whether events were sent twice under new session ids",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "sessions_mostly_not_copied",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToBeBetween(column="copies", max_value=1, mostly=0.67),
            meaning="At most a third of the week's sessions have the same user, times and number of events as another "
            "session.",
            look="whether events were sent twice under new session ids",
            remedy="accept",
            owner=WEB,
            acceptable=True,
            covers=("sessions_not_copied",),
        ),
        Check(
            "sessions_of_human_size",
            "warning",
            lambda gx: gx.ExpectColumnPairValuesAToBeGreaterThanB(column_A="events_of_a_machine", column_B="events"),
            meaning="No session of the week has 100 or more events and at least twenty times the average.",
            look="the events of the session: it may be a bot, or a session id that many users share",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "places_known",
            "warning",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(
                column="place", mostly=0.9, row_condition=gx.Column("user_id").is_not_null()
            ),
            meaning="Country or state is unknown for at most a tenth of the week's sessions with a user.",
            look="addresses.csv and users.csv: the users of these sessions, and their addresses",
        ),
        Check(
            "places_mostly_known",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(
                column="place", mostly=0.1, row_condition=gx.is_true("place_was_known")
            ),
            meaning="Country and state are still known for at least a tenth of the sessions whose user had them in "
            "earlier extracts.",
            look="addresses.csv and users.csv: the users of these sessions, and their addresses",
            remedy="accept",
            acceptable=True,
            covers=("places_known",),
        ),
    ),
)
