"""`greenery purge`: delete the copies that remain of corrected extracts, and look for ids.

A correction replaces an extract in landing, models, the published version and the reports. Copies of the old content
stay in older published versions, in notes on restated weeks, in the outbox, in remembered alerts and digests, and in
free blocks of the warehouse's file. To erase a person, these must be deleted too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from greenery import commands
from greenery.channels import sent
from greenery.commands import InputError
from greenery.local_airflow.client import AirflowError
from greenery.local_airflow.server import running
from greenery.publishing import versions
from greenery.report import weeks, writing
from greenery.settings import Settings, load
from greenery.warehouse import erasure
from greenery.warehouse.access import connect, publishes_files


def purge(
    find: Annotated[
        str,
        typer.Option(metavar="IDS", help="Ids that must be gone, separated by spaces. Files with one are listed."),
    ] = "",
) -> None:
    """Delete the leftovers of corrected extracts, and list the files that still contain the given ids.

    No run may be active. It ends with 1 if an id was found.

    Example: `greenery purge --find "8d5b3f0e 1c2a9d44"`
    """
    settings = load()
    if not publishes_files(settings):
        raise InputError(
            "purge deletes copies in the files of the home, and GREENERY_TARGET=snowflake keeps data in Snowflake: "
            "docs/snowflake.md says how a person is erased there."
        )
    if running(settings) is not None:
        raise AirflowError(
            f"Airflow runs for {settings.home}: stop it first ({commands.make(settings, 'down')}), "
            "because no run may be active during a purge."
        )
    if not settings.warehouse.exists():
        raise InputError(f"there is no warehouse in {settings.home}: nothing was landed.")
    for line in delete_leftovers(settings):
        print(f"Deleted {line}.")
    left = list(erasure.containing(settings, find.split()))
    for path, id in left:
        print(f"{id} is still in {path}")
    if find and not left:
        print("None of these ids is in the home or the extracts any more.")
    if left:
        raise typer.Exit(1)


def delete_leftovers(settings: Settings) -> list[str]:
    """Delete the leftovers; return a line for each kind.

    No run may be active: the warehouse's file is replaced.
    """
    done = []
    with connect(settings) as connection:
        versions.catch_up(settings, connection)
        done.append(f"{versions.keep_only_published(settings)} older published versions")
        notes = sorted(settings.reports.glob("*/restatement.json"))
        for note in notes:
            note.unlink()
        for week in {note.parent.name for note in notes}:
            writing.write_page(settings, datetime.fromisoformat(week))
        done.append(f"{len(notes)} notes on restated weeks")
        files = [path for path in (settings.home / "outbox").rglob("*") if path.is_file()]
        for file in files:
            file.unlink()
        done.append(f"{len(files)} files in the outbox")
        alerts, contents = sent.forget_rows(settings)
        done.append(
            f"the example rows of {alerts} remembered alerts, and {contents} contents of digests that were sent"
        )
        before = settings.warehouse.stat().st_size
        beside = erasure.write_anew(settings, connection)
        weeks.write_list(settings, connection)
        # The old file is unlinked while it is open: nothing can be written into it in between.
        beside.replace(settings.warehouse)
    done.append(f"free blocks of the warehouse ({before:,} bytes before, {settings.warehouse.stat().st_size:,} now)")
    return done
