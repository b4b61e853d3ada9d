"""The figures of a week's report, worked out from the rows of `include/sql/figures/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from greenery.figures import movers, order_changes, statistics, values
from greenery.figures.model import (
    ByStep,
    Conversions,
    Days,
    DropOff,
    DropOffs,
    EqualAge,
    EqualAgeWeeks,
    Funnel,
    HeadlineVerdict,
    Intervals,
    MatureWeek,
    Pace,
    PaceSteps,
    Period,
    Provisional,
    ProvisionalSteps,
    Rate,
    Rates,
    RecentChange,
    RecentChanges,
    ShippedShare,
    Since,
    StepChange,
    StepChanges,
    StepCounts,
    StepIntervals,
    StepPace,
    StepRates,
    Summary,
    T,
    TrendWeek,
    WeekChange,
)
from greenery.figures.rows import COUNTS, StepTime, WeekOfSessions, WeekRows
from greenery.figures.statistics import Share
from greenery.source.tables import STEPS

SHIPPED = "package_shipped"
WEEK = timedelta(days=7)
TREND_WEEKS = 12
MEDIAN_WEEKS = 4
RECENT_WEEKS = 4
# The headline speaks of this step.
VERDICT_STEP = "checkout"


def build(rows: WeekRows, maturity_days: int) -> Summary:
    """Return the figures of a week.

    rows: the rows of the week that ends at `rows.as_of`.
    maturity_days: days after a week's end from which its shipments count as complete.
    """
    weeks = Weeks(rows, maturity_days)
    week, previous_week = weeks.ago(0), weeks.ago(1)
    funnel = Funnel(
        week=_counts(week),
        previous_week=_counts(previous_week),
        all_time=StepCounts(**{name: sum(row.of(name) for row in rows.sessions_by_week) for name in COUNTS}),
    )
    rates = Rates(
        week=rates_of(funnel.week), previous_week=rates_of(funnel.previous_week), all_time=rates_of(funnel.all_time)
    )
    provisional = _provisional(weeks)
    return Summary(
        as_of=values.moment(weeks.as_of),
        week=weeks.period(0),
        session_days=_session_days(rows.sessions_by_week),
        verdict=_verdict(week, previous_week),
        funnel=funnel,
        events_without_session=rows.events_without_session,
        rates=rates,
        intervals=Intervals(week=intervals_of(funnel.week), all_time=intervals_of(funnel.all_time)),
        largest_drop_off=DropOffs(
            week=largest_drop_off(rates.week, provisional.steps),
            previous_week=largest_drop_off(rates.previous_week, weeks.provisional_steps(1)),
            all_time=largest_drop_off(rates.all_time, provisional.all_time.steps),
        ),
        change=_change(weeks),
        four_weeks=RecentChanges(
            weeks=RECENT_WEEKS, steps=ByStep[RecentChange](**_by_step(lambda step: _recent_change(weeks, step)))
        ),
        pace=_pace(rows.pace, provisional.steps),
        movers=movers.build(rows.movers, week, previous_week),
        provisional=provisional,
        trend=_trend(weeks),
        order_changes=order_changes.build(rows),
    )


class Weeks:
    """The weeks of a summary by their age: 0 is the week that ends at `as_of`."""

    def __init__(self, rows: WeekRows, maturity_days: int) -> None:
        self.as_of, self.maturity_days = rows.as_of, maturity_days
        self._by_age: Mapping[int, WeekOfSessions] = {
            row.weeks_ago: row for row in sorted(rows.sessions_by_week, key=lambda row: row.weeks_ago)
        }

    @property
    def ages(self) -> Sequence[int]:
        """The ages of the weeks that have sessions, newest first."""
        return tuple(self._by_age)

    def ago(self, age: int) -> WeekOfSessions:
        """Return a week; one without sessions has zeros."""
        return self._by_age.get(age) or WeekOfSessions.none(age)

    def period(self, age: int) -> Period:
        """Return when a week starts and ends."""
        end = self.as_of - age * WEEK
        return Period(start=values.moment(end - WEEK), end=values.moment(end))

    def provisional_steps(self, age: int) -> tuple[str, ...]:
        """Return the steps of a week that are not complete yet."""
        is_old_enough = age * WEEK >= timedelta(days=self.maturity_days)
        return () if is_old_enough or self.ago(age).checkouts_not_shipped == 0 else (SHIPPED,)

    def mature_at(self, age: int) -> datetime:
        """Return when a week is complete at the latest (UTC, with its zone)."""
        return values.moment(self.as_of - age * WEEK + timedelta(days=self.maturity_days))


def _by_step(value: Callable[[str], T]) -> dict[str, T]:
    return {step: value(step) for step in STEPS}


def _counts(row: WeekOfSessions) -> StepCounts:
    return StepCounts(**{name: row.of(name) for name in COUNTS})


def rates_of(counts: StepCounts) -> StepRates:
    """Return for each step its conversion, its step conversion and the sessions lost since the step before."""
    before = dict(zip(STEPS, COUNTS, strict=False))

    def rate(step: str) -> Rate:
        reached, reached_before = counts.of(step), counts.of(before[step])
        conversion = values.share(reached, counts.sessions)
        return Rate(
            conversion=conversion,
            step_conversion=values.share(reached, reached_before),
            lost=reached_before - reached,
            lost_pp=values.difference_in_points(values.share(reached_before, counts.sessions), conversion),
        )

    return StepRates(**_by_step(rate))


def largest_drop_off(rates: StepRates, provisional_steps: Sequence[str]) -> DropOff | None:
    """Return the pair of neighbouring steps between which most sessions are lost; None if none are lost.

    A provisional step is left out, because the sessions that it lacks may still come.
    """
    pairs = [pair for pair in pairwise(STEPS) if pair[1] not in provisional_steps]
    before, step = max(pairs, key=lambda pair: rates.of(pair[1]).lost)
    most = rates.of(step)
    if most.lost <= 0 or most.lost_pp is None:
        return None
    return DropOff(step_before=before, step=step, lost=most.lost, lost_pp=most.lost_pp)


def _provisional(weeks: Weeks) -> Provisional:
    ages = [age for age in weeks.ages if weeks.provisional_steps(age)]
    return Provisional(
        steps=weeks.provisional_steps(0),
        maturity_days=weeks.maturity_days,
        mature_at=weeks.mature_at(0),
        all_time=ProvisionalSteps(
            steps=(SHIPPED,) if ages else (),
            # All time is complete as soon as the newest provisional week is.
            mature_at=weeks.mature_at(ages[0]) if ages else None,
        ),
        equal_age=EqualAgeWeeks(week=_equal_age(weeks.ago(0)), previous_week=_equal_age(weeks.ago(1))),
        newest_mature_week=_newest_mature_week(weeks),
    )


def _equal_age(row: WeekOfSessions) -> EqualAge:
    """Return how many of a week's sessions had shipped when the week ended."""
    return EqualAge(
        sessions=row.sessions,
        checkout=row.checkout,
        package_shipped=row.shipped_by_week_end,
        conversion=values.share(row.shipped_by_week_end, row.sessions),
    )


