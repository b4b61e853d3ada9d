"""`greenery doctor`: check settings, connections (by asking them) and the warehouse; a line each, with what to fix."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console

from greenery import commands
from greenery.channels.channel import (
    ALERT_CHANNELS,
    CHANNELS,
    PAGERDUTY,
    Channel,
    callbacks_can_read,
    readiness,
    target,
    unreadable,
)
from greenery.channels.errors import PassingError, PermanentError
from greenery.local_airflow.background import UI_PORT
from greenery.local_airflow.environment import environment
from greenery.publishing.versions import recorded_version
from greenery.settings import SettingError, Settings, load
from greenery.source.folders import ExtractError
from greenery.warehouse import raw_tables
from greenery.warehouse.access import check_models_warehouse, connect, publishes_files
from greenery.warehouse.connection import UnavailableError

GOOD, OFF, BAD = "ok", "off", "FIX"


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was checked: its name, its state, and what to know or to fix."""

    what: str
    state: str
    says: str


def doctor() -> None:
    """Check the settings, the connections (by trying them) and the warehouse. Print a line for each, with its fix.

    It ends with 1 if something needs a fix.

    Example: `greenery doctor`
    """
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    try:
        settings = load()
    except SettingError as error:
        console.print(f"{BAD:<4} settings: {error}")
        raise typer.Exit(1) from None
    use_connections_of(settings)
    found = []
    for one in diagnoses(settings):
        named = one.says if one.says.startswith(one.what) else f"{one.what}: {one.says}"
        console.print(f"{one.state:<4} {named}")
        found.append(one.state)
    if BAD in found:
        raise typer.Exit(1)


def use_connections_of(settings: Settings) -> None:
    """Let this process read the connections of the Airflow of a home, where it has one."""
    if (settings.home / "airflow" / "airflow.db").exists():
        # Connections that were made in the UI are in the home's metadata, which only a server's process reads.
        os.environ.update(environment(settings, port=UI_PORT, execution_port=0))
        os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"


def diagnoses(settings: Settings) -> Iterator[Diagnosis]:
    """Look at everything that a run needs, one after the other."""
    version = ".".join(map(str, sys.version_info[:3]))
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Diagnosis(
        "python", GOOD if supported else BAD, version if supported else f"{version}: use 3.11, 3.12 or 3.13"
    )
    yield _folder(settings)
    yield _extracts(settings)
    yield _warehouse(settings)
    for channel in CHANNELS.values():
        yield _channel(settings, channel)


def _folder(settings: Settings) -> Diagnosis:
    home = settings.home
    if not home.exists():
        return Diagnosis("home", GOOD, f"{home} is made by the first run")
    if not os.access(home, os.W_OK | os.X_OK):
        return Diagnosis("home", BAD, f"{home} can't be written: give it to this user, or set GREENERY_HOME")
    if home.stat().st_mode & 0o077:
        return Diagnosis("home", BAD, f"others may read {home}: chmod 700 {home}")
    return Diagnosis("home", GOOD, str(home))


def _extracts(settings: Settings) -> Diagnosis:
    if settings.source != "folders":
        return _raw_tables(settings)
    if settings.extracts.is_dir():
        return Diagnosis("extracts", GOOD, str(settings.extracts))
    return Diagnosis("extracts", BAD, f"there is no folder {settings.extracts}: make it, or set GREENERY_EXTRACTS")


def _raw_tables(settings: Settings) -> Diagnosis:
    place = settings.source_place
    try:
        with raw_tables.found_extract(settings, settings.newest_week_end(datetime.now(UTC))):
            days = raw_tables.retention(settings)
    except (ExtractError, UnavailableError) as error:
        return Diagnosis("extracts", BAD, str(error))
    return Diagnosis("extracts", GOOD, f"{place} can be read; Time Travel lets a run be {days} day(s) late")


def _warehouse(settings: Settings) -> Diagnosis:
    if not publishes_files(settings):
        try:
            with connect(settings) as connection:
                published = recorded_version(connection)
                check_models_warehouse(connection, settings)
        except UnavailableError as error:
            return Diagnosis("warehouse", BAD, str(error))
        newest = f"published version {published}" if published else "nothing is published yet"
        return Diagnosis("warehouse", GOOD, f"{settings.target} answers, {newest}")
    if not settings.warehouse.exists():
        ways = f"{commands.make(settings, 'demo')}, or {commands.make(settings, 'backfill FROM=… TO=…')}"
        return Diagnosis("warehouse", GOOD, f"nothing is landed yet: {ways}")
    if not (settings.published / "greenery.duckdb").exists():
        return Diagnosis("warehouse", BAD, f"nothing is published: see {commands.make(settings, 'status')} for why")
    return Diagnosis("warehouse", GOOD, f"{settings.warehouse}, published {Path(settings.published).resolve().name}")


def _channel(settings: Settings, channel: Channel) -> Diagnosis:
    ready = readiness(settings, channel)
    if ready.off or ready.wrong:
        return Diagnosis(channel.name, BAD if ready.wrong else OFF, ready.wrong or ready.off)
    if channel.name in ALERT_CHANNELS and not callbacks_can_read(channel):
        return Diagnosis(channel.name, BAD, unreadable(channel))
    try:
        return Diagnosis(channel.name, GOOD, _ask(settings, channel))
    except (PermanentError, PassingError) as error:
        return Diagnosis(channel.name, BAD, str(error))


def _ask(settings: Settings, channel: Channel) -> str:
    from greenery.channels import mail, slack

    if channel is PAGERDUTY:  # it can be asked only by raising an alarm
        return "the routing key has the right form; only a first alert can show whether PagerDuty accepts it"
    if channel.is_slack:
        return f"posts to {slack.check(channel.connection_id, target(settings, channel)[0])}"
    mail.check(channel.connection_id)
    return f"logs in, sends to {', '.join(target(settings, channel))}"
