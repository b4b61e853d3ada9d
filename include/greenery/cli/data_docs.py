"""`greenery data-docs`: build the pages in which Great Expectations shows a week's suites."""

from __future__ import annotations

from typing import Annotated

import typer

from greenery.cli.arguments import NAMED_BY_ITS_END
from greenery.cli.preview import named_week
from greenery.commands import InputError
from greenery.quality.data_docs import NotBuiltError, build
from greenery.settings import load
from greenery.warehouse.connection import UnavailableError


def data_docs(
    as_of: Annotated[
        str, typer.Argument(metavar="AS_OF", help=f"The week. Default: the newest one. {NAMED_BY_ITS_END}")
    ] = "",
) -> None:
    """Build the Data Docs of a week from the warehouse as it is now, and print their first page.

    This changes no verdict and stores no result. Example: `greenery data-docs 2023-02-01`
    """
    settings = load()
    week = named_week(settings, as_of)
    try:
        page = build(settings, week)
    except (NotBuiltError, UnavailableError) as error:
        raise InputError(str(error)) from error
    print(f"The Data Docs of the week to {week:%Y-%m-%d}: {page}")
