"""The file source: `<extracts>/<YYYY-MM-DD>/<table>.csv` or `.parquet`. Each folder shows the shop at one instant.

A table is a file, or a folder of that name that contains its parts.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from greenery import commands
from greenery.settings import Settings
from greenery.source.tables import TABLES
from greenery.week import WEEKDAYS

FORMATS = (".csv", ".csv.gz", ".parquet")


class ExtractError(Exception):
    """An extract can't be landed. The message says what is wrong, where it is, and how to fix it."""


class MissingExtractError(ExtractError):
    """There is no folder for the extract's as_of."""


class LostExtractError(MissingExtractError):
    """The source does not show the state at the extract's as_of any more; waiting does not help."""


class ExtractFolder(BaseModel, frozen=True):
    """A folder of the file source that has all files.

    files: for each table its file, or the folder with its parts.
    events_since: the time (naive UTC) from which the file has all events; None if it has all events of all times.
    """

    as_of: datetime
    path: Path
    files: dict[str, Path]
    events_since: datetime | None
    kind: ClassVar = "file"


def find_extract(settings: Settings, as_of: datetime) -> ExtractFolder:
    """Return the folder of the extract as of `as_of` (naive UTC).

    Raises MissingExtractError if there is no folder, ExtractError if a table has no file or several files, or if
    `_extract.json` can't be read.
    """
    path = settings.extracts / f"{as_of:%Y-%m-%d}"
    if not path.is_dir():
        raise MissingExtractError(
            f"no extract for {as_of:%Y-%m-%d}: expected {path} with {', '.join(t.name for t in TABLES)} "
            "as .csv or .parquet. Put it there, or point GREENERY_EXTRACTS (EXTRACTS= for make) at the right folder."
        )
    files = {table.name: _find_table(path, table.name, as_of) for table in TABLES}
    return ExtractFolder(as_of=as_of, path=path, files=files, events_since=_events_since(path, as_of))


def _find_table(folder: Path, table: str, as_of: datetime) -> Path:
    """Return the table's file or folder. Raises ExtractError if there is none, or more than one."""
    of_table = sorted(path for path in folder.iterdir() if path.name.lower().startswith(f"{table}."))
    found = [path for path in of_table if path.name.lower().removeprefix(table) in FORMATS]
    if len(found) == 1:
        return found[0]
    where = f"extract {as_of:%Y-%m-%d}, table {table}: {folder / table}"
    if found:
        names = " or ".join(path.name[len(table) :] for path in found)
        raise ExtractError(f"{where}{names} are both there: keep one.")
    others = "".join(f" {path.name} is there, but its format can't be read." for path in of_table)
    raise ExtractError(f"{where}.csv or .parquet is missing: add it.{others}")


def ignored_folders(settings: Settings) -> list[str]:
    """Return a line for each folder that is no extract: its name is no date, or the day ends no week."""
    if not settings.extracts.is_dir():
        return []
    lines = []
    for path in sorted(settings.extracts.iterdir()):
        if not path.is_dir() or path.name.startswith("."):
            continue
        day = _day(path.name)
        if day is None:
            lines.append(f"ignored {path}: the name is not a date (YYYY-MM-DD)")
        elif day.weekday() != settings.week_ends_on:
            weekday = WEEKDAYS[settings.week_ends_on].capitalize()
            lines.append(f"ignored {path}: {day:%A} ends no week, weeks end on {weekday}")
    return lines


def folders(settings: Settings) -> list[datetime]:
    """Return the as_of (naive UTC) of each folder that is named by a week's end, oldest first."""
    entries = settings.extracts.iterdir() if settings.extracts.is_dir() else ()
    days = [day for path in entries if path.is_dir() and (day := _day(path.name))]
    return sorted(day.replace(tzinfo=None) for day in days if day.weekday() == settings.week_ends_on)


def available(settings: Settings) -> str:
    """Return a sentence that names the weeks that have an extract, and how to run the newest of them."""
    weeks = [as_of.date() for as_of in folders(settings)]
    if not weeks:
        return f"No week has an extract in {settings.extracts}."
    named = ", ".join(
        f"{first} to {last}" if first != last else f"{first}" for first, last in commands.stretches(weeks)
    )
    newest = weeks[-1]
    return (
        f"These weeks have an extract: {named}. To run the newest, trigger with the logical date {newest} 12:00, or "
        f"run `{commands.backfill(settings, newest, newest)}`."
    )


def _day(name: str) -> datetime | None:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", name):
        return None
    try:
        return datetime.strptime(name, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _events_since(folder: Path, as_of: datetime) -> datetime | None:
    path = folder / "_extract.json"
    if not path.exists():
        return None
    try:
        said = json.loads(path.read_text(encoding="utf-8-sig"))
        text = said.get("events_since")
        moment = datetime.fromisoformat(text) if text is not None else None
        if moment and moment.tzinfo:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, AttributeError, TypeError, OverflowError, OSError) as error:
        raise ExtractError(
            f'{path}: not readable as {{"events_since": "2023-01-01T00:00:00Z"}} ({error}): correct or remove it.'
        ) from error
    if unknown := sorted(said.keys() - {"events_since"}):
        raise ExtractError(f"{path}: unknown key {', '.join(unknown)}: write events_since, or remove it.")
    if moment and moment > as_of:
        raise ExtractError(
            f"{path}: events_since is {moment:%Y-%m-%d %H:%M:%S}, after the extract's day {as_of:%Y-%m-%d}: write the "
            "time from which the file has all events."
        )
    return moment
