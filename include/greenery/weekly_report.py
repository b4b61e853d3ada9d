"""Read the published relations and write the report of a week."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from pathlib import Path

import duckdb

from greenery.files import write_atomically
from greenery.publishing import open_published
from greenery.report import chart, page, summary
from greenery.settings import Settings
from greenery.warehouse import rows, statement


class NotAdmittedError(Exception):
    """The week has no admitted extract, so there is nothing to report."""


def write(settings: Settings, as_of: datetime) -> Path:
    """Write the report files of the week that ends at `as_of` (naive UTC) and return their folder.

    Raises NotAdmittedError where the published version holds no extract as of then.
    """
    with open_published(settings) as connection:
        found = figures(connection, as_of, settings.maturity_days)
    folder = settings.report_folder(as_of)
    quality_file = folder / "quality.json"
    quality = json.loads(quality_file.read_text(encoding="utf-8")) if quality_file.exists() else None
    files = ("summary.json", "quality.json", "order_changes.csv", "funnel.png")
    links = {"All weeks": "../index.html", **{name: name for name in files}}
    write_atomically(folder / "order_changes.csv", order_changes_csv(found))
    write_atomically(folder / "funnel.png", chart.to_png(chart.report_spec(found)))
    write_atomically(folder / "index.html", page.render(found, quality, links))
    write_atomically(folder / "summary.json", summary.to_json(found))
    return folder


def figures(connection: duckdb.DuckDBPyConnection, as_of: datetime, maturity_days: int) -> dict:
    """Return the content of summary.json for the week that ends at `as_of` (naive UTC).

    connection: a database with the published relations, in its schemas analytics and intermediate.
    Raises NotAdmittedError where it holds no extract as of then.
    """
    extract = rows(connection, statement("report/extract"), {"as_of": as_of})
    if not extract:
        raise NotAdmittedError(
            f"the extract {as_of:%Y-%m-%d} is not admitted: run its week first "
            f"(make backfill FROM={as_of:%Y-%m-%d} TO={as_of:%Y-%m-%d})."
        )
    weeks = rows(connection, statement("report/sessions_by_week"), {"as_of": as_of})
    order_changes = rows(connection, statement("report/order_changes"), {"as_of": as_of})
    return summary.build(as_of, weeks, order_changes, extract[0]["previous_as_of"], maturity_days)


def order_changes_csv(figures: dict) -> str:
    """Return the changed orders of a summary as CSV text with a header."""
    text = io.StringIO()
    names = ("order_id", "change", "status_from", "status_to", "changed_columns")
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(figures["order_changes"]["orders"])
    return text.getvalue()
