"""`greenery heartbeat`: whether all is well, for an outside monitor: a scheduler that is down can't say so itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from greenery.cli.doctor import use_connections_of
from greenery.delivery import lateness
from greenery.local_airflow.server import unhealthy
from greenery.settings import Settings, load
from greenery.warehouse.access import shares_records


def heartbeat(
    airflow: Annotated[
        str, typer.Option(metavar="URL", help="Address of Airflow, if `greenery up` did not start it.")
    ] = "",
) -> None:
    """Say in one line whether the newest digest is out and Airflow is healthy, for an outside monitor.

    It ends with 0 when all is well; with 1 when the newest expected week has no digest by its deadline, when Airflow
    does not answer, or when a part of it is unhealthy.

    Example: `greenery heartbeat --airflow https://airflow.example`
    """
    settings = load()
    if shares_records(settings):
        use_connections_of(settings)
    found = problems(settings, datetime.now(UTC), airflow)
    print("; ".join(found) or "all is well")
    if found:
        raise typer.Exit(1)


def problems(settings: Settings, now: datetime, airflow: str = "") -> list[str]:
    """Return a sentence for each fault; an empty list if all is well.

    now: with time zone.
    airflow: address of Airflow; empty asks the one that `make up` started for this home.
    """
    return [*lateness.late(settings, now), *unhealthy(settings, airflow)]
