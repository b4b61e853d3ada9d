"""`greenery up`: Airflow with its UI on this machine, in the background."""

from __future__ import annotations

from typing import Annotated

import typer

from greenery.cli.arguments import ExtractsOption, settings_with
from greenery.local_airflow import background


def up(
    port: Annotated[
        int, typer.Option(help="Port of the UI on 127.0.0.1. If it is taken, a free port is used.")
    ] = background.UI_PORT,
    extracts: ExtractsOption = None,
) -> None:
    """Start Airflow with its UI on 127.0.0.1, in the background, and print its address and password file.

    The weekly DAG is paused at first: unpause it in the UI to run it every week.

    Example: `greenery up --port 8081`
    """
    background.up(settings_with(extracts), port)
