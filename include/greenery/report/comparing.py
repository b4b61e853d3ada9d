"""Compare the reports that were written with the data that is published."""

from __future__ import annotations

from datetime import datetime

from greenery.documents import to_json
from greenery.publishing.versions import open_published
from greenery.report import sources
from greenery.report.writing import figures, take_back
from greenery.settings import Settings
from greenery.warehouse.access import history_schema
from greenery.warehouse.connection import Connection, rows, transaction


def settle(settings: Settings, connection: Connection, written: datetime | None = None) -> list[datetime]:
    """Compare all reports with the published version; return the weeks whose summary would now differ, oldest first.

    A report is rendered again, without being written, only if its admitted extracts or the maturity setting have
    changed since. If the week is no longer admitted, its report is taken back: the page says why, and the figures are
    deleted.

    connection: the warehouse. Its ledger records the extracts that each report was rendered from.
    written: the week (as_of, naive UTC) whose report has just been written from the published version.
    """
    recorded, days = _recorded(connection), settings.maturity_days
    outdated = []
    with open_published(settings) as published:
        admitted = rows(published, f"select extract_id from {history_schema(published)}.int_extract_pairs")
        rendered_from = sources.by_week(row["extract_id"] for row in admitted)
        for file in sorted(settings.reports.glob("*/summary.json")):
            as_of = datetime.fromisoformat(file.parent.name)
            if as_of not in rendered_from:
                take_back(settings, connection, as_of)
            elif as_of == written or recorded.get(as_of) != (rendered_from[as_of], days):
                text = "" if as_of == written else to_json(figures(published, as_of, days))
                if as_of == written or text == file.read_text(encoding="utf-8"):
                    _record(connection, as_of, rendered_from[as_of], days)
                else:
                    outdated.append(as_of)
    return outdated


def _record(connection: Connection, as_of: datetime, extracts: str, maturity_days: int) -> None:
    """Record what the report of a week is rendered from."""
    given = {"as_of": as_of, "extracts": extracts, "maturity_days": maturity_days}
    with transaction(connection):
        connection.execute("delete from landing.reports where as_of = $as_of", {"as_of": as_of})
        connection.execute(
            "insert into landing.reports (as_of, extracts, maturity_days) values ($as_of, $extracts, $maturity_days)",
            given,
        )


def _recorded(connection: Connection) -> dict[datetime, tuple[str, int]]:
    """Return for each report (by as_of) a hash of the extracts that it was rendered from, and the maturity in days."""
    reports = rows(connection, "select * from landing.reports")
    return {row["as_of"]: (row["extracts"], row["maturity_days"]) for row in reports}
