"""`make heartbeat`: what an outside monitor asks, for a scheduler that is down can't say so itself.

It prints one line and ends with 0 when all is well, with 1 when the newest expected week has no digest by its deadline,
or Airflow does not answer, or one of its parts is unhealthy.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta

import httpx

from greenery import commands, settings
from greenery.delivery import lateness
from greenery.local_airflow.server import running
from greenery.report import weeks as status
from greenery.settings import SettingError, Settings

SECONDS = 10  # for an answer


def problems(settings: Settings, now: datetime, airflow: str = "") -> list[str]:
    """Return what is wrong, a sentence each; nothing when all is well.

    now: with time zone.
    airflow: address of Airflow; empty asks the one that `make up` started for this home.
    """
    return [*late(settings, now), *unhealthy(settings, airflow)]


def late(settings: Settings, now: datetime) -> list[str]:
    """Return a sentence when the newest week past its deadline has no digest; it is owed from then on.

    A week that no scheduled run began is owed nothing yet: without that, a backfill of it would only write its report.
    """
    as_of = settings.newest_week_end(now - timedelta(hours=settings.deadline_hours))
    if lateness.is_out(settings, as_of):
        return []
    lateness.expect(settings, as_of)
    what = "digest" if lateness.has_report(settings, as_of) else "report"
    deadline = lateness.deadline(settings, as_of)
    state = status.state_of(settings, as_of)
    week, due = f"{what} of the week to {as_of:%Y-%m-%d}", f"{deadline:%Y-%m-%d %H:%M} UTC"
    line = f"the {week} is not out, and was due on {due} ({state})"
    return [f"{line}; once its cause is mended: {_command(settings, as_of)}"]


def unhealthy(settings: Settings, airflow: str = "") -> list[str]:
    """Return a sentence for each part of Airflow that does not work, or one when Airflow does not answer."""
    found = running(settings)
    address = airflow or (found.url if found else "")
    if not address:
        up = commands.make(settings, "up")
        return [f"no Airflow runs for {settings.home}: start it with {up}, or name it with --airflow"]
    try:
        answer = httpx.get(f"{address.rstrip('/')}/api/v2/monitor/health", timeout=SECONDS, trust_env=False)
        parts = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        return [f"Airflow at {address} does not answer: {error or type(error).__name__}"]
    return [
        f"Airflow's {name} is {part['status']}" + (f", last heard of at {seen}" if (seen := _seen(part)) else "")
        for name, part in parts.items()
        if part and part.get("status") == "unhealthy"
    ]


def _command(settings: Settings, as_of: datetime) -> str:
    from greenery.alerts.incidents import run_of  # with it come the channels: only who has to say it pays

    return run_of(settings, as_of, "", "", "").command({"deliver": "always"})


def _seen(part: dict) -> str:
    return next((str(value) for name, value in part.items() if name.startswith("latest_") and value), "")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 when all is well, 1 when something is wrong, 2 for a wrong setting."""
    parser = argparse.ArgumentParser(prog="make heartbeat", description="Whether the newest digest is out.")
    parser.add_argument("--airflow", default="", metavar="URL", help="address of Airflow, if make up did not start it")
    options = parser.parse_args(arguments)
    try:
        found = problems(settings.load(), datetime.now(UTC), options.airflow)
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    print("; ".join(found) or "all is well")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
