"""The answers of the API. They are computed from the published data in the same way as the figures of the report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from greenery.figures import statistics, values
from greenery.figures.model import Conversions, StepCounts, StepIntervals
from greenery.figures.rows import COUNTS
from greenery.figures.statistics import Share
from greenery.figures.summary import SHIPPED, intervals_of, largest_drop_off, rates_of
from greenery.publishing.reading import Known, Version
from greenery.source.tables import STEPS
from greenery.warehouse.statements import statement
from greenery.web.funnel.model import (
    Bin,
    BreakdownAnswer,
    Comparison,
    Difference,
    Differences,
    FunnelAnswer,
    Group,
    OverTimeAnswer,
    Period,
    Point,
    Since,
    StepTimes,
    TimesAnswer,
    TimesPoint,
)
from greenery.web.funnel.queries import Breakdown, Bucket, Compared, OverTime
from greenery.web.funnel.selecting import YEAR_OF_WEEKS, Selected, known_on, of_version, select
from greenery.week import WEEK

Row = Mapping[str, Any]
# The ends of the bins, in seconds, with their columns in times.sql.
BINS = {
    60: "under_1_minute",
    300: "under_5_minutes",
    900: "under_15_minutes",
    3600: "under_1_hour",
    21_600: "under_6_hours",
    86_400: "under_1_day",
    259_200: "under_3_days",
    604_800: "under_1_week",
    1_209_600: "under_2_weeks",
    2_419_200: "under_4_weeks",
}


class Answers:
    """Answers questions about one version.

    maturity_days: days after a week's end from which its shipments count as complete.
    """

    def __init__(self, version: Version, maturity_days: int) -> None:
        self._version, self._maturity_days = version, maturity_days

    def funnel(self, query: Compared) -> FunnelAnswer:
        """Return the funnel of a selection, and of the selection that it is compared with.

        As the other methods, it raises HTTPException (422) if a value of the query is not known.
        """
        known = known_on(self._version, query)
        selected = select(known, query)
        row = self._count(known, selected)
        newest = self._version.known_on(self._version.extracts[-1])
        return FunnelAnswer(
            **self._segment(selected, row),
            **of_version(self._version, known),
            comparison=self._comparison(known, query, selected, row),
            since=None
            if newest is known
            else Since(as_of=newest.as_of.date(), funnel=_counts(self._count(newest, selected))),
        )

    def over_time(self, query: OverTime) -> OverTimeAnswer:
        """Return the funnel by day, week or month."""
        known = known_on(self._version, query)
        selected = select(known, query)
        rows = self._rows(known, "counts", selected, by=query.by)
        shares = [Share(row[step], row["sessions"]) for row in rows for step in STEPS]
        intervals = iter(statistics.intervals(shares))
        points = [
            Point(
                period=_bucket(date.fromisoformat(row["value"]), query.by, selected),
                funnel=_counts(row),
                conversion=_conversions(row),
                intervals=StepIntervals(**{step: values.rounded_interval(next(intervals)) for step in STEPS}),
                provisional=_provisional(row),
                shipped_at_equal_age=values.share(row["shipped_at_equal_age"], row["sessions"]),
            )
            for row in rows
        ]
        return OverTimeAnswer(**of_version(self._version, known), by=query.by, points=tuple(points))

    def breakdown(self, query: Breakdown) -> BreakdownAnswer:
        """Return the funnel by one property, each value compared with all others together."""
        known = known_on(self._version, query)
        selected = select(known, query)
        if query.by == "product":
            names = {row["id"]: row["name"] for row in known.all_rows("products")}
            rows = self._rows(known, "counts_by_product", selected)
        else:
            names = {}
            rows = self._rows(known, "counts", selected, by=query.by)
        provisional = query.step == SHIPPED and any(row["not_shipped"] for row in rows)
        reached = "shipped_at_equal_age" if provisional else query.step
        total = Share(sum(row[reached] for row in rows), sum(row["sessions"] for row in rows))
        compared = [
            (
                own := Share(row[reached], row["sessions"]),
                Share(total.reached - own.reached, total.sessions - own.sessions),
            )
            for row in rows
        ]
        intervals = statistics.intervals([Share(row[query.step], row["sessions"]) for row in rows])
        return BreakdownAnswer(
            **of_version(self._version, known),
            by=query.by,
            step=query.step,
            at_equal_age=provisional,
            provisional=_provisional({"not_shipped": any(row["not_shipped"] for row in rows)}),
            groups=tuple(
                Group(
                    value=row["value"],
                    name=names.get(row["value"], row["value"]),
                    funnel=_counts(row),
                    conversion=_conversions(row),
                    interval=values.rounded_interval(interval),
                    **difference,
                )
                for row, interval, difference in zip(rows, intervals, _from_rest(compared), strict=True)
            ),
        )

    def times(self, query: OverTime) -> TimesAnswer:
        """Return the time between steps."""
        known = known_on(self._version, query)
        selected = select(known, query)
        provisional = bool(self._count(known, selected)["not_shipped"])
        moves = ("moves", statement("funnel/moves"))
        found = {row["step"]: row for row in self._rows(known, "times", selected, moves)}
        points = self._rows(known, "times_by_period", selected, moves, by=query.by)
        return TimesAnswer(
            **of_version(self._version, known),
            by=query.by,
            steps=tuple(_times(before, step, found.get(step), provisional) for before, step in pairwise(STEPS)),
            points=tuple(
                TimesPoint(
                    period=_bucket(row["value"], query.by, selected),
                    step=row["step"],
                    sessions=row["sessions"],
                    percentile_25=values.in_seconds(row["percentile_25"]),
                    median=values.in_seconds(row["percentile_50"]),
                    percentile_75=values.in_seconds(row["percentile_75"]),
                )
                for row in sorted(points, key=lambda row: (row["value"], STEPS.index(row["step"])))
            ),
        )

    def _rows(
        self, known: Known, name: str, selected: Selected, *ctes: tuple[str, str], **parameters: object
    ) -> list[dict[str, Any]]:
        # The weeks that are not mature by age start on this day.
        young_from = known.as_of - -(-timedelta(days=self._maturity_days) // WEEK) * WEEK
        return known.rows(
            name,
            {**selected.parameters, "young_from": young_from, **parameters},
            ("selected", selected.query),
            *ctes,
        )

    def _count(self, known: Known, selected: Selected) -> Row:
        found = self._rows(known, "counts", selected, by=None)
        return found[0] if found else dict.fromkeys((*COUNTS, "shipped_at_equal_age", "not_shipped"), 0)

    def _segment(self, selected: Selected, row: Row) -> dict[str, Any]:
        counts, provisional = _counts(row), _provisional(row)
        rates = rates_of(counts)
        return {
            "period": Period(from_=selected.start.date(), to=selected.end.date()),
            "funnel": counts,
            "rates": rates,
            "intervals": intervals_of(counts),
            "largest_drop_off": largest_drop_off(rates, provisional),
            "provisional": provisional,
            "shipped_at_equal_age": row["shipped_at_equal_age"],
        }

    def _comparison(self, known: Known, query: Compared, selected: Selected, row: Row) -> Comparison | None:
        if query.compare == "none":
            return None
        if query.compare == "other":
            other = select(known, query.other(), "other_")
        else:
            other = selected.earlier(selected.end - selected.start if query.compare == "previous" else YEAR_OF_WEEKS)
        before = self._count(known, other)
        equal_age = bool(row["not_shipped"] or before["not_shipped"])
        return Comparison(
            **self._segment(other, before),
            differences=Differences(**{step: _difference(step, row, before, equal_age) for step in STEPS}),
            shared_sessions=_shared(known, selected, other),
        )


def _shared(known: Known, selected: Selected, other: Selected) -> int:
    if selected.end <= other.start or other.end <= selected.start:
        return 0
    # Both queries have the same parameters: those of the other one get names of their own.
    parameters = {**selected.parameters, **{f"other_{name}": value for name, value in other.parameters.items()}}
    other_query = re.sub(r"\$", "$other_", other.query)
    row = known.rows("shared_sessions", parameters, ("selected", selected.query), ("other", other_query))[0]
    return int(row["sessions"])


def _counts(row: Row) -> StepCounts:
    return StepCounts(**{name: row[name] for name in COUNTS})


def _conversions(row: Row) -> Conversions:
    return Conversions(**{step: values.share(row[step], row["sessions"]) for step in STEPS})


def _provisional(row: Row) -> tuple[Any, ...]:
    return (SHIPPED,) if row["not_shipped"] else ()


def _difference(step: str, row: Row, before: Row, equal_age: bool) -> Difference:
    """Return how a step's conversion differs. A step that is provisional on either side is compared at equal age."""
    at_equal_age = equal_age and step == SHIPPED
    reached = "shipped_at_equal_age" if at_equal_age else step
    now, then = (Share(one[reached], one["sessions"]) for one in (row, before))
    p_value, reading = statistics.significance(now, then)
    return Difference(
        conversion_pp=values.difference_in_points(values.share(*now), values.share(*then)),
        interval_pp=_points(statistics.difference_interval(now, then)),
        p_value=values.rounded_p_value(p_value),
        reading=reading,
        at_equal_age=at_equal_age,
    )


