"""`make preview`: what a week's digest looks like in each medium, as files in its report's folder. Nothing is sent.

What was delivered before is not asked: it may make the next one a correction, or leave nothing to send.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path

from greenery import commands, settings
from greenery.files import write_atomically
from greenery.messages import mail_message as mail
from greenery.messages import slack_message as slack
from greenery.messages import slack_page
from greenery.messages.digest_parts import Correction, Digest
from greenery.messages.message import MailMessage
from greenery.report import writing as weekly_report
from greenery.settings import SettingError, Settings


def write(settings: Settings, as_of: datetime) -> list[Path]:
    """Write the week's digest as a first delivery has it into the folder `preview` of its report; return the files.

    A restated week has a correction too, as who has the report before would get it.

    Raises weekly_report.NoReportError where the week has no report.
    """
    digest = weekly_report.read_digest(settings, as_of)
    folder = settings.report_folder(as_of) / "preview"
    files = _slack(digest) | _mail("email", mail.render(digest))
    if digest.restated:
        files |= _mail(
            "correction", mail.render(digest, Correction(says=digest.restated.lead, restated=digest.restated))
        )
    for old in folder.glob("*"):
        old.unlink()
    for name, content in files.items():
        write_atomically(folder / name, content)
    return [folder / name for name in files]


def newest(settings: Settings) -> datetime:
    """Return the newest week (as_of) that has a report; raise weekly_report.NoReportError where none has."""
    weeks = sorted(file.parent.name for file in settings.reports.glob("*/summary.json"))
    if not weeks:
        raise weekly_report.NoReportError(
            f"no week has a report in {settings.reports}: run one ({commands.make(settings, 'backfill FROM=… TO=…')})."
        )
    return datetime.fromisoformat(weeks[-1])


def _slack(digest: Digest) -> dict[str, str | bytes]:
    message = slack.render(digest)
    sent = {"text": message.text, "blocks": message.blocks, "thread_note": message.thread_note}
    return {
        "slack.json": json.dumps(sent, indent=2, ensure_ascii=False) + "\n",
        "slack.html": slack_page.render(message),
    }


def _mail(name: str, message: MailMessage) -> dict[str, str | bytes]:
    html = message.html
    for image in message.inline:
        html = html.replace(f"cid:{image.name}", slack_page.data_url(image))
    return {f"{name}.eml": mail.to_mime(message).as_bytes(), f"{name}.html": html}


def week(settings: Settings, as_of: str) -> datetime:
    """Return the week that ends on the day `as_of`, the newest one that has a report where it is empty.

    Raises SettingError where it is no end of a week, weekly_report.NoReportError where no week has a report.
    """
    return settings.check_as_of(_date(as_of)) if as_of else newest(settings)


def _date(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise SettingError(f"AS_OF={text} is no date: write the day on which the week ends, as 2023-02-01.") from None


def main() -> int:
    """Write the preview of a week and print its files; return 1 where there is no report to make it of."""
    parser = argparse.ArgumentParser(prog="make preview", description=__doc__)
    parser.add_argument("--as-of", default="", help="the day on which the week ends; the newest one without it")
    text = parser.parse_args().as_of
    try:
        home = settings.load()
        as_of = week(home, text)
        files = write(home, as_of)
    except (SettingError, weekly_report.NoReportError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The digest of the week to {as_of:%Y-%m-%d}, as a first delivery has it (nothing was sent):")
    for file in files:
        print(f"  {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