def _newest_mature_week(weeks: Weeks) -> MatureWeek | None:
    age = next((age for age in weeks.ages if not weeks.provisional_steps(age)), None)
    if age is None:
        return None
    row, period = weeks.ago(age), weeks.period(age)
    return MatureWeek(
        start=period.start,
        end=period.end,
        sessions=row.sessions,
        package_shipped=row.package_shipped,
        conversion=values.share(row.package_shipped, row.sessions),
    )


def _verdict(week: WeekOfSessions, previous_week: WeekOfSessions) -> HeadlineVerdict:
    """Return the conversion of the headline and its change since the previous week, with their intervals."""
    now, before = (_reached(row, VERDICT_STEP) for row in (week, previous_week))
    p_value, reading = statistics.significance(now, before)
    return HeadlineVerdict(
        step=VERDICT_STEP,
        conversion=values.share(*now),
        interval=values.rounded_interval(statistics.interval(now)),
        change_pp=values.difference_in_points(values.share(*now), values.share(*before)),
        change_interval_pp=values.interval_in_points(statistics.difference_interval(now, before)),
        p_value=values.rounded_p_value(p_value),
        reading=reading,
    )


def intervals_of(counts: StepCounts) -> StepIntervals:
    """Return the interval of each step's conversion."""

    def interval(step: str) -> tuple[float, float] | None:
        return values.rounded_interval(statistics.interval(Share(counts.of(step), counts.sessions)))

    return StepIntervals(**_by_step(interval))


def _reached(row: WeekOfSessions, step: str, *, at_equal_age: bool = False) -> Share:
    """Return how many of a week's sessions reached a step. At equal age, only shipments before the week's end count."""
    return Share(row.shipped_by_week_end if at_equal_age else row.of(step), row.sessions)


def _change(weeks: Weeks) -> WeekChange:
    """Return the change since the previous week. For each step, add the change against the four weeks before."""
    sessions, sessions_before = weeks.ago(0).sessions, weeks.ago(1).sessions
    return WeekChange(
        sessions=sessions - sessions_before,
        sessions_share=values.share(sessions - sessions_before, sessions_before),
        steps=StepChanges(**_by_step(lambda step: _step_change(weeks, step))),
    )


