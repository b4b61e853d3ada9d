"""`make demo`: simulate a shop, run its weeks through a real Airflow, and say where the reports are."""

from __future__ import annotations

import sys
from datetime import datetime

from greenery import commands, settings
from greenery.cli.backfill import airflow_for, print_results, run_backfill
from greenery.local_airflow.client import AirflowError
from greenery.local_airflow.processes import exit_on_signals
from greenery.settings import WEEK, SettingError
from greenery.simulator.shop import Shop, simulate

SHOP = Shop(first_as_of=datetime(2025, 1, 8), weeks=8)


def main() -> int:
    """Run the demo; return 0, or 1 when a week failed or Airflow can't be used."""
    exit_on_signals()
    try:
        home = settings.load()
        print(f"Simulating a plant shop: {SHOP.weeks} weekly extracts in {home.extracts}")
        home.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        simulate(SHOP, home.extracts)
        last_as_of = SHOP.first_as_of + (SHOP.weeks - 1) * WEEK
        with airflow_for(home) as airflow:
            results = run_backfill(home, SHOP.first_as_of.date(), (last_as_of - WEEK).date(), airflow=airflow)
            # A backfill delivers nothing by itself; of the demo, one digest is enough.
            last = last_as_of.date()
            results += run_backfill(home, last, last, {"deliver": "always"}, airflow=airflow)
    except (AirflowError, SettingError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print_results(results)
    if any(result.state != "success" for result in results):
        return 1
    print(f"\nThe newest report: {home.report_folder(last_as_of) / 'index.html'}")
    print(f"All reports:       {home.reports / 'index.html'}")
    print(f"Published data:    {home.published / 'greenery.duckdb'} (schema analytics)")
    if (home.home / "outbox").exists():
        print(f"Its digest:        {home.home / 'outbox'} (email and Slack message; connect a channel to send them)")
    print(f"Airflow's page:    {commands.make(home, 'up')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
