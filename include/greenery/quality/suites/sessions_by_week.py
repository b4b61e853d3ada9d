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
            meaning="The week has between 0.65 and 1.5 times the sessions that the weeks before let expect.",
            look="the trend in the report; campaigns, tracking, an incomplete export",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "sessions_not_collapsed",
            "critical",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="sessions", min_value=0.1, max_value=10, unit=TIMES, as_of=AS_OF
            ),
            meaning="The week has at least a tenth and at most ten times the sessions that the weeks before let "
            "expect.",
            look="whether events.csv is complete; campaigns, bots",
            remedy="accept",
            owner=WEB,
            acceptable=True,
            tells_of=("sessions_near_history", "conversion_not_collapsed"),
        ),
        Check(
            "conversion_near_history",
            "warning",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="conversion", min_value=-10, max_value=10, unit=POINTS, as_of=AS_OF
            ),
            meaning="The conversion of each step, but for the provisional package_shipped, is within 10 pp of the "
            "weeks before.",
            look="the report's funnel, by product and place",
            remedy="shop",
            owner=SHOP,
        ),
        Check(
            "conversion_not_collapsed",
            "critical",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="conversion_ratio", min_value=0.1, unit=TIMES, as_of=AS_OF
            ),
            meaning="The conversion of no step is less than a tenth of the weeks before.",
            look="whether the step is still tracked",
            remedy="accept",
            owner=WEB,
            acceptable=True,
            tells_of=("conversion_near_history",),
        ),
        Check(
            "users_known_near_history",
            "warning",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="without_user", min_value=-10, max_value=10, unit=POINTS, as_of=AS_OF
            ),
            meaning="The share of sessions without a user is within 10 pp of the weeks before.",
            look="whether the login is still tracked; bots",
            remedy="tracking",
            owner=WEB,
        ),
    ),
)
