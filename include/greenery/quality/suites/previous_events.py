"""The events of the extract before, inside the window of this one."""

from __future__ import annotations

from greenery.quality.suite import WEB, Check, Suite

SUITE = Suite(
    "previous_events",
    "events",
    keys=("event_id", "session_id"),
    noun="events of the previous extract",
    checks=(
        Check(
            "events_stay",
            "warning",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(column="event_id_now"),
            meaning="Every event of the previous extract is in this one too. Missing events still count.",
            look="whether events.csv is complete, and the window in _extract.json",
            owner=WEB,
        ),
        Check(
            "events_unchanged",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeNull(
                column="differs_in", row_condition=gx.Column("event_id_now").is_not_null()
            ),
            meaning="Every event has the same content as in the previous extract. Where it differs, the earliest "
            "content counts.",
            look="the columns that differ",
            owner=WEB,
        ),
        Check(
            "events_mostly_unchanged",
            "critical",
            lambda gx: gx.ExpectMostColumnValuesToBeNull(
                column="differs_in", mostly=0.5, row_condition=gx.Column("event_id_now").is_not_null()
            ),
            meaning="Most events have the same content as in the previous extract.",
            look="whether a column is in another time zone, or ids were assigned anew",
            remedy="accept",
            owner=WEB,
            acceptable=True,
            covers=("events_unchanged",),
        ),
    ),
)
