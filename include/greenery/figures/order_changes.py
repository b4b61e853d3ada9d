"""The orders that changed since the extract before, and those that are stuck in a status."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from greenery.figures import values
from greenery.figures.model import OrderChange, OrderChanges, Peers, Stuck, StuckOrder, Transition
from greenery.figures.rows import StatusStay

CHANGES = ("new", "status_changed", "details_changed", "removed", "returned")
COLUMNS = tuple(OrderChange.model_fields)
# A spreadsheet takes a cell that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
WEEK = timedelta(days=7)


def build(
    as_of: datetime,
    previous_as_of: datetime | None,
    changes: Sequence[OrderChange],
    stays: Sequence[StatusStay],
) -> OrderChanges:
    """Return the part `order_changes` of summary.json.

    as_of, previous_as_of: naive UTC; previous_as_of is None for the first extract of all.
    """
    counts = Counter(row.change for row in changes)
    return OrderChanges(
        previous_as_of=values.moment(previous_as_of) if previous_as_of else None,
        weeks_since_previous=(as_of - previous_as_of) // WEEK if previous_as_of else None,
        total=len(changes),
        new=counts["new"],
        status_changed=counts["status_changed"],
        details_changed=counts["details_changed"],
        removed=counts["removed"],
        returned=counts["returned"],
        status_transitions=transitions(
            [(row.status_from, row.status_to) for row in changes if row.change == "status_changed"]
        ),
        orders=tuple(sorted(changes, key=attrgetter("change", "order_id"))),
        stuck=_stuck(stays),
    )


def to_csv(orders: Sequence[OrderChange], *, for_spreadsheets: bool = False) -> str:
    """Return changed orders as CSV text with a header.

    for_spreadsheets: an apostrophe stands before text that a spreadsheet would take for a formula.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for order in orders:
        cells = [getattr(order, name) for name in COLUMNS]
        writer.writerow(map(_no_formula, cells) if for_spreadsheets else cells)
    return text.getvalue()


def _no_formula(value: str | None) -> str | None:
    return f"'{value}" if value and value.startswith(FORMULA) else value


def transitions(moves: Iterable[tuple[str | None, str | None]]) -> tuple[Transition, ...]:
    """Count the status changes of orders, the most frequent first.

    moves: the status before and after, of each order.
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
            days=values.days(stay.microseconds),
            days_95=values.days(stay.microseconds_95),
        )
        for stay in sorted(stays, key=lambda stay: (-(stay.microseconds or 0), stay.order_id or ""))
        if stay.order_id is not None and stay.since is not None and stay.microseconds is not None
    ]
    return Stuck(
        total=len(orders),
        peers={
            stay.status: Peers(orders=stay.stays, days_95=values.days(stay.microseconds_95))
            for stay in sorted(stays, key=attrgetter("status"))
        },
        orders=tuple(orders),
    )
