"""`greenery withdraw`: hold an admitted extract, publish without it, and name the weeks to run again."""

from __future__ import annotations

from typing import Annotated

import typer

from greenery import commands
from greenery.cli.arguments import (
    NAMED_BY_ITS_END,
    ExtractsOption,
    check_reason,
    parse_date,
    settings_with,
    weeks_between,
)
from greenery.cli.backfill import run_backfill
from greenery.cli.results import print_results
from greenery.commands import InputError
from greenery.report import weeks


def withdraw(
    as_of: Annotated[str, typer.Argument(metavar="AS_OF", help=f"The week of the extract. {NAMED_BY_ITS_END}")],
    reason: Annotated[
        str,
        typer.Option(metavar="TEXT", help="The reason. It is kept with the extract and shown on the week's page."),
    ],
    extracts: ExtractsOption = None,
) -> None:
    """Hold an extract that was admitted, publish without it, and name the weeks to run again.

    Example: `greenery withdraw 2023-01-18 --reason "prices in cents"`
    """
    if not as_of or not reason.strip():
        raise InputError("write `make withdraw AS_OF=2023-02-01 REASON='prices in cents'`.")
    check_reason("REASON", reason)
    settings, week = settings_with(extracts), parse_date("AS_OF", as_of)
    weeks_between(settings, week, week, names=("AS_OF", "AS_OF"))
    results = run_backfill(settings, week, week, {"withdraw": reason.strip()}, restate=False)
    print_results(results)
    if any(result.state != "success" for result in results):
        raise typer.Exit(1)
    print(f"The extract {week} is withdrawn. It is held, and the published data no longer contains it.")
    if outdated := weeks.outdated(settings):
        print("Published weeks whose report would differ now: " + ", ".join(map(str, outdated)))
        for line in commands.reruns(settings, outdated):
            print(f"Run them again: {line}")
    else:
        print("No other published report differs.")
    print(f"To bring it back: {commands.backfill(settings, week, week, {'reextract': True})}")
