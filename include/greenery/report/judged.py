"""Read the results of a week's checks from its quality.json."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from greenery.messages.check_results import CheckResults
from greenery.settings import Settings
from greenery.week import Week


def quality_of(settings: Settings, as_of: datetime) -> CheckResults | None:
    """Return the quality.json of the week that ends at `as_of`; None if the week was never judged."""
    file = settings.report_folder(as_of) / "quality.json"
    return _read(file) if file.exists() else None


def quality_before(settings: Settings, as_of: datetime, weeks: int) -> list[CheckResults]:
    """Return the quality.json of earlier weeks that were judged, newest first; at most `weeks` of them."""
    files = sorted(settings.reports.glob("*/quality.json"), reverse=True)
    before = [file for file in files if file.parent.name < Week(end=as_of).name]
    return [_read(file) for file in before[:weeks]]


def _read(file: Path) -> CheckResults:
    return CheckResults.model_validate_json(file.read_text(encoding="utf-8"))
