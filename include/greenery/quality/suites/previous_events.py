"""The events of the extract before, inside the window of this one."""

from __future__ import annotations

from greenery.quality.suite import WEB, Check, Suite

SUITE = Suite(
    "previous_events",
    "events",
    keys=("event_id", "session_id"),
    noun="events of the extract before",
    checks=(
        Check(
            "events_stay",
            "warning",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(column="event_id_now"),
            meaning="No event of the extract before is gone. One that is gone still counts.",
            look="whether events.csv is complete, and the window in _extract.json",
            owner=WEB,
        ),
        Check(
            "events_unchanged",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeNull(
                column="differs_in", row_condition=gx.Column("event_id_now").is_not_null()
            ),
            meaning="No event differs from the extract before; the earliest content counts.",
            look="what differs of these events",
            owner=WEB,
        ),
        Check(
            "events_mostly_unchanged",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToBeNull(
                column="differs_in", mostly=0.5, row_condition=gx.Column("event_id_now").is_not_null()
            ),
            meaning="Most events are as in the extract before.",
            look="whether a column is in another time zone, or ids were given anew",
            remedy="accept",
            owner=WEB,
            acceptable=True,
            tells_of=("events_unchanged",),
        ),
    ),
)
