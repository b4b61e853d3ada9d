"""Whether the digest of a week is out. The deadline, the waiting tasks and the heartbeat all use this rule."""

from __future__ import annotations

from datetime import datetime, timedelta

from greenery import commands
from greenery.channels import sent
from greenery.report import weeks
from greenery.settings import Settings


def is_out(settings: Settings, as_of: datetime) -> bool:
    """Return whether the week that ends at `as_of` has its report, and its digest is not owed on any channel.

    If no channel is connected, nothing is owed. The digest is in the outbox, and only the report counts.
    """
    return has_report(settings, as_of) and not sent.owed(settings, as_of)


def has_report(settings: Settings, as_of: datetime) -> bool:
    """Return whether the week's report was written."""
    return (settings.report_folder(as_of) / "summary.json").exists()


def expect(settings: Settings, as_of: datetime) -> None:
    """Record that the digest of a late week is owed, so that any run of the week delivers it."""
    if not sent.owed(settings, as_of):
        sent.owe(settings, as_of, "late")


def late(settings: Settings, now: datetime) -> list[str]:
    """Return a sentence if the newest week past its deadline has no digest; empty otherwise.

    It also records that the digest is owed. If no scheduled run began, nothing is owed yet, and a backfill of the week
    would only write its report.

    now: a time with its zone.
    """
    as_of = settings.newest_week_end(now - timedelta(hours=settings.deadline_hours))
    if is_out(settings, as_of):
        return []
    expect(settings, as_of)
    what = "digest" if has_report(settings, as_of) else "report"
    week, due = f"{what} of the week to {as_of:%Y-%m-%d}", f"{settings.digest_due(as_of):%Y-%m-%d %H:%M} UTC"
    line = f"the {week} is not out, and was due on {due} ({weeks.state_of(settings, as_of)})"
    command = commands.backfill(settings, as_of.date(), as_of.date(), {"deliver": "always"})
    return [f"{line}; fix the cause, then run: {command}"]
