"""Read the published relations and write the report of a week."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from greenery import commands
from greenery.build import ledger
from greenery.figures import order_changes, restatement, summary
from greenery.figures.statistics import ENOUGH_PEERS, ENOUGH_SESSIONS
from greenery.files import write_atomically
from greenery.messages import chart, digest, page
from greenery.messages.digest import Digest, Links
from greenery.publishing.versions import open_published
from greenery.report.run_note import note_of
from greenery.settings import Settings
from greenery.warehouse.duckdb import rows, statement

FILES = ("summary.json", "quality.html", "quality.json", "order_changes.csv", "funnel.png", "restatement.json")


class NoReportError(Exception):
    """The week has no report to make a digest of."""


class NotAdmittedError(Exception):
    """The week has no admitted extract, so there is nothing to report."""


def write(settings: Settings, as_of: datetime) -> Path:
    """Write the report files of the week that ends at `as_of` (naive UTC) and return their folder.

    Where the week had a report with other figures, `restatement.json` says what changed.

    Raises NotAdmittedError where the published version holds no extract as of then.
    """
    with open_published(settings) as connection:
        try:
            found = figures(connection, as_of, settings.maturity_days)
        except NotAdmittedError as error:
            command = commands.backfill(settings, as_of.date(), as_of.date())
            raise NotAdmittedError(f"{error} ({command}).") from None
    folder = settings.report_folder(as_of)
    before, now = _read(folder / "summary.json"), summary.to_json(found)
    # The summary comes after what is worked out from the one before: a run killed in between writes both again.
    if before and summary.to_json(before) != now:
        write_atomically(folder / "restatement.json", summary.to_json(restatement.compare(before, found)))
    write_atomically(folder / "order_changes.csv", order_changes.to_csv(found["order_changes"]["orders"]))
    write_atomically(folder / "funnel.png", chart.to_png(chart.report_spec(found)))
    write_atomically(folder / "summary.json", now)
    _forget_preview(folder)
    write_page(settings, as_of)
    return folder


def write_page(settings: Settings, as_of: datetime, held_because: str = "") -> None:
    """Write the page of a week from the files of its report.

    held_because: why its extract is held; empty where it is not.
    """
    folder = settings.report_folder(as_of)
    _write_page(folder, _read(folder / "summary.json"), held_because)


def settle(
    settings: Settings, connection: duckdb.DuckDBPyConnection, written: datetime | None = None
) -> list[datetime]:
    """Compare all reports with the published version; return the weeks whose summary would now differ, oldest first.

    Only a report whose admitted extracts or maturity are others than when it was written is rendered again, without
    writing it. A report of a week that is no longer admitted is taken back: its page says why, its figures are deleted.

    connection: the warehouse, whose ledger keeps what each report was rendered from.
    written: the week (naive UTC) whose report has just been written from the published version.
    """
    recorded, days = _recorded(settings, connection), settings.maturity_days
    outdated = []
    with open_published(settings) as published:
        admitted = rows(published, statement("report/extracts_by_week"))
        rendered_from = {row["as_of"]: row["extracts"] for row in admitted}
        for file in sorted(settings.reports.glob("*/summary.json")):
            as_of = datetime.fromisoformat(file.parent.name)
            if as_of not in rendered_from:
                _take_back(settings, connection, as_of)
            elif as_of == written or recorded.get(as_of) != (rendered_from[as_of], days):
                text = "" if as_of == written else summary.to_json(figures(published, as_of, days))
                if as_of == written or text == file.read_text(encoding="utf-8"):
                    connection.execute(
                        "insert or replace into landing.reports values (?, ?, ?)", [as_of, rendered_from[as_of], days]
                    )
                else:
                    outdated.append(as_of)
    return outdated


def _recorded(settings: Settings, connection: duckdb.DuckDBPyConnection) -> dict[datetime, tuple[str, int]]:
    """Return what each report was rendered from: a hash of its extracts, and the maturity."""
    reports = rows(connection, "select * from landing.reports")
    for row in reports:
        if row["maturity_days"] is None:
            found = _read(settings.report_folder(row["as_of"]) / "summary.json") or {}
            row["maturity_days"] = found.get("provisional", {}).get("maturity_days", settings.maturity_days)
            connection.execute(
                "update landing.reports set maturity_days = ? where as_of = ?", [row["maturity_days"], row["as_of"]]
            )
    return {row["as_of"]: (row["extracts"], row["maturity_days"]) for row in reports}


def figures(connection: duckdb.DuckDBPyConnection, as_of: datetime, maturity_days: int) -> dict:
    """Return the content of summary.json for the week that ends at `as_of` (naive UTC).

    connection: a database with the published relations, in its schemas analytics and intermediate.
    Raises NotAdmittedError where it holds no extract as of then.
    """
    extract = rows(connection, statement("report/extract"), {"as_of": as_of})
    if not extract:
        raise NotAdmittedError(f"the extract {as_of:%Y-%m-%d} is not admitted: run its week first")

    def found(name: str, **parameters: int) -> list[dict]:
        return rows(connection, statement(f"report/{name}"), {"as_of": as_of, **parameters})

    weeks = found("sessions_by_week")
    # Where a week as a whole has too few sessions, so has each part of it.
    sessions = {row["weeks_ago"]: row["sessions"] for row in weeks}
    comparable = min(sessions.get(0, 0), sessions.get(1, 0)) >= ENOUGH_SESSIONS
    return summary.build(
        as_of,
        weeks,
        found("order_changes"),
        extract[0]["previous_as_of"],
        maturity_days,
        pace=found("pace"),
        movers=found("movers", enough=ENOUGH_SESSIONS) if comparable else [],
        stuck_orders=found("stuck_orders", enough=ENOUGH_PEERS),
    )


def _take_back(settings: Settings, connection: duckdb.DuckDBPyConnection, as_of: datetime) -> None:
    """Replace the page of a week by one without figures; summary.json goes last: while it is there, so is a report."""
    extract = ledger.newest(connection, as_of)
    reason = (extract and extract["reason"]) or "its extract is not admitted"
    folder = settings.report_folder(as_of)
    _write_page(folder, None, reason)
    for name in ("order_changes.csv", "funnel.png", "restatement.json", "run.json", "summary.json"):
        (folder / name).unlink(missing_ok=True)
    _forget_preview(folder)
    connection.execute("delete from landing.reports where as_of = ?", [as_of])


def _forget_preview(folder: Path) -> None:
    """Delete what `make preview` wrote: it shows figures that may be others now."""
    shutil.rmtree(folder / "preview", ignore_errors=True)


def read_digest(settings: Settings, as_of: datetime) -> Digest:
    """Return the digest of the week that ends at `as_of` (naive UTC), from the files of its report.

    Raises NoReportError where the week has none.
    """
    folder = settings.report_folder(as_of)
    figures = _read(folder / "summary.json")
    if figures is None:
        day = f"{as_of:%Y-%m-%d}"
        raise NoReportError(
            f"the week to {day} has no report in {settings.reports}: run it first "
            f"({commands.backfill(settings, day, day)})."
        )
    report = _address(settings, folder)
    note = note_of(settings, as_of)
    links = Links(
        run=note.url if note else None,
        report=report,
        funnel=f"{report}#funnel" if settings.reports_url else None,
    )
    return digest.build(
        figures,
        _read(folder / "quality.json"),
        _read(folder / "restatement.json"),
        links,
        _held_weeks(settings, figures),
    )


def _address(settings: Settings, folder: Path) -> str:
    page_of_week = f"{folder.name}/index.html"
    return f"{settings.reports_url}/{page_of_week}" if settings.reports_url else str(settings.reports / page_of_week)


def _held_weeks(settings: Settings, figures: dict) -> list[dict]:
    """Return as_of and reason of the weeks that the trend covers and whose extract is held, newest first."""
    weeks = _read(settings.reports / "weeks.json") or []
    first, last = figures["trend"][0]["end"][:10], figures["as_of"][:10]
    held = [week for week in weeks if week["state"] == "held" and first <= week["as_of"] < last]
    return sorted(held, key=lambda week: week["as_of"], reverse=True)


def _write_page(folder: Path, summary: dict | None, held_because: str) -> None:
    present = [name for name in FILES if (folder / name).exists()] if summary else ["quality.html", "quality.json"]
    text = page.render(
        summary,
        _read(folder / "quality.json"),
        {"All weeks": "../index.html", **{name: name for name in present}},
        restated=_read(folder / "restatement.json") if summary else None,
        held_because=held_because,
    )
    write_atomically(folder / "index.html", text)


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
