"""The figures of a week, as summary.json holds them.

Shares are fractions of 1, `*_pp` are percentage points. The order of the fields is the order of the keys in the file.
"""

from __future__ import annotations

from datetime import date
from typing import Generic, TypeVar

from pydantic import Field

from greenery.documents import Document, Moment
from greenery.figures.order_model import OrderChanges

T = TypeVar("T")
Interval = tuple[float, float]
"""The ends of a 95 % interval."""


class ByStep(Document, Generic[T]):
    """One value for each step of the funnel."""

    page_view: T
    add_to_cart: T
    checkout: T
    package_shipped: T

    def of(self, step: str) -> T:
        """Return the value of a step."""
        value: T = getattr(self, step)
        return value

    def values(self) -> tuple[T, ...]:
        """Return the values of all steps, in order."""
        return self.page_view, self.add_to_cart, self.checkout, self.package_shipped


class ByScope(Document, Generic[T]):
    """One value for the week, one for the week before, one for all sessions known."""

    week: T
    previous_week: T
    all_time: T

    def of(self, scope: str) -> T:
        """Return the value of a scope."""
        value: T = getattr(self, scope)
        return value


class Period(Document):
    """A week: it holds its start, and ends before its end."""

    start: Moment
    end: Moment


class StepCounts(Document):
    """The number of sessions, and of those that reached each step."""

    sessions: int
    page_view: int
    add_to_cart: int
    checkout: int
    package_shipped: int

    def of(self, name: str) -> int:
        """Return the number of all sessions, or of those that reached a step."""
        value: int = getattr(self, name)
        return value


class Funnel(ByScope[StepCounts]):
    """The sessions that reached each step."""


class Rate(Document):
    """A step: its conversion, its step conversion, and the sessions lost since the step before.

    conversion: as a share of all sessions. step_conversion: as a share of the sessions that reached the step before.
    lost: the sessions that reached the step before, minus those that reached this step. lost_pp: as a share of all
    sessions. A share is None if there is no session to divide by.
    """

    conversion: float | None
    step_conversion: float | None
    lost: int
    lost_pp: float | None


class StepRates(ByStep[Rate]):
    """The rates of each step."""


class Rates(ByScope[StepRates]):
    """The rates of each scope."""


class StepIntervals(ByStep[Interval | None]):
    """The 95 % interval of each step's conversion; None without sessions."""


class Intervals(Document):
    """The 95 % intervals of the week and of all sessions known."""

    week: StepIntervals
    all_time: StepIntervals

    def of(self, scope: str) -> StepIntervals:
        """Return the intervals of a scope."""
        value: StepIntervals = getattr(self, scope)
        return value


class DropOff(Document):
    """The pair of neighbouring steps between which most sessions are lost."""

    step_before: str = Field(validation_alias="from", serialization_alias="from")
    step: str = Field(validation_alias="to", serialization_alias="to")
    lost: int
    lost_pp: float


class DropOffs(ByScope[DropOff | None]):
    """The largest drop-off of each scope; None where no step loses sessions."""


class HeadlineVerdict(Document):
    """The conversion of the headline and its change since the week before, with their intervals.

    p_value, reading: of the change. `statistics` has the four readings.
    """

    step: str
    conversion: float | None
    interval: Interval | None
    change_pp: float | None
    change_interval_pp: Interval | None
    p_value: float | None
    reading: str


class StepChange(Document):
    """The change of a step's conversion against the week before, and against the median of the weeks before it.

    at_equal_age, median_at_equal_age: whether only what had shipped by each week's own end is compared.
    """

    conversion_pp: float | None
    at_equal_age: bool
    median_pp: float | None
    median_weeks: int
    median_at_equal_age: bool
    p_value: float | None
    reading: str


class StepChanges(ByStep[StepChange]):
    """The change of each step."""


class WeekChange(Document):
    """The change of the sessions and of each step since the week before."""

    sessions: int
    sessions_share: float | None
    steps: StepChanges


class Since(Period):
    """The week from which on a step's conversion differs most from the weeks before it.

    p_adjusted: the p-value of the difference, corrected for trying all `compared` splits.
    """

    change_pp: float
    p_adjusted: float
    compared: int
    significant: bool


