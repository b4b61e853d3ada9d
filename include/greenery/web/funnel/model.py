"""The answers of the API. Shares are fractions of 1, `*_pp` are percentage points, intervals are 95 % intervals."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from greenery.documents import Moment
from greenery.figures.model import (
    ByStep,
    Conversions,
    DropOff,
    Interval,
    StepCounts,
    StepIntervals,
    StepRates,
)
from greenery.figures.order_model import Transition
from greenery.web.funnel.queries import Bucket, Dimension, Step


class Answer(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)


class OfVersion(Answer):
    """A whole answer: the published version that it was read from, and the day as known on which it shows the data."""

    version: int
    as_of: date


class Period(Answer):
    """A period of days: the first day, and the day after the last."""

    from_: date = Field(validation_alias="from", serialization_alias="from")
    to: date


class Named(Answer):
    """A product: its id, and its name for people."""

    id: str
    name: str


class Country(Answer):
    """A country and its states."""

    name: str
    states: tuple[str, ...]


class Note(Answer):
    """Something that happened on a day, from notes.yml."""

    day: date
    kind: Literal["release", "campaign", "incident", "other"]
    text: str = Field(min_length=3, max_length=120)


class Options(OfVersion):
    """The values that can be chosen.

    as_ofs: the days as known on which data can be shown, newest first. first_day, last_day: the days of the first and
    the last session; null if there is none.
    """

    as_ofs: tuple[date, ...]
    first_day: date | None
    last_day: date | None
    products: tuple[Named, ...]
    countries: tuple[Country, ...]
    notes: tuple[Note, ...]
    maturity_days: int


class Segment(Answer):
    """The funnel of a selection.

    provisional: the steps whose counts will still rise. shipped_at_equal_age: the sessions that shipped before the end
    of their own week.
    """

    period: Period
    funnel: StepCounts
    rates: StepRates
    intervals: StepIntervals
    largest_drop_off: DropOff | None
    provisional: tuple[Step, ...]
    shipped_at_equal_age: int


class Difference(Answer):
    """The conversion of a step minus its conversion in the other selection. reading: one of those in summary.json."""

    conversion_pp: float | None
    interval_pp: Interval | None
    p_value: float | None
    reading: str
    at_equal_age: bool


class Differences(ByStep[Difference]):
    """The difference of each step."""


class Comparison(Segment):
    """The other selection. shared_sessions: the number of sessions in both. If there are some, the intervals are only
    approximate."""

    differences: Differences
    shared_sessions: int


class Since(Answer):
    """The same selection as known on the newest day."""

    as_of: date
    funnel: StepCounts


class FunnelAnswer(Segment, OfVersion):
    """The funnel of a selection.

    comparison: the selection that it is compared with; null without one. since: the same selection as known today; null
    for the newest as_of.
    """

    comparison: Comparison | None
    since: Since | None


class Point(Answer):
    """The sessions of the selection that start in a period."""

    period: Period
    funnel: StepCounts
    conversion: Conversions
    intervals: StepIntervals
    provisional: tuple[Step, ...]
    shipped_at_equal_age: float | None


class OverTimeAnswer(OfVersion):
    """The periods that have sessions, oldest first."""

    by: Bucket
    points: tuple[Point, ...]


class Group(Answer):
    """The sessions with one value, and how their conversion differs from the conversion of all others.

    p_adjusted: the p-value, corrected for the number of groups that were tested; null if a side has too few sessions.
    """

    value: str
    name: str
    funnel: StepCounts
    conversion: Conversions
    interval: Interval | None
    difference_pp: float | None
    difference_interval_pp: Interval | None
    p_adjusted: float | None
    reading: str


class BreakdownAnswer(OfVersion):
    """The groups of a selection. at_equal_age: whether the groups are compared at equal age."""

    by: Dimension
    step: Step
    at_equal_age: bool
    provisional: tuple[Step, ...]
    groups: tuple[Group, ...]


class Bin(Answer):
    """The sessions that took less than this time, and at least the time of the bin before. Null: any longer time."""

    under_seconds: int | None
    sessions: int


class StepTimes(Answer):
    """The time that sessions took from the step before to this one, in seconds: percentiles and distribution."""

    step_before: Step = Field(serialization_alias="from")
    step: Step = Field(serialization_alias="to")
    sessions: int
    percentile_10: int | None
    percentile_25: int | None
    median: int | None
    percentile_75: int | None
    percentile_90: int | None
    provisional: bool
    distribution: tuple[Bin, ...]


class TimesPoint(Answer):
    """The time that the sessions of a period took from the step before to this one, in seconds."""

    period: Period
    step: Step
    sessions: int
    percentile_25: int
    median: int
    percentile_75: int


class TimesAnswer(OfVersion):
    """The time between steps, for the selection and over time."""

    by: Bucket
    steps: tuple[StepTimes, ...]
    points: tuple[TimesPoint, ...]


class Session(Answer):
    """A session: when it reached each step, where its user lives, and the products (ids) that it met."""

    session_id: str
    started_at: Moment
    ended_at: Moment
    country: str
    state: str
    visitor: str
    page_view_at: Moment | None
    add_to_cart_at: Moment | None
    checkout_at: Moment | None
    package_shipped_at: Moment | None
    products: tuple[str, ...]


class SessionsAnswer(OfVersion):
    """The sessions behind a bar, newest first. total: the number of all of them, without the limit."""

    total: int
    sessions: tuple[Session, ...]


class Happening(Answer):
    """Events of a session that have the same type, order and product. known_as_of: the first extract that has them."""

    event_type: str | None
    order_id: str | None
    product_id: str | None
    first_at: Moment
    last_at: Moment
    events: int
    known_as_of: date


class OrderVersion(Answer):
    """A version of an order: its values from one extract to another. valid_to: null for the newest version."""

    valid_from: date
    valid_to: date | None
    status: str | None
    created_at: Moment | None
    order_cost: Decimal | None
    shipping_cost: Decimal | None
    order_total: Decimal | None
    promo_id: str | None
    shipping_service: str | None
    tracking_id: str | None
    estimated_delivery_at: Moment | None
    delivered_at: Moment | None
    user_id: str | None
    address_id: str | None


class Item(Answer):
    """A product of an order."""

    product_id: str
    quantity: int | None


class Order(Answer):
    """An order: its items, and its versions, oldest first."""

    order_id: str
    items: tuple[Item, ...]
    versions: tuple[OrderVersion, ...]


class SessionAnswer(OfVersion):
    """A session with all its events and orders."""

    session_id: str
    happenings: tuple[Happening, ...]
    orders: tuple[Order, ...]


class OrderAnswer(OfVersion):
    """An order with its items and versions."""

    order: Order


class ChangedOrder(Answer):
    """An order that changed, with its total and products (ids)."""

    order_id: str
    change: str
    status_from: str | None
    status_to: str | None
    changed_columns: str | None
    created_at: Moment | None
    order_total: Decimal | None
    products: tuple[str, ...]


class OrderChangesAnswer(OfVersion):
    """The orders that changed since the extract before. previous_as_of: null for the first extract of all."""

    previous_as_of: date | None
    changes: dict[str, int]
    status_transitions: tuple[Transition, ...]
    orders: tuple[ChangedOrder, ...]


class FailedCheck(Answer):
    """A check that did not pass."""

    check: str
    severity: str
    observed: str
    accepted: bool


class StatusWeek(Answer):
    """A week: the state of its extract, the results of its checks, and links.

    verdict: the verdict of the quality gate; null if the week was not judged. run: the page of its last run in Airflow.
    """

    as_of: date
    state: str
    reason: str | None
    published: bool
    restated: bool
    outdated: bool
    next_command: str | None
    verdict: str | None
    checks: int
    failed: tuple[FailedCheck, ...]
    has_report: bool
    run: str | None


class StatusAnswer(OfVersion):
    """The weeks, newest first. as_of: the newest published one."""

    weeks: tuple[StatusWeek, ...]
