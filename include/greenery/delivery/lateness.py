"""Whether the digest of a week is out, for all who ask: the deadline, the waiting tasks and the heartbeat."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from greenery.channels import sent
from greenery.settings import Settings


def deadline(settings: Settings, as_of: datetime) -> datetime:
    """Return when (with time zone) the digest of the week that ends at `as_of` must be out."""
    return as_of.replace(tzinfo=UTC) + timedelta(hours=settings.deadline_hours)


def is_out(settings: Settings, as_of: datetime) -> bool:
    """Return whether the week has its report and owes its digest on no channel.

    Where no channel is connected nothing is owed: the digest is in the outbox, and the report is what counts.
    """
    return has_report(settings, as_of) and not sent.owed(settings, as_of)


def has_report(settings: Settings, as_of: datetime) -> bool:
    """Return whether the week's report was written."""
    return (settings.report_folder(as_of) / "summary.json").exists()


def expect(settings: Settings, as_of: datetime) -> None:
    """Write down that a late week's digest is owed, so that any run of the week delivers it."""
    if not sent.owed(settings, as_of):
        sent.owe(settings, as_of, "late")
