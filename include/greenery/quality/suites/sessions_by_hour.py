"""The days and hours of the week's sessions against the weeks before."""

from __future__ import annotations

from greenery.quality.suite import AS_OF, TIMES, WEB, Check, Suite

SUITE = Suite(
    "sessions_by_hour",
    "fct_sessions",
    checks=(
        Check(
            "days_near_history",
            "warning",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="days", min_value=0.5, max_value=2, unit=TIMES, as_of=AS_OF
            ),
            meaning="The number of sessions of each day is between half and twice the number on this weekday in "
            "previous weeks.",
            look="the events of the day: tracking or the export may have missed some hours",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "no_hour_is_lost",
            "warning",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(reading="hours", min_value=0.1, unit=TIMES, as_of=AS_OF),
            meaning="The number of sessions in each hour is at least a tenth of the number in this hour in previous "
            "weeks.",
            look="the events of the hour: tracking or the export may have missed them",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "hours_not_shifted",
            "warning",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="shift", min_value=-1, max_value=1, unit="hour", as_of=AS_OF
            ),
            meaning="Sessions start at the same hours of the day as in previous weeks: moving them by two hours or "
            "more makes no better fit.",
            look="the time zone of events.csv: all times must be UTC",
            owner=WEB,
        ),
    ),
)
