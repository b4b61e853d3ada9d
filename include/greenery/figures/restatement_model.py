"""What differs between two reports of a week, as restatement.json holds it."""

from __future__ import annotations

from pydantic import JsonValue

from greenery.documents import Document, Moment


class FigureChange(Document):
    """A figure that differs, named by its path in summary.json. A value is None if that summary lacks the figure."""

    figure: str
    old: JsonValue
    new: JsonValue


class OrderState(Document):
    """The change of an order, without its id."""

    change: str
    status_from: str | None
    status_to: str | None
    changed_columns: str | None
    order_total: float | None = None
    products: str | None = None


class OrderRestated(Document):
    """An order whose change differs. old or new is None if the order did not change in that version."""

    order_id: str
    old: OrderState | None
    new: OrderState | None


class Restatement(Document):
    """The content of restatement.json: the figures and orders of a week that differ from its report before."""

    as_of: Moment
    figures: tuple[FigureChange, ...]
    orders: tuple[OrderRestated, ...]
