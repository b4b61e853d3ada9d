"""The week's events against the weeks before."""

from __future__ import annotations

from greenery.quality.suite import AS_OF, POINTS, TIMES, WEB, Check, Suite

SUITE = Suite(
    "events_by_week",
    "events",
    checks=(
        Check(
            "events_near_history",
            "warning",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="events", min_value=0.5, max_value=2, unit=TIMES, as_of=AS_OF
            ),
            meaning="The number of events of each step is between half and twice the number expected from previous "
            "weeks.",
            look="the step that differs, and whether it is still tracked",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "events_not_collapsed",
            "critical",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="events", min_value=0.1, max_value=10, unit=TIMES, as_of=AS_OF
            ),
            meaning="The number of events of each step is between a tenth and ten times the number expected from "
            "previous weeks.",
            look="the step that differs, and whether it is still tracked",
            remedy="accept",
            owner=WEB,
            acceptable=True,
            covers=("events_near_history", "sessions_not_collapsed", "conversion_not_collapsed"),
        ),
        Check(
            "page_views_name_products_near_history",
            "warning",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="without_product", min_value=-10, max_value=10, unit=POINTS, as_of=AS_OF
            ),
            meaning="The share of page views without a product differs from previous weeks by at most 10 percentage "
            "points.",
            look="page_url and product_id of the week's page views",
            remedy="tracking",
            owner=WEB,
        ),
    ),
)
