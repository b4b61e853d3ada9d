"""The arguments that commands share: a week is named by the day it ends."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from greenery.commands import InputError
from greenery.settings import Settings, load
from greenery.week import BEGINNING, WEEK, WEEKDAYS

NAMED_BY_ITS_END = "A week is named by the day it ends, such as 2023-02-01."

ExtractsOption = Annotated[
    Path | None,
    typer.Option(
        "--extracts",
        metavar="FOLDER",
        help="Folder of the extracts. Default: GREENERY_EXTRACTS, or the folder extracts in the home.",
    ),
]


def settings_with(extracts: Path | None) -> Settings:
    """Return the settings of the environment, with this folder of extracts where one is given.

    Raises SettingError, and InputError where a folder is given and the settings read extracts in Snowflake.
    """
    settings = load()
    if extracts and settings.source != "folders":
        raise InputError(f"--extracts={extracts}: GREENERY_SOURCE={settings.source} reads none. Set it to folders.")
    # Written as in the settings: those of a running Airflow are compared with these.
    return replace(settings, extracts=Path(os.path.abspath(extracts.expanduser()))) if extracts else settings


def parse_date(name: str, text: str) -> date:
    """Return the date; raise InputError if the text is not a date."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{name}={text!r} is not a date: write {name}=2023-02-01, the day a week ends.") from None


def parse_params(text: str) -> dict[str, Any]:
    """Return the parameters of the runs; raise InputError unless the text is a JSON object with reasons for its own."""
    try:
        params = json.loads(text or "{}")
    except ValueError as error:
        raise InputError(f"PARAMS={text!r} is not JSON ({error}): write PARAMS='{{\"reextract\": true}}'.") from None
    if not isinstance(params, dict):
        raise InputError(f"PARAMS={text!r} is not a JSON object: write PARAMS='{{\"reextract\": true}}'.")
    for name in ("accept", "withdraw"):
        check_reason(f"{name} in PARAMS", params.get(name))
    return params


def check_reason(name: str, reason: Any) -> None:
    """Raise InputError where a reason is still the placeholder of a printed command, such as `<why>`."""
    if isinstance(reason, str) and reason.lstrip().startswith("<"):
        raise InputError(f"{name} is still the placeholder {reason.strip()}: write the reason in its place.")


def weeks_between(
    settings: Settings,
    first: date,
    last: date,
    now: datetime | None = None,
    names: tuple[str, str] = ("FROM", "TO"),
) -> list[date]:
    """Return the weeks (as_of) from `first` to `last`, oldest first.

    now: with time zone; weeks that end later can't be run. names: what the dates are called where the user gave them.

    Raises InputError if a date does not end a week, the order is wrong, or the last week has not ended.
    """
    for name, day in zip(names, (first, last), strict=True):
        if day <= BEGINNING.date():
            raise InputError(f"{name}={day} is too long ago: weeks are counted from {BEGINNING:%Y-%m-%d}.")
        if past := (day.weekday() - settings.week_ends_on) % 7:
            before = day - timedelta(days=past)
            raise InputError(
                f"{name}={day} is a {WEEKDAYS[day.weekday()].capitalize()}, which does not end a week: "
                f"write {before} or {before + WEEK}."
            )
    if last < first:
        raise InputError(f"{names[1]}={last} is before {names[0]}={first}: write FROM={last} TO={first}.")
    now = now or datetime.now(UTC)
    if datetime(last.year, last.month, last.day, tzinfo=UTC) >= now:  # as Airflow sees it
        newest = (now - datetime.resolution).date()
        newest -= timedelta(days=(newest.weekday() - settings.week_ends_on) % 7)
        raise InputError(f"{names[1]}={last} has not ended yet: the newest week that has is {newest}.")
    return [first + WEEK * number for number in range((last - first) // WEEK + 1)]
