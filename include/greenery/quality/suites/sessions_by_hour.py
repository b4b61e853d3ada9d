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
            meaning="Each day has between half and twice the sessions of that weekday in the weeks before.",
            look="the day's events: tracking or the export may have missed hours of it",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "no_hour_is_lost",
            "warning",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(reading="hours", min_value=0.1, unit=TIMES, as_of=AS_OF),
            meaning="No hour has less than a tenth of the sessions of that hour in the weeks before.",
            look="the hour's events: tracking or the export may have missed it",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "hours_not_shifted",
            "warning",
            lambda gx: gx.ExpectFiguresNearTheWeeksBefore(
                reading="shift", min_value=-1, max_value=1, unit="hour", as_of=AS_OF
            ),
            meaning="The hours at which sessions start do not fit better when moved by two hours or more.",
            look="the time zone of events.csv: times are UTC",
            owner=WEB,
        ),
    ),
)
