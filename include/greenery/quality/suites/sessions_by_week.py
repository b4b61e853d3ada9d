"""The week's sessions against the weeks before."""

from __future__ import annotations

from greenery.quality.suite import AS_OF, POINTS, SHOP, TIMES, WEB, Check, Suite

SUITE = Suite(
    "sessions_by_week",
    "fct_sessions",
    checks=(
        Check(
            "sessions_near_history",
            "warning",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="sessions", min_value=0.65, max_value=1.5, unit=TIMES, as_of=AS_OF
            ),
            meaning="The number of sessions is between 0.65 and 1.5 times the number expected from previous weeks.",
            look="the trend in the report: campaigns, tracking, or an incomplete export",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "sessions_not_collapsed",
            "critical",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="sessions", min_value=0.1, max_value=10, unit=TIMES, as_of=AS_OF
            ),
            meaning="The number of sessions is between a tenth and ten times the number expected from previous weeks.",
            look="whether events.csv is complete; campaigns and bots",
            remedy="accept",
            owner=WEB,
            acceptable=True,
            covers=("sessions_near_history", "conversion_not_collapsed"),
        ),
        Check(
            "conversion_near_history",
            "warning",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="conversion", min_value=-10, max_value=10, unit=POINTS, as_of=AS_OF
            ),
            meaning="The conversion of each step differs from previous weeks by at most 10 percentage points. The "
            "provisional step package_shipped is not checked.",
            look="the funnel in the report, by product and place",
            remedy="shop",
            owner=SHOP,
        ),
        Check(
            "conversion_not_collapsed",
            "critical",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="conversion_ratio", min_value=0.1, unit=TIMES, as_of=AS_OF
            ),
            meaning="The conversion of each step is at least a tenth of the conversion in previous weeks. The "
            "provisional step package_shipped is not checked.",
            look="whether the step is still tracked",
            remedy="accept",
            owner=WEB,
            acceptable=True,
            covers=("conversion_near_history",),
        ),
        Check(
            "users_known_near_history",
            "warning",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="without_user", min_value=-10, max_value=10, unit=POINTS, as_of=AS_OF
            ),
            meaning="The share of sessions without a user differs from previous weeks by at most 10 percentage points.",
            look="whether logins are still tracked; bots",
            remedy="tracking",
            owner=WEB,
        ),
    ),
)
