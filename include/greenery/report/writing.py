"""Write the report of a week: its files, its page, and its digest from them."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path

import duckdb

from greenery import commands
from greenery.documents import to_json
from greenery.figures import order_changes, restatement, summary
from greenery.figures.model import Restatement, Summary
from greenery.files import write_atomically
from greenery.landing import ledger
from greenery.messages import chart, digest, page
from greenery.messages.digest_parts import Digest, Links
from greenery.messages.week_state import WeekState
from greenery.publishing import week_rows
from greenery.publishing.versions import open_published
from greenery.publishing.week_rows import NotAdmittedError
from greenery.report import weeks
from greenery.report.judged import quality_of
from greenery.report.run_note import note_of
from greenery.settings import Settings
from greenery.warehouse.duckdb import rows, statement
from greenery.week import WEEK

FILES = ("summary.json", "quality.html", "quality.json", "order_changes.csv", "funnel.png", "restatement.json")


class NoReportError(Exception):
    """The week has no report to make a digest of."""


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
    document = found.document()
    before, now = _text(folder / "summary.json"), to_json(document)
    # The summary is written last. The restatement is computed from the old summary, so a run that was killed in between
    # can write both again.
    restated = _restatement(folder)
    if before and before != now:
        restated = restatement.compare(json.loads(before), document)
        write_atomically(folder / "restatement.json", to_json(restated))
    write_atomically(folder / "order_changes.csv", order_changes.to_csv(found.order_changes.orders))
    write_atomically(folder / "funnel.png", chart.to_png(chart.report_spec(found)))
    write_atomically(folder / "summary.json", now)
    _forget_preview(folder)
    _write_page(settings, as_of, found, restated)
    return folder


def write_page(settings: Settings, as_of: datetime, held_because: str = "") -> None:
    """Write the page of a week from the files of its report.

    held_because: why its extract is held; empty where it is not.
    """
    folder = settings.report_folder(as_of)
    _write_page(settings, as_of, _summary(folder), _restatement(folder), held_because)


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
                _take_back(settings, connection, as_of)
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


def figures(connection: duckdb.DuckDBPyConnection, as_of: datetime, maturity_days: int) -> Summary:
    """Return the figures of the week that ends at `as_of` (naive UTC).

    connection: a database with the published relations, in its schemas analytics and intermediate.
    Raises NotAdmittedError where it holds no extract as of then.
    """
    return summary.build(week_rows.read(connection, as_of), maturity_days)


def _take_back(settings: Settings, connection: duckdb.DuckDBPyConnection, as_of: datetime) -> None:
    """Replace the page of a week by one without figures. summary.json is deleted last, because a week with it has a
    report."""
    extract = ledger.newest(connection, as_of)
    reason = (extract and extract.reason) or "its extract is not admitted"
    folder = settings.report_folder(as_of)
    _write_page(settings, as_of, None, None, reason)
    for name in ("order_changes.csv", "funnel.png", "restatement.json", "run.json", "summary.json"):
        (folder / name).unlink(missing_ok=True)
    _forget_preview(folder)
    connection.execute("delete from landing.reports where as_of = ?", [as_of])


def _forget_preview(folder: Path) -> None:
    """Delete the files of `make preview`: they may show old figures."""
    shutil.rmtree(folder / "preview", ignore_errors=True)


def read_digest(settings: Settings, as_of: datetime) -> Digest:
    """Return the digest of the week that ends at `as_of` (naive UTC), from the files of its report.

    Raises NoReportError where the week has none.
    """
    folder = settings.report_folder(as_of)
    found = _summary(folder)
    if found is None:
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
    picture = folder / "funnel.png"
    return digest.build(
        found,
        quality_of(settings, as_of),
        _restatement(folder),
        links,
        _held_weeks(settings, found),
        picture.read_bytes() if picture.exists() else None,
    )


def _address(settings: Settings, folder: Path) -> str:
    page_of_week = f"{folder.name}/index.html"
    return f"{settings.reports_url}/{page_of_week}" if settings.reports_url else str(settings.reports / page_of_week)


def _held_weeks(settings: Settings, summary: Summary) -> list[WeekState]:
    """Return the weeks that the trend covers and whose extract is held, newest first."""
    first, last = summary.trend[0].end.date(), summary.as_of.date()
    held = [week for week in weeks.recorded(settings) if week.state == "held" and first <= week.as_of < last]
    return sorted(held, key=lambda week: week.as_of, reverse=True)


def _write_page(
    settings: Settings,
    as_of: datetime,
    summary: Summary | None,
    restated: Restatement | None,
    held_because: str = "",
) -> None:
    folder = settings.report_folder(as_of)
    present = [name for name in FILES if (folder / name).exists()] if summary else ["quality.html", "quality.json"]
    text = page.render(
        summary,
        quality_of(settings, as_of),
        {"All weeks": "../index.html", **{name: name for name in present}},
        restated if summary else None,
        held_because,
    )
    write_atomically(folder / "index.html", text)
    for week in (as_of - WEEK, as_of, as_of + WEEK):
        _link_neighbours(settings, week)


def _link_neighbours(settings: Settings, as_of: datetime) -> None:
    """Let the page of a week, if it has one, link the weeks beside it."""

    def page_of(week: datetime) -> Path:
        return settings.report_folder(week) / "index.html"

    text = _text(page_of(as_of))
    before, after = (week.date() if page_of(week).exists() else None for week in (as_of - WEEK, as_of + WEEK))
    linked = page.with_neighbours(text, before, after)
    if linked != text:
        write_atomically(page_of(as_of), linked)


def _summary(folder: Path) -> Summary | None:
    text = _text(folder / "summary.json")
    return Summary.model_validate_json(text) if text else None


def _restatement(folder: Path) -> Restatement | None:
    text = _text(folder / "restatement.json")
    return Restatement.model_validate_json(text) if text else None


def _text(file: Path) -> str:
    """Return a file's text; empty where there is no such file."""
    return file.read_text(encoding="utf-8") if file.exists() else ""
