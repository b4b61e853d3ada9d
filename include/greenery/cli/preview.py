"""`greenery preview`: write a week's digest, as each medium shows it, into its report's folder. Nothing is sent.

Earlier deliveries are not considered: they may make the next digest a correction, or leave nothing to send.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from greenery import commands
from greenery.cli.arguments import NAMED_BY_ITS_END, parse_date
from greenery.files import write_atomically
from greenery.messages import mail_message, slack_message, slack_page
from greenery.messages.digest_parts import Correction, Digest
from greenery.messages.message import MailMessage
from greenery.report import reading
from greenery.settings import Settings, load


def preview(
    as_of: Annotated[
        str, typer.Argument(metavar="AS_OF", help=f"The week. Default: the newest one. {NAMED_BY_ITS_END}")
    ] = "",
) -> None:
    """Write the digest of a week as Slack and mail would show it, into its report's folder; nothing is sent.

    Example: `greenery preview 2023-02-01`
    """
    settings = load()
    week = named_week(settings, as_of)
    files = write(settings, week)
    print(f"The digest of the week to {week:%Y-%m-%d}, as a first delivery has it (nothing was sent):")
    for file in files:
        print(f"  {file}")


def named_week(settings: Settings, as_of: str) -> datetime:
    """Return the week (as_of, naive UTC) that ends on the day `as_of`; the newest one with a report where it is empty.

    Raises InputError if it is not a date, SettingError if it ends no week, NoReportError if no week has a report.
    """
    if not as_of:
        return newest_report(settings)
    day = parse_date("AS_OF", as_of)
    return settings.check_as_of(datetime(day.year, day.month, day.day))


def write(settings: Settings, as_of: datetime) -> list[Path]:
    """Write the week's digest as a first delivery has it into the folder `preview` of its report; return the files.

    A restated week has a correction too, as readers of the earlier report would get it.

    Raises reading.NoReportError where the week has no report.
    """
    digest = reading.read_digest(settings, as_of)
    folder = settings.report_folder(as_of) / "preview"
    files = _slack(digest) | _mail("email", mail_message.render(digest))
    if digest.restated:
        files |= _mail(
            "correction", mail_message.render(digest, Correction(says=digest.restated.lead, restated=digest.restated))
        )
    for old in folder.glob("*"):
        old.unlink()
    for name, content in files.items():
        write_atomically(folder / name, content)
    return [folder / name for name in files]


def newest_report(settings: Settings) -> datetime:
    """Return the newest week (as_of) that has a report; raise reading.NoReportError where none has."""
    weeks = sorted(file.parent.name for file in settings.reports.glob("*/summary.json"))
    if not weeks:
        raise reading.NoReportError(
            f"no week has a report in {settings.reports}: run one ({commands.make(settings, 'backfill FROM=… TO=…')})."
        )
    return datetime.fromisoformat(weeks[-1])


def _slack(digest: Digest) -> dict[str, str | bytes]:
    message = slack_message.render(digest)
    sent = {"text": message.text, "blocks": message.blocks, "thread_note": message.thread_note}
    return {
        "slack.json": json.dumps(sent, indent=2, ensure_ascii=False) + "\n",
        "slack.html": slack_page.render(message),
    }


def _mail(name: str, message: MailMessage) -> dict[str, str | bytes]:
    html = message.html
    for image in message.inline:
        html = html.replace(f"cid:{image.name}", slack_page.data_url(image))
    return {f"{name}.eml": mail_message.to_mime(message).as_bytes(), f"{name}.html": html}
