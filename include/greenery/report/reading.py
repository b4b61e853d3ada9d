"""Read a week's report: the files of its folder, and its digest from them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from greenery import commands
from greenery.figures.model import Summary
from greenery.figures.restatement_model import Restatement
from greenery.messages import digest
from greenery.messages.digest_parts import Digest, Links
from greenery.messages.week_state import WeekState
from greenery.report import weeks
from greenery.report.judged import quality_of
from greenery.report.run_note import note_of
from greenery.settings import Settings


class NoReportError(Exception):
    """The week has no report, so there is no digest."""


def read_digest(settings: Settings, as_of: datetime) -> Digest:
    """Return the digest of the week that ends at `as_of` (naive UTC), from the files of its report.

    Raises NoReportError if the week has no report.
    """
    folder = settings.report_folder(as_of)
    found = summary_in(folder)
    if found is None:
        day = f"{as_of:%Y-%m-%d}"
        raise NoReportError(
            f"the week to {day} has no report in {settings.reports}: run it first "
            f"({commands.backfill(settings, day, day)})."
        )
    note = note_of(settings, as_of)
    links = Links(
        run=(note and note.url) or None,
        report=_address(settings, folder),
        funnel=settings.funnel_of(as_of),
    )
    picture = folder / "funnel.png"
    return digest.build(
        found,
        quality_of(settings, as_of),
        restatement_in(folder),
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


def summary_in(folder: Path) -> Summary | None:
    """Return the summary in a week's folder; None where the week has no report."""
    text = text_of(folder / "summary.json")
    return Summary.model_validate_json(text) if text else None


def restatement_in(folder: Path) -> Restatement | None:
    """Return the restatement in a week's folder; None where its report was never restated."""
    text = text_of(folder / "restatement.json")
    return Restatement.model_validate_json(text) if text else None


def text_of(file: Path) -> str:
    """Return a file's text; empty where there is no such file."""
    return file.read_text(encoding="utf-8") if file.exists() else ""
