"""The runs of weeks that are under way: `<home>/runs.json`, for the list of weeks."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

from pydantic import TypeAdapter

from greenery.documents import Document, Moment
from greenery.files import write_atomically
from greenery.settings import Settings


class WeekRun(Document):
    """The run of a week that is under way.

    since: when it began (UTC).
    waits_for: what it waits for, such as `its extract`; empty while it works.
    """

    run_id: str
    since: Moment
    waits_for: str = ""


RUNS = TypeAdapter(dict[date, WeekRun])


def under_way(settings: Settings) -> dict[date, WeekRun]:
    """Return the run of each week (as_of) that has one under way."""
    file = settings.home / "runs.json"
    return RUNS.validate_json(file.read_bytes()) if file.exists() else {}


def note(settings: Settings, as_of: datetime, run_id: str, waits_for: str = "") -> bool:
    """Record that the run of a week is under way, and what it waits for. Return whether this changes the record."""
    with _changing(settings) as runs:
        known = runs.get(as_of.date())
        since = known.since if known and known.run_id == run_id else datetime.now(UTC)
        runs[as_of.date()] = WeekRun(run_id=run_id, since=since, waits_for=waits_for)
        return runs[as_of.date()] != known


def end(settings: Settings, as_of: datetime, run_id: str) -> None:
    """Record that a run of a week has ended. If another run of the week is recorded, that one stays."""
    with _changing(settings) as runs:
        if as_of.date() in runs and runs[as_of.date()].run_id == run_id:
            del runs[as_of.date()]


@contextmanager
def _changing(settings: Settings) -> Iterator[dict[date, WeekRun]]:
    """Yield the runs, and write them again if they have changed; one process at a time."""
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (settings.home / ".runs.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        runs = under_way(settings)
        before = dict(runs)
        yield runs
        if runs != before:
            write_atomically(settings.home / "runs.json", json.dumps(RUNS.dump_python(runs, mode="json"), indent=2))
