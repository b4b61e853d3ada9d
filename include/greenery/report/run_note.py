"""The note on the last run of a week: run.json in the folder of its report."""

from __future__ import annotations

from datetime import date, datetime

from greenery.documents import Document, to_json
from greenery.files import write_atomically
from greenery.settings import Settings


class RunNote(Document):
    """A run of a week that reached its report.

    run_type: scheduled, manual or backfill.
    url: its page in Airflow; empty if this Airflow stops at the end of the command that started it.
    restates: the later weeks (as_of) whose published report would differ now.
    next_commands: the commands that run these weeks again.
    """

    run_id: str
    run_type: str
    url: str
    restates: tuple[date, ...]
    next_commands: tuple[str, ...]


def write_note(settings: Settings, as_of: datetime, note: RunNote) -> None:
    """Write the note into the report folder of a week."""
    write_atomically(settings.report_folder(as_of) / "run.json", to_json(note))


def note_of(settings: Settings, as_of: datetime) -> RunNote | None:
    """Return the note of a week; None where no run has written its report."""
    file = settings.report_folder(as_of) / "run.json"
    return RunNote.model_validate_json(file.read_text(encoding="utf-8")) if file.exists() else None
