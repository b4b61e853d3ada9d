"""The orders that changed since the extract before, and those that are stuck in a status."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import itemgetter

from greenery.figures import values

CHANGES = ("new", "status_changed", "details_changed", "removed", "returned")
COLUMNS = ("order_id", "change", "status_from", "status_to", "changed_columns")
# How a cell begins that a spreadsheet takes for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
WEEK = timedelta(days=7)


def build(as_of: datetime, previous_as_of: datetime | None, changes: list[dict], stuck: Sequence[dict]) -> dict:
    """Return the part `order_changes` of summary.json.

    as_of, previous_as_of: naive UTC; previous_as_of is None for the first extract of all.
    changes: rows of order_changes.sql. stuck: rows of stuck_orders.sql.
    """
    return {
        "previous_as_of": values.moment(previous_as_of) if previous_as_of else None,
        "weeks_since_previous": (as_of - previous_as_of) // WEEK if previous_as_of else None,
        "total": len(changes),
        **{change: sum(row["change"] == change for row in changes) for change in CHANGES},
        "status_transitions": _transitions(changes),
        "orders": [
            {name: row[name] for name in COLUMNS} for row in sorted(changes, key=itemgetter("change", "order_id"))
        ],
        "stuck": _stuck(stuck),
    }


def to_csv(orders: list[dict], *, for_spreadsheets: bool = False) -> str:
    """Return changed orders (rows of `orders`) as CSV text with a header.

    for_spreadsheets: an apostrophe stands before what a spreadsheet would take for a formula.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for order in orders:
        writer.writerow({name: _no_formula(value) for name, value in order.items()} if for_spreadsheets else order)
    return text.getvalue()


def _no_formula(value: str | None) -> str | None:
    return f"'{value}" if value and value.startswith(FORMULA) else value


def _transitions(changes: list[dict]) -> list[dict]:
    moved = Counter((row["status_from"], row["status_to"]) for row in changes if row["change"] == "status_changed")
    # A status can be empty in the source: it sorts first and prints as null.
    ordered = sorted(moved.items(), key=lambda item: (-item[1], item[0][0] or "", item[0][1] or ""))
    return [{"from": before, "to": after, "orders": orders} for (before, after), orders in ordered]


def _stuck(rows: Sequence[dict]) -> dict:
    """Return the orders that are in a status longer than 95 % of their peers, longest first."""
    peers = {row["status"]: row for row in sorted(rows, key=itemgetter("status"))}
    orders = sorted(
        (row for row in rows if row["order_id"] is not None), key=lambda row: (-row["microseconds"], row["order_id"])
    )
    return {
        "total": len(orders),
        "peers": {
            status: {"orders": row["stays"], "days_95": values.days(row["microseconds_95"])}
            for status, row in peers.items()
        },
        "orders": [
            {
                "order_id": row["order_id"],
                "status": row["status"],
                "since": values.moment(row["since"]),
                "days": values.days(row["microseconds"]),
                "days_95": values.days(row["microseconds_95"]),
            }
            for row in orders
        ],
    }
