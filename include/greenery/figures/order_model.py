"""The orders of a week, as summary.json holds them: those that are new or changed, and those that are stuck."""

from __future__ import annotations

from pydantic import Field

from greenery.documents import Document, Moment


class Transition(Document):
    """The number of orders that went from one status to another."""

    status_from: str | None = Field(validation_alias="from", serialization_alias="from")
    status_to: str | None = Field(validation_alias="to", serialization_alias="to")
    orders: int


class OrderChange(Document):
    """An order that changed since the extract before.

    order_total (US dollars), products (one text): from the newest extract up to the week's end that has the order.
    """

    order_id: str
    change: str
    status_from: str | None
    status_to: str | None
    changed_columns: str | None
    order_total: float | None = None
    products: str | None = None


class Peers(Document):
    """The stays in a status that have ended: how many, and within how many days 95 % of them ended."""

    orders: int
    days_95: float


class StuckOrder(Document):
    """An order that is in its status for longer than 95 % of its peers."""

    order_id: str
    status: str
    since: Moment
    days: float
    days_95: float


class Stuck(Document):
    """The orders that are stuck, longest first, with the peers of each status."""

    total: int
    peers: dict[str, Peers]
    orders: tuple[StuckOrder, ...]


class OrderChanges(Document):
    """The orders that are new or changed since the extract before, and those that are stuck.

    total: orders of all kinds. changed: the same without the new orders.
    """

    previous_as_of: Moment | None
    weeks_since_previous: int | None
    total: int
    changed: int
    new: int
    status_changed: int
    details_changed: int
    removed: int
    returned: int
    status_transitions: tuple[Transition, ...]
    orders: tuple[OrderChange, ...]
    stuck: Stuck

    def of(self, change: str) -> int:
        """Return the number of orders with a kind of change."""
        value: int = getattr(self, change)
        return value
