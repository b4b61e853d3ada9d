"""The rows that a summary is worked out from, as `include/sql/figures/` returns them. Times are naive UTC."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from greenery.figures.order_model import OrderChange
from greenery.source.tables import STEPS

COUNTS = ("sessions", *STEPS)


class Row(BaseModel):
    """A row of a statement. The fields are its columns."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WeekOfSessions(Row):
    """A row of sessions_by_week.sql: the number of known sessions that start in a week, and that reach each step.

    weeks_ago: 0 is the week of the report. shipped_by_week_end: sessions that shipped before the end of this week.
    checkouts_not_shipped: sessions with a checkout that have not shipped yet.
    first_started_at, last_started_at: the starts of the first and the last of these sessions.
    """

    weeks_ago: int
    sessions: int
    page_view: int
    add_to_cart: int
    checkout: int
    package_shipped: int
    shipped_by_week_end: int
    checkouts_not_shipped: int
    first_started_at: datetime | None = None
    last_started_at: datetime | None = None

    @classmethod
    def none(cls, weeks_ago: int) -> WeekOfSessions:
        """Return a week in which no session starts."""
        counts = dict.fromkeys((*COUNTS, "shipped_by_week_end", "checkouts_not_shipped"), 0)
        return cls.model_validate({**counts, "weeks_ago": weeks_ago})

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


class OrderProduct(Row):
    """A row of order_products.sql: a product of an order that changed."""

    order_id: str
    name: str
    quantity: int | None


class StatusStay(Row):
    """A row of stuck_orders.sql: an order that is stuck in a status. A status in which no order is stuck has one row
    without an order.

    stays: how many stays in the status have ended. microseconds_95: the time in which 95 % of them ended.
    since, microseconds: when the order entered the status, and how long it has been in it.
    """

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
    order_products: tuple[OrderProduct, ...] = ()
    pace: tuple[StepTime, ...] = ()
    movers: tuple[GroupCounts, ...] = ()
    stuck_orders: tuple[StatusStay, ...] = ()
