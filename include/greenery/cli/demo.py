"""`greenery demo`: simulate a shop, run its weeks through a real Airflow, and say where the reports are."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import typer

from greenery import commands
from greenery.cli.backfill import airflow_for, run_backfill
from greenery.cli.results import print_results
from greenery.commands import InputError
from greenery.settings import load
from greenery.simulator.shop import Shop, simulate
from greenery.week import WEEK

SHOP = Shop(first_as_of=datetime(2025, 1, 8), weeks=8)


def demo() -> None:
    """Simulate a shop, run the weekly DAG over its eight weeks in a real Airflow, and print where the reports are.

    Example: `greenery demo`
    """
    settings = replace(load(), source="folders")
    print(f"Simulating a plant shop: {SHOP.weeks} weekly extracts in {settings.extracts}")
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        simulate(SHOP, settings.extracts)
    except ValueError as error:  # other extracts are there
        raise InputError(str(error)) from None
    last_as_of = SHOP.first_as_of + (SHOP.weeks - 1) * WEEK
    print(f"Running {SHOP.weeks - 1} weeks, then the last one, which delivers its digest", flush=True)
    with airflow_for(settings) as airflow:
        results = run_backfill(settings, SHOP.first_as_of.date(), (last_as_of - WEEK).date(), airflow=airflow)
        # By default a backfill delivers nothing. For the demo, one digest is enough.
        last = last_as_of.date()
        results += run_backfill(settings, last, last, {"deliver": "always"}, airflow=airflow)
    print_results(results)
    if any(result.state != "success" for result in results):
        raise typer.Exit(1)
    print(f"\nThe newest report: {settings.report_folder(last_as_of) / 'index.html'}")
    print(f"All reports:       {settings.reports / 'index.html'}")
    print(f"Published data:    {settings.published / 'greenery.duckdb'} (schema analytics)")
    if (settings.home / "outbox").exists():
        outbox = settings.home / "outbox"
        print(f"Its digest:        {outbox} (email and Slack message; connect a channel to send them)")
    print(
        f"Next: {commands.make(settings, 'up')} (Airflow with its UI), {commands.make(settings, 'status')} (all weeks)"
    )
