"""The orders that changed since the extract before, and those that are stuck in a status."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from operator import attrgetter
from typing import NamedTuple

from greenery.figures import values
from greenery.figures.order_model import OrderChange, OrderChanges, Peers, Stuck, StuckOrder, Transition
from greenery.figures.rows import OrderProduct, StatusStay, WeekRows

# New orders are counted, and are not among the changed ones.
ASKED_FOR = ("status_changed", "removed", "returned", "details_changed")
CHANGES = (*ASKED_FOR, "new")
COLUMNS = tuple(OrderChange.model_fields)
# A spreadsheet reads a cell that begins with one of these as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
WEEK = timedelta(days=7)


class OrdersAlike(NamedTuple):
    """Orders that changed in the same way. The statuses are None if the change is no status change."""

    change: str
    status_from: str | None
    status_to: str | None
    orders: tuple[OrderChange, ...]


def build(rows: WeekRows) -> OrderChanges:
    """Return the part `order_changes` of summary.json."""
    as_of, previous_as_of = rows.as_of, rows.previous_as_of
    products = _products(rows.order_products)
    changes = [row.model_copy(update={"products": products.get(row.order_id)}) for row in rows.order_changes]
    counts = Counter(row.change for row in changes)
    return OrderChanges(
        # None for the first extract of all.
        previous_as_of=values.moment(previous_as_of) if previous_as_of else None,
        # The states of an imported history can be at any time.
        weeks_since_previous=max(1, round((as_of - previous_as_of) / WEEK)) if previous_as_of else None,
        total=len(changes),
        changed=len(changes) - counts["new"],
        new=counts["new"],
        status_changed=counts["status_changed"],
        details_changed=counts["details_changed"],
        removed=counts["removed"],
        returned=counts["returned"],
        status_transitions=transitions(
            [(row.status_from, row.status_to) for row in changes if row.change == "status_changed"]
        ),
        orders=tuple(sorted(changes, key=attrgetter("change", "order_id"))),
        stuck=_stuck(rows.stuck_orders),
    )


def groups(changes: OrderChanges) -> list[OrdersAlike]:
    """Return the changed orders in groups by kind of change, without new orders.

    Status changes come first, the rarest first, because people ask about these first. Then come removed orders,
    returned orders, and orders of which other columns changed.
    """
    found: dict[tuple[str, str | None, str | None], list[OrderChange]] = {}
    for order in changes.orders:
        is_move = order.change == "status_changed"
        move = (order.status_from, order.status_to) if is_move else (None, None)
        found.setdefault((order.change, *move), []).append(order)

    def rank(alike: OrdersAlike) -> tuple[int, int, str, str]:
        rarity = len(alike.orders) if alike.change == "status_changed" else 0
        return ASKED_FOR.index(alike.change), rarity, alike.status_from or "", alike.status_to or ""

    alike = [OrdersAlike(*kind, tuple(orders)) for kind, orders in found.items() if kind[0] in ASKED_FOR]
    return sorted(alike, key=rank)


def _products(rows: Sequence[OrderProduct]) -> dict[str, str]:
    """Return the products of each order as a text such as `Fern, 2 x Monstera`."""
    found: dict[str, list[str]] = {}
    for row in rows:
        times = f"{row.quantity} x " if row.quantity not in (None, 1) else ""
        found.setdefault(row.order_id, []).append(f"{times}{row.name}")
    return {order_id: ", ".join(names) for order_id, names in found.items()}


def to_csv(changes: OrderChanges) -> str:
    """Return changed orders as CSV text with a header, in the order of `groups`; new orders come last.

    An apostrophe stands before text that a spreadsheet would take for a formula.
    """
    orders = [order for alike in groups(changes) for order in alike.orders]
    orders += [order for order in changes.orders if order.change == "new"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for order in orders:
        writer.writerow(_no_formula(getattr(order, name)) for name in COLUMNS)
    return text.getvalue()


def _no_formula(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def transitions(moves: Iterable[tuple[str | None, str | None]]) -> tuple[Transition, ...]:
    """Count the status changes of orders, the most frequent first.

    moves: for each order its status before and after.
    """
    moved = Counter(moves)
    # A status can be empty in the source: it sorts first and prints as null.
    ordered = sorted(moved.items(), key=lambda item: (-item[1], item[0][0] or "", item[0][1] or ""))
    return tuple(Transition(status_from=before, status_to=after, orders=orders) for (before, after), orders in ordered)


def _stuck(stays: Sequence[StatusStay]) -> Stuck:
    """Return the orders that are in a status longer than 95 % of their peers, longest first."""
    orders = [
        StuckOrder(
            order_id=stay.order_id,
            status=stay.status,
            since=values.moment(stay.since),
            days=values.in_days(stay.microseconds),
            days_95=values.in_days(stay.microseconds_95),
        )
        for stay in sorted(stays, key=lambda stay: (-(stay.microseconds or 0), stay.order_id or ""))
        if stay.order_id is not None and stay.since is not None and stay.microseconds is not None
    ]
    return Stuck(
        total=len(orders),
        peers={
            stay.status: Peers(orders=stay.stays, days_95=values.in_days(stay.microseconds_95))
            for stay in sorted(stays, key=attrgetter("status"))
        },
        orders=tuple(orders),
    )