class RecentChange(Document):
    """A step in the last four weeks and in the four before them.

    at_equal_age: whether only what had shipped by each week's own end is compared.
    since: None if there are too few sessions, or if nothing differs.
    """

    sessions: int
    sessions_before: int
    reached: int
    reached_before: int
    conversion: float | None
    conversion_before: float | None
    change_pp: float | None
    change_interval_pp: Interval | None
    at_equal_age: bool
    p_value: float | None
    reading: str
    since: Since | None


class RecentChanges(Document):
    """The answer to "is it improving?": the last weeks against as many weeks before them."""

    weeks: int
    steps: ByStep[RecentChange]


class StepPace(Document):
    """The time that sessions took from the step before to this one."""

    step_before: str = Field(validation_alias="from", serialization_alias="from")
    median_seconds: int | None
    sessions: int
    provisional: bool


class PaceSteps(Document):
    """The pace of each step that has a step before it."""

    add_to_cart: StepPace
    checkout: StepPace
    package_shipped: StepPace

    def of(self, step: str) -> StepPace:
        """Return the pace of a step."""
        value: StepPace = getattr(self, step)
        return value


class Pace(Document):
    """The time from step to step. slowest is None where no step has enough sessions to compare."""

    steps: PaceSteps
    slowest: str | None


class Mover(Document):
    """A product, country or state that moved the conversion of all sessions.

    p_value: of the change of its own conversion. p_adjusted: the same, corrected for the number of groups that were
    compared. significant: whether this change is more than noise.
    share, share_before: its part of all sessions in the week and in the week before. share_p_adjusted,
    share_significant: the same test for the change of this part. They are None and false for a product, because a
    session can meet several products.
    """

    dimension: str
    value: str
    name: str
    sessions: int
    sessions_before: int
    reached: int
    reached_before: int
    conversion: float | None
    conversion_before: float | None
    change_pp: float | None
    contribution_pp: float
    mix_pp: float | None
    rate_pp: float
    p_value: float | None
    p_adjusted: float | None
    significant: bool
    share: float | None
    share_before: float | None
    share_p_adjusted: float | None
    share_significant: bool


class Movers(Document):
    """The groups that moved most.

    compared: the number of groups that were compared. moved: the number of these whose own conversion, or share of the
    sessions, changed by more than noise.
    """

    step: str
    compared: int
    moved: int
    movers: tuple[Mover, ...]


class ProvisionalSteps(Document):
    """The provisional steps of all sessions known, and when they are complete."""

    steps: tuple[str, ...]
    mature_at: Moment | None


class EqualAge(Document):
    """The sessions of a week, and those of them that had shipped when the week ended."""

    sessions: int
    checkout: int
    package_shipped: int
    conversion: float | None


class EqualAgeWeeks(Document):
    """The week and the week before, each with the shipments before its own end."""

    week: EqualAge
    previous_week: EqualAge


class MatureWeek(Period):
    """A week whose shipments are complete."""

    sessions: int
    package_shipped: int
    conversion: float | None


class Provisional(Document):
    """The provisional steps of the week, the time by which they are complete, and the comparison of weeks until then.

    maturity_days: days after a week's end from which its shipments count as complete.
    """

    steps: tuple[str, ...]
    maturity_days: int
    mature_at: Moment
    all_time: ProvisionalSteps
    equal_age: EqualAgeWeeks
    newest_mature_week: MatureWeek | None


class Conversions(ByStep[float | None]):
    """The conversion of each step; None without sessions."""


class ShippedShare(Document):
    """The share of a week's sessions that had shipped when the week ended."""

    package_shipped: float | None


class TrendWeek(Period):
    """One of the last weeks, as it is known now."""

    sessions: int
    page_view: int
    add_to_cart: int
    checkout: int
    package_shipped: int
    conversion: Conversions
    equal_age: ShippedShare
    provisional: tuple[str, ...]


class Days(Document):
    """The first and the last day (UTC) of a period."""

    first: date
    last: date


class Summary(Document):
    """The content of summary.json: all figures of a week."""

    as_of: Moment
    week: Period
    session_days: Days | None
    verdict: HeadlineVerdict
    funnel: Funnel
    # A file of an earlier version of the code lacks it.
    events_without_session: int = 0
    rates: Rates
    intervals: Intervals
    largest_drop_off: DropOffs
    change: WeekChange
    four_weeks: RecentChanges
    pace: Pace
    movers: Movers
    provisional: Provisional
    trend: tuple[TrendWeek, ...]
    order_changes: OrderChanges
