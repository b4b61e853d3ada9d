"""Compare the reports that were written with the data that is published."""

from __future__ import annotations

from datetime import datetime

import duckdb

from greenery.documents import to_json
from greenery.publishing.versions import open_published
from greenery.report.writing import figures, take_back
from greenery.settings import Settings
from greenery.warehouse.duckdb import rows, statement


def settle(
    settings: Settings, connection: duckdb.DuckDBPyConnection, written: datetime | None = None
) -> list[datetime]:
    """Compare all reports with the published version; return the weeks whose summary would now differ, oldest first.

    A report is rendered again, without being written, only if its admitted extracts or the maturity setting have
    changed since. If the week is no longer admitted, its report is taken back: the page says why, and the figures are
    deleted.

    connection: the warehouse, whose ledger keeps what each report was rendered from.
    written: the week (naive UTC) whose report has just been written from the published version.
    """
    recorded, days = _recorded(connection), settings.maturity_days
    outdated = []
    with open_published(settings) as published:
        admitted = rows(published, statement("figures/extracts_by_week"))
        rendered_from = {row["as_of"]: row["extracts"] for row in admitted}
        for file in sorted(settings.reports.glob("*/summary.json")):
            as_of = datetime.fromisoformat(file.parent.name)
            if as_of not in rendered_from:
                take_back(settings, connection, as_of)
            elif as_of == written or recorded.get(as_of) != (rendered_from[as_of], days):
                text = "" if as_of == written else to_json(figures(published, as_of, days))
                if as_of == written or text == file.read_text(encoding="utf-8"):
                    connection.execute(
                        "insert or replace into landing.reports values (?, ?, ?)", [as_of, rendered_from[as_of], days]
                    )
                else:
                    outdated.append(as_of)
    return outdated


def _recorded(connection: duckdb.DuckDBPyConnection) -> dict[datetime, tuple[str, int]]:
    """Return the sources of each report: a hash of its extracts, and the maturity."""
    reports = rows(connection, "select * from landing.reports")
    return {row["as_of"]: (row["extracts"], row["maturity_days"]) for row in reports}
