"""Write the report of a week: its files and its page."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path

from greenery import commands
from greenery.documents import to_json
from greenery.figures import order_changes, restatement, summary
from greenery.figures.model import Summary
from greenery.figures.restatement_model import Restatement
from greenery.files import write_atomically
from greenery.landing import ledger
from greenery.messages import chart, page
from greenery.publishing import week_rows
from greenery.publishing.versions import open_published
from greenery.publishing.week_rows import NotAdmittedError
from greenery.report.judged import quality_of
from greenery.report.reading import restatement_in, summary_in, text_of
from greenery.settings import Settings
from greenery.warehouse.connection import Connection
from greenery.week import WEEK

FILES = ("summary.json", "quality.html", "quality.json", "order_changes.csv", "funnel.png", "restatement.json")


def write(settings: Settings, as_of: datetime) -> Path:
    """Write the report files of the week that ends at `as_of` (naive UTC) and return their folder.

    If the week had a report with other figures, `restatement.json` lists the changes.

    Raises NotAdmittedError if the published version holds no extract of the week.
    """
    with open_published(settings) as connection:
        try:
            found = figures(connection, as_of, settings.maturity_days)
        except NotAdmittedError as error:
            command = commands.backfill(settings, as_of.date(), as_of.date())
            raise NotAdmittedError(f"{error} ({command}).") from None
    folder = settings.report_folder(as_of)
    document = found.document()
    before, now = text_of(folder / "summary.json"), to_json(document)
    # The summary is written last. The restatement is computed from the old summary, so a run that was killed in between
    # can write both again.
    restated = restatement_in(folder)
    if before and before != now:
        restated = restatement.compare(json.loads(before), document)
        write_atomically(folder / "restatement.json", to_json(restated))
    write_atomically(folder / "order_changes.csv", order_changes.to_csv(found.order_changes))
    write_atomically(folder / "funnel.png", chart.to_png(chart.report_spec(found)))
    write_atomically(folder / "summary.json", now)
    _forget_preview(folder)
    _write_page(settings, as_of, found, restated)
    return folder


def write_page(settings: Settings, as_of: datetime, held_because: str = "") -> None:
    """Write the page of a week from the files of its report.

    held_because: why its extract is held; empty if it is not held.
    """
    folder = settings.report_folder(as_of)
    _write_page(settings, as_of, summary_in(folder), restatement_in(folder), held_because)


def figures(connection: Connection, as_of: datetime, maturity_days: int) -> Summary:
    """Return the figures of the week that ends at `as_of` (naive UTC).

    connection: a database with the published relations, in its schemas analytics and intermediate.
    maturity_days: days after a week's end from which its shipments count as complete.

    Raises NotAdmittedError if it holds no extract of the week.
    """
    return summary.build(week_rows.read(connection, as_of), maturity_days)


def take_back(settings: Settings, connection: Connection, as_of: datetime) -> None:
    """Take back the report of a week that is not admitted: its page says why, and its figures are deleted.

    connection: the warehouse, whose ledger has the reason.
    """
    extract = ledger.newest(connection, as_of)
    reason = (extract and extract.reason) or "its extract is not admitted"
    folder = settings.report_folder(as_of)
    _write_page(settings, as_of, None, None, reason)
    # summary.json is deleted last, because a week that has it counts as having a report.
    for name in ("order_changes.csv", "funnel.png", "restatement.json", "run.json", "summary.json"):
        (folder / name).unlink(missing_ok=True)
    _forget_preview(folder)
    connection.execute("delete from landing.reports where as_of = $as_of", {"as_of": as_of})


def _forget_preview(folder: Path) -> None:
    """Delete the files of `make preview`: they may show old figures."""
    shutil.rmtree(folder / "preview", ignore_errors=True)


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
        settings.funnel_of(as_of),
    )
    write_atomically(folder / "index.html", text)
    for week in (as_of - WEEK, as_of, as_of + WEEK):
        _link_neighbours(settings, week)


def _link_neighbours(settings: Settings, as_of: datetime) -> None:
    """Let the page of a week, if it has one, link the weeks beside it."""

    def page_of(week: datetime) -> Path:
        return settings.report_folder(week) / "index.html"

    text = text_of(page_of(as_of))
    before, after = (week.date() if page_of(week).exists() else None for week in (as_of - WEEK, as_of + WEEK))
    linked = page.with_neighbours(text, before, after)
    if linked != text:
        write_atomically(page_of(as_of), linked)