def _step_change(weeks: Weeks, step: str) -> StepChange:
    """Return the change of a step. A step that is provisional in one of the compared weeks is compared at equal age."""
    ages = range(MEDIAN_WEEKS + 1)
    provisional = [step in weeks.provisional_steps(age) for age in ages]
    at_equal_age, median_at_equal_age = any(provisional[:2]), any(provisional)
    now, before = (_reached(weeks.ago(age), step, at_equal_age=at_equal_age) for age in ages[:2])
    p_value, reading = statistics.significance(now, before)
    of_median, *others = (
        values.share(*_reached(weeks.ago(age), step, at_equal_age=median_at_equal_age)) for age in ages
    )
    known = [conversion for conversion in others if conversion is not None]
    return StepChange(
        conversion_pp=values.difference_in_points(values.share(*now), values.share(*before)),
        at_equal_age=at_equal_age,
        median_pp=values.difference_in_points(of_median, median(known) if known else None),
        median_weeks=len(known),
        median_at_equal_age=median_at_equal_age,
        p_value=values.rounded_p_value(p_value),
        reading=reading,
    )


def _recent_change(weeks: Weeks, step: str) -> RecentChange:
    """Return a step in the last four weeks against the four before, and since when it differs.

    A step that is provisional in one of these weeks is compared at equal age. Nothing is compared if one of the eight
    weeks has no session.
    """
    ages = range(2 * RECENT_WEEKS - 1, -1, -1)
    at_equal_age = any(step in weeks.provisional_steps(age) for age in ages)
    series = [_reached(weeks.ago(age), step, at_equal_age=at_equal_age) for age in ages]
    before, now = statistics.total(series[:RECENT_WEEKS]), statistics.total(series[RECENT_WEEKS:])
    is_whole = all(share.sessions for share in series)
    p_value, reading = statistics.significance(now, before) if is_whole else (None, statistics.NO_COMPARISON)
    found = statistics.change_point(series) if p_value is not None else None
    since = found and Since(
        **dict(weeks.period(ages[found.place])),
        change_pp=values.in_points(found.after.rate - found.before.rate),
        p_adjusted=round(found.p_adjusted, 6),
        compared=found.compared,
        significant=statistics.is_more_than_noise(found.p_adjusted, found.after, found.before),
    )
    return RecentChange(
        sessions=now.sessions,
        sessions_before=before.sessions,
        reached=now.reached,
        reached_before=before.reached,
        conversion=values.share(*now),
        conversion_before=values.share(*before),
        change_pp=values.in_points(now.rate - before.rate) if is_whole else None,
        change_interval_pp=values.interval_in_points(statistics.difference_interval(now, before)) if is_whole else None,
        at_equal_age=at_equal_age,
        p_value=values.rounded_p_value(p_value),
        reading=reading,
        since=since,
    )


def _session_days(rows: Sequence[WeekOfSessions]) -> Days | None:
    """Return the days on which the first and the last known session started; None without any."""
    starts = [row.first_started_at for row in rows if row.first_started_at]
    ends = [row.last_started_at for row in rows if row.last_started_at]
    return Days(first=min(starts).date(), last=max(ends).date()) if starts and ends else None


def _pace(rows: Sequence[StepTime], provisional_steps: Sequence[str]) -> Pace:
    """Return how long sessions took from step to step. A provisional step will get slower with the late shipments."""
    found = {row.step: row for row in rows}
    steps = {
        step: StepPace(
            step_before=before,
            median_seconds=values.in_seconds(found[step].median_microseconds) if step in found else None,
            sessions=found[step].sessions if step in found else 0,
            provisional=step in provisional_steps,
        )
        for before, step in pairwise(STEPS)
    }
    sure = [row for row in rows if row.sessions >= statistics.ENOUGH_SESSIONS]
    slowest = max(sure, key=lambda row: (row.median_microseconds, -STEPS.index(row.step)), default=None)
    return Pace(steps=PaceSteps(**steps), slowest=slowest.step if slowest else None)


def _trend(weeks: Weeks) -> tuple[TrendWeek, ...]:
    """Return the last 12 weeks, oldest first, from the first week on that has a session."""
    first = min(TREND_WEEKS - 1, max(weeks.ages, default=0))
    return tuple(_trend_week(weeks, age) for age in range(first, -1, -1))


def _trend_week(weeks: Weeks, age: int) -> TrendWeek:
    row, period = weeks.ago(age), weeks.period(age)
    return TrendWeek(
        start=period.start,
        end=period.end,
        **{name: row.of(name) for name in COUNTS},
        conversion=Conversions(**_by_step(lambda step: values.share(row.of(step), row.sessions))),
        equal_age=ShippedShare(package_shipped=values.share(row.shipped_by_week_end, row.sessions)),
        provisional=weeks.provisional_steps(age),
    )
