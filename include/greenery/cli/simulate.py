"""`greenery simulate`: write the weekly extracts of a simulated shop."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from greenery.cli.arguments import NAMED_BY_ITS_END
from greenery.commands import InputError
from greenery.simulator.shop import FileFormat, Shop, write_extracts


def simulate(
    out: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder to write into, one subfolder for each extract.")
    ],
    first: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help=f"The first week. {NAMED_BY_ITS_END}")
    ] = datetime(2025, 1, 8),
    weeks: Annotated[int, typer.Option(help="How many weekly extracts.")] = 8,
    sessions: Annotated[
        int, typer.Option(help="Sessions in the first simulated week. Later weeks have more.")
    ] = Shop.sessions_per_week,
    seed: Annotated[int, typer.Option(help="Another seed gives another shop.")] = Shop.seed,
    history_weeks: Annotated[
        int, typer.Option(help="Age of the shop in weeks when the week of the first extract begins.")
    ] = Shop.history_weeks,
    events_window_days: Annotated[
        int | None, typer.Option(help="Limit the events of each extract to this many days before its end.")
    ] = Shop.events_window_days,
    improved_checkout_week: Annotated[
        int, typer.Option(help="Number of the extract, counted from 0, in whose week more sessions begin to check out.")
    ] = Shop.improved_checkout_week,
    format: Annotated[FileFormat, typer.Option(help="Format of the files.")] = Shop.file_format,
    steady: Annotated[bool, typer.Option("--steady", help="Simulate a shop that does not grow.")] = False,
) -> None:
    """Write the weekly extracts of a simulated shop, one folder each; the same options give the same bytes.

    Example: `greenery simulate /tmp/shop --weeks 3 --seed 7`
    """
    try:
        shop = Shop(
            first_as_of=first,
            weeks=weeks,
            sessions_per_week=sessions,
            seed=seed,
            history_weeks=history_weeks,
            events_window_days=events_window_days,
            improved_checkout_week=improved_checkout_week,
            file_format=format,
            steady=steady,
        )
        for folder in write_extracts(shop, out):
            print(folder, flush=True)
    except ValueError as error:
        raise InputError(str(error)) from None
