"""The rows that a summary is worked out from, as `include/sql/figures/` returns them. Times are naive UTC."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from greenery.figures.model import OrderChange


class Row(BaseModel):
    """A row, with the columns of its statement."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WeekOfSessions(Row):
    """A row of sessions_by_week.sql: the sessions that start in a week, as far as known."""

    weeks_ago: int
    sessions: int
    page_view: int
    add_to_cart: int
    checkout: int
    package_shipped: int
    shipped_by_week_end: int
    checkouts_not_shipped: int

    @classmethod
    def none(cls, weeks_ago: int) -> WeekOfSessions:
        """Return a week in which no session starts."""
        return cls.model_validate({**dict.fromkeys(cls.model_fields, 0), "weeks_ago": weeks_ago})

    def of(self, name: str) -> int:
        """Return the number of all sessions, or of those that reached a step."""
        value: int = getattr(self, name)
        return value


class StepTime(Row):
    """A row of pace.sql: the time from the step before to this one."""

    step: str
    sessions: int
    median_microseconds: float


class GroupCounts(Row):
    """A row of movers.sql: a product, country or state in the week and in the week before."""

    dimension: str
    value: str
    name: str
    sessions: int
    sessions_before: int
    reached: int
    reached_before: int


class StatusStay(Row):
    """A row of stuck_orders.sql: a status with an order that is stuck in it; without one where none is."""

    status: str
    stays: int
    microseconds_95: float
    order_id: str | None
    since: datetime | None
    microseconds: float | None


class WeekRows(Row):
    """All rows of a week.

    previous_as_of: None for the first extract of all.
    """

    as_of: datetime
    previous_as_of: datetime | None
    sessions_by_week: tuple[WeekOfSessions, ...]
    events_without_session: int = 0
    order_changes: tuple[OrderChange, ...]
    pace: tuple[StepTime, ...] = ()
    movers: tuple[GroupCounts, ...] = ()
    stuck_orders: tuple[StatusStay, ...] = ()
