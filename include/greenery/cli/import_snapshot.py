"""`greenery import-snapshot`: an existing dbt snapshot becomes the order history before the first extract."""

from __future__ import annotations

from datetime import datetime, time
from pathlib import Path
from typing import Annotated

import typer

from greenery import commands
from greenery.cli.arguments import NAMED_BY_ITS_END, parse_date
from greenery.commands import InputError
from greenery.landing import importing
from greenery.report import weeks
from greenery.settings import load
from greenery.source.folders import ExtractError
from greenery.warehouse.connection import UnavailableError


def import_snapshot(
    relation: Annotated[
        str,
        typer.Argument(help="The table: SCHEMA.TABLE of the file, or DATABASE.SCHEMA.TABLE of Snowflake."),
    ],
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The DuckDB file that holds it. Without it, it is in Snowflake.")
    ] = None,
    before: Annotated[
        str,
        typer.Option(
            metavar="WEEK",
            help=f"The first week that is landed: what happened at its end or later is left out. {NAMED_BY_ITS_END} "
            "Default: the first landed week, if there is one.",
        ),
    ] = "",
    again: Annotated[bool, typer.Option("--again", help="Replace the history that was imported before.")] = False,
) -> None:
    """Let an existing dbt snapshot of the orders be the order history before the first landed extract.

    orders_snapshot and fct_order_changes continue it from the next run on. What is odd in the snapshot is printed.
    Importing the same snapshot twice changes nothing.

    Example: `greenery import-snapshot snapshots.orders_snapshot --file /srv/dbt/shop.duckdb`
    """
    settings = load()
    start = datetime.combine(parse_date("--before", before), time()) if before else None
    try:
        found = importing.import_snapshot(settings, relation, file, before=start, again=again)
    except (ExtractError, UnavailableError) as error:
        raise InputError(str(error)) from None
    for line in found.findings:
        print(f"Note: {line}.")
    print(
        f"{relation}: {found.versions} versions of orders, from {found.first:%Y-%m-%d %H:%M:%S} to "
        f"{found.last:%Y-%m-%d %H:%M:%S}, at {found.instants} instants: {found.outcome}."
    )
    if found.outcome == "unchanged":
        return
    landed = [week.as_of for week in weeks.recorded(settings)]
    if landed:
        print(f"Next: {commands.backfill(settings, min(landed), max(landed))}")
    else:
        print("Next: run the weeks that follow it.")