def _from_rest(compared: Sequence[tuple[Share, Share]]) -> Iterable[dict[str, Any]]:
    """Yield for each group how it differs from the rest, corrected for the number of groups that are tested."""
    verdicts = [statistics.significance(*shares) for shares in compared]
    tested = [p_value for p_value, _ in verdicts if p_value is not None]
    adjusted = iter(statistics.adjusted(tested))
    intervals = statistics.difference_intervals(compared)
    for (own, rest), (p_value, reading), interval in zip(compared, verdicts, intervals, strict=True):
        p_adjusted = None if p_value is None else next(adjusted)
        if p_adjusted is not None:
            significant = statistics.is_more_than_noise(p_adjusted, own, rest)
            reading = statistics.MORE_THAN_NOISE if significant else statistics.WITHIN_NOISE
        yield {
            "difference_pp": values.difference_in_points(values.share(*own), values.share(*rest)),
            "difference_interval_pp": _points(interval),
            "p_adjusted": values.rounded_p_value(p_adjusted),
            "reading": reading,
        }


def _points(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    return None if interval is None else (values.in_points(interval[0]), values.in_points(interval[1]))


def _times(before: Any, step: Any, row: Row | None, provisional: bool) -> StepTimes:
    def seconds(percentile: int) -> int | None:
        return None if row is None else values.in_seconds(row[f"percentile_{percentile}"])

    under = [0, *(row[column] for column in BINS.values()), row["sessions"]] if row else []
    sessions = [now - less for less, now in pairwise(under)]
    return StepTimes(
        step_before=before,
        step=step,
        sessions=row["sessions"] if row else 0,
        percentile_10=seconds(10),
        percentile_25=seconds(25),
        median=seconds(50),
        percentile_75=seconds(75),
        percentile_90=seconds(90),
        provisional=provisional and step == SHIPPED,
        distribution=tuple(
            Bin(under_seconds=end, sessions=number) for end, number in zip([*BINS, None], sessions, strict=False)
        ),
    )


def _bucket(start: date, by: Bucket, selected: Selected) -> Period:
    """Return the part of a period that lies in the selection."""
    if by == "month":
        end = date(start.year + start.month // 12, start.month % 12 + 1, 1)
    else:
        end = start + (timedelta(days=1) if by == "day" else WEEK)
    return Period(from_=max(start, _day(selected.start)), to=min(end, _day(selected.end)))


def _day(moment: datetime) -> date:
    return moment.date()
