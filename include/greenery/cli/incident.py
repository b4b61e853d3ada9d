"""`greenery incident`: play one on a simulated shop, from the planted fault to the digest after the fix."""

from __future__ import annotations

import csv
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path

import typer

from greenery.channels import sent
from greenery.cli.backfill import airflow_for, run_backfill
from greenery.local_airflow.client import AirflowError
from greenery.local_airflow.server import running
from greenery.messages.alert import key_of
from greenery.settings import Settings, load
from greenery.simulator.shop import Shop, simulate
from greenery.week import WEEK

SHOP = Shop(first_as_of=datetime(2025, 1, 8), weeks=3, sessions_per_week=200)
LAST = SHOP.first_as_of + (SHOP.weeks - 1) * WEEK
SHOWN_LINES = 30
# The planted fault: an export that lost a column. A shop itself can't cause this.
TABLE, COLUMN, CHECK = "orders", "status", "required_columns_mostly_filled"


class NotSeenError(Exception):
    """A step of the incident did not show the expected result."""


def incident() -> None:
    """Play an incident on a simulated shop: a planted fault, its alert, the held week, the fix, and the resolution.

    It is played in the folder `incident` of the home. The command ends with 1 if a step did not show the expected
    result.

    Example: `greenery incident`
    """
    settings = load()
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = settings.home / "incident"
    settings = replace(settings, home=home, extracts=home / "extracts", source="folders", reports_in=None)
    if home.exists() and running(settings) is not None:
        raise AirflowError(f"An incident is being played in {home}: wait until it has ended.")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o700)
    try:
        play(settings)
    except NotSeenError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None


def play(settings: Settings) -> None:
    """Play the incident in its own home and print its steps. Raises NotSeenError, AirflowError."""
    from greenery.alerts import sending  # with it comes Airflow, which no other command has to wait for

    day, file = f"{LAST:%Y-%m-%d}", settings.extracts / f"{LAST:%Y-%m-%d}" / f"{TABLE}.csv"
    _step(1, f"A small shop, {SHOP.weeks} weeks, in {settings.home}")
    simulate(SHOP, settings.extracts)
    good = file.read_bytes()

    _step(2, f"The export of {day} loses a column: {TABLE}.{COLUMN} is empty in {file}")
    empty_column(file, COLUMN)

    with airflow_for(settings) as airflow:
        _step(3, "All weeks run. The last one delivers its digest, as a scheduled run does (deliver: always)")
        before = run_backfill(settings, SHOP.first_as_of.date(), (LAST - WEEK).date(), airflow=airflow)
        spoiled = run_backfill(settings, LAST.date(), LAST.date(), {"deliver": "always"}, airflow=airflow)
        _must(all(result.state == "success" for result in before), "the weeks before pass")
        _must([failure.task for failure in spoiled[0].failures] == ["quality"], "the spoiled week fails at quality")
        _step(4, "The person on call gets this alert:")
        _show(settings, "alert", key_of(day, CHECK), f"alert-{day}-{CHECK}")
        _must(bool(sending.open_incidents(settings, day)), "the incident is open")

        _step(5, "The readers of the digest get this notice instead:")
        _show(settings, "held", day, f"held-{day}")
        _must(sent.owed(settings, LAST), "the digest is owed")

        _step(6, "The extract is corrected, and the week runs again with the command of the alert")
        file.write_bytes(good)
        corrected = run_backfill(settings, LAST.date(), LAST.date(), {"reextract": True}, airflow=airflow)
        _must(corrected[0].state == "success", "the corrected week passes")

    _step(7, "The incident is resolved on every channel that got the alert:")
    _show(settings, "alert", key_of(day, CHECK), f"resolved-{day}-{CHECK}")
    _must(not sending.open_incidents(settings, day), "no incident is open")

    _step(8, "The digest of the corrected week is sent:")
    _show(settings, "digest", day, f"digest-{day}")
    print(f"\nAll of it: {settings.home / 'outbox'}, the report: {settings.report_folder(LAST) / 'index.html'}")


def _show(settings: Settings, kind: str, subject: str, name: str) -> None:
    """Print the message that was sent: the mail in the outbox, or its place in each channel. Raises NotSeenError if
    none was sent."""
    told = [message for message in sent.last_sent(settings, kind, subject) if message.channel != "outbox"]
    for message in told:
        place = message.reference.model_dump_json(exclude={"alert", "held", "state"}, exclude_defaults=True)
        print(f"  sent to {message.channel}: {place}")
    files = sorted((settings.home / "outbox").glob(f"{name}.*"))
    _must(bool(told or files), f"{name} was sent")
    for file in (file for file in files if file.suffix == ".eml"):
        mail = message_from_bytes(file.read_bytes(), policy=policy.default)
        body = mail.get_body(("plain",))
        text = f"{mail['Subject']}\n\n{body.get_content() if body else ''}".strip()
        lines = text.splitlines()
        shown = lines if len(lines) <= SHOWN_LINES else [*lines[: SHOWN_LINES - 1], "…"]
        print(textwrap.indent("\n".join(shown), "  | ", lambda _: True))
    for file in files:
        print(f"  {file}")


def empty_column(file: Path, name: str) -> None:
    """Empty a column of a CSV file."""
    with file.open(newline="", encoding="utf-8") as handle:
        rows: Sequence[dict[str, str]] = list(csv.DictReader(handle))
    with file.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, name: ""} for row in rows)


def _step(number: int, text: str) -> None:
    print(f"\n{number}. {text}", flush=True)


def _must(seen: bool, what: str) -> None:
    if not seen:
        raise NotSeenError(f"Not seen: {what}.")
