"""Read what the checks said of a week: its quality.json."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from greenery.messages.check_results import CheckResults
from greenery.settings import Settings


def quality_of(settings: Settings, as_of: datetime) -> CheckResults | None:
    """Return the quality.json of a week, None where the week was never judged."""
    file = settings.report_folder(as_of) / "quality.json"
    return _read(file) if file.exists() else None


def quality_before(settings: Settings, as_of: datetime, weeks: int) -> list[CheckResults]:
    """Return the quality.json of the weeks judged before this one, newest first.

    weeks: how many at most.
    """
    files = sorted(settings.reports.glob("*/quality.json"), reverse=True)
    before = [file for file in files if file.parent.name < f"{as_of:%Y-%m-%d}"]
    return [_read(file) for file in before[:weeks]]


def _read(file: Path) -> CheckResults:
    return CheckResults.model_validate_json(file.read_text(encoding="utf-8"))
