"""Read from the published relations the rows from which a week's figures are computed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from greenery.build.known import BEGINNING, Known, known
from greenery.figures.rows import WeekRows
from greenery.figures.statistics import ENOUGH_PEERS, ENOUGH_SESSIONS
from greenery.warehouse.access import history_schema
from greenery.warehouse.connection import Connection, rows
from greenery.warehouse.statements import statement


class NotAdmittedError(Exception):
    """The week has no admitted extract, so there is nothing to report."""


def read(connection: Connection, as_of: datetime) -> WeekRows:
    """Return the rows of the week that ends at `as_of` (naive UTC).

    connection: a database with the published relations, in its schemas analytics and intermediate.
    Raises NotAdmittedError if it holds no extract of the week.
    """

    history = history_schema(connection)

    def found(name: str, **parameters: int) -> list[dict[str, Any]]:
        return rows(connection, statement(f"figures/{name}", history, *sessions), {"as_of": as_of, **parameters})

    extract = rows(connection, statement("figures/extract", history), {"as_of": as_of})
    if not extract:
        raise NotAdmittedError(f"the extract {as_of:%Y-%m-%d} is not admitted: run its week first")
    sessions = known_sessions(connection, as_of)
    weeks = found("sessions_by_week")
    # If a whole week has too few sessions, each part of it has too few as well.
    counts = {row["weeks_ago"]: row["sessions"] for row in weeks}
    comparable = min(counts.get(0, 0), counts.get(1, 0)) >= ENOUGH_SESSIONS
    return WeekRows.model_validate(
        {
            "as_of": as_of,
            "previous_as_of": extract[0]["previous_as_of"],
            "sessions_by_week": weeks,
            "events_without_session": found("events_without_session")[0]["events"],
            "order_changes": found("order_changes"),
            "order_products": found("order_products"),
            "pace": found("pace"),
            "movers": found("movers", enough=ENOUGH_SESSIONS) if comparable else [],
            "stuck_orders": found("stuck_orders", enough=ENOUGH_PEERS),
        }
    )


def known_sessions(connection: Connection, as_of: datetime) -> Known:
    """Return the relations with the sessions, and their products in two weeks, as known at `as_of` (naive UTC)."""
    history = history_schema(connection)
    return known(connection, as_of, "analytics", history, since=BEGINNING, products_since=as_of - timedelta(days=14))
