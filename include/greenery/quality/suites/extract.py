"""The extract as a whole."""

from __future__ import annotations

from greenery.quality.suite import WEB, Check, Suite

SUITE = Suite(
    "extract",
    "events",
    noun="events",
    checks=(
        Check(
            "extract_has_events",
            "critical",
            lambda gx: gx.ExpectColumnMaxToBeBetween(column="events", min_value=1),
            meaning="The extract has events.",
            look="events.csv: the export may have stopped halfway",
            owner=WEB,
            covers=("events_not_collapsed", "sessions_not_collapsed"),
        ),
    ),
)
