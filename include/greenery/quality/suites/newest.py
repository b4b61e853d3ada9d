"""How old the newest event and order of the extract are."""

from __future__ import annotations

from greenery.quality.suite import AS_OF, SHOP, WEB, Check, Suite

SUITE = Suite(
    "newest",
    "events",
    checks=(
        Check(
            "events_fresh",
            "warning",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="events_age", max_value=1, unit="(its age over the age allowed)", as_of=AS_OF
            ),
            meaning="The newest event is at most two days older than the extract; in a small shop the limit is longer.",
            look="when events.csv was exported, and whether tracking still runs",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "orders_fresh",
            "warning",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="orders_age", max_value=1, unit="(its age over the age allowed)", as_of=AS_OF
            ),
            meaning="The newest order is at most two days older than the extract; in a small shop the limit is longer.",
            look="when orders.csv was exported",
            owner=SHOP,
            relation="orders",
        ),
    ),
)
