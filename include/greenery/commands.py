"""The commands that messages print, for readers to copy. They are written only here."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from datetime import date
from typing import Literal

from greenery.settings import REPOSITORY, Settings
from greenery.week import WEEK


class InputError(ValueError):
    """The input of a command can't be used. The message is one line and says what to write instead."""


WayOut = Literal["model", "extract", "accept", "extract or accept"]


def make(settings: Settings, target: str) -> str:
    """Return the make command that works on this home, such as `make down GREENERY_HOME=/srv/greenery`.

    target: the make target with its own variables. More variables can be appended to the command.
    """
    return f"make {target}{make_variables(settings)}"


def make_variables(settings: Settings) -> str:
    """Return the variables that make needs for this home, as ` GREENERY_HOME=/srv/greenery`; empty for the defaults."""
    folders = {}
    if settings.home != REPOSITORY / ".greenery":
        folders["GREENERY_HOME"] = settings.home
    if settings.extracts != settings.home / "extracts":
        folders["EXTRACTS"] = settings.extracts
    # In a command line of make, two dollars stand for one.
    return "".join(f" {name}={shlex.quote(str(folder).replace('$', '$$'))}" for name, folder in folders.items())


def reruns(settings: Settings, weeks: list[date]) -> list[str]:
    """Return the commands that rerun these weeks (as_of), oldest first: one for each stretch without a gap."""
    return [backfill(settings, first, last) for first, last in stretches(weeks)]


def backfill(
    settings: Settings, first: date | str, last: date | str, params: Mapping[str, bool | str] | None = None
) -> str:
    """Return the command that runs these weeks (as_of). params: the parameters of the runs."""
    return with_params(make(settings, f"backfill FROM={first} TO={last}"), params or {})


def with_params(command: str, params: Mapping[str, bool | str]) -> str:
    """Return a backfill command with these parameters. command: a backfill command without parameters."""
    return f"{command} PARAMS='{json.dumps(params)}'" if params else command


def way_out(settings: Settings, week: date | str, way: WayOut) -> str:
    """Return the next steps for a held week (as_of), with their commands. way: `way_out` in its quality.json."""
    correct = f"correct the extract, then {backfill(settings, week, week, {'reextract': True})}"
    accept = backfill(settings, week, week, {"accept": "<why>"})
    return {
        "model": f"correct the model, make install, then {backfill(settings, week, week, {'full_refresh': True})}",
        "extract": correct,
        "accept": f"accept with {accept}",
        "extract or accept": f"{correct}; or, if the shop really did it, {accept}",
    }[way]


def stretches(weeks: list[date]) -> list[tuple[date, date]]:
    """Return the first and last week of each stretch of weeks that follow each other, oldest first."""
    found: list[tuple[date, date]] = []
    for week in sorted(weeks):
        if found and week - found[-1][1] == WEEK:
            found[-1] = (found[-1][0], week)
        else:
            found.append((week, week))
    return found
