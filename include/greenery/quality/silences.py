"""Silences: checks that alert nobody for a while, with reason, owner and end. They are in one reviewed file."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import yaml

from greenery.messages.check_results import SilencedBy

FILE = Path(__file__).with_name("silences.yml")
LONGEST = timedelta(days=30)
_FIELDS = ("check", "reason", "owner", "since", "until")


class SilenceError(ValueError):
    """The file of silences has an invalid entry. The message names it and says what to write."""


@dataclass(frozen=True)
class Silence:
    """A check that alerts nobody for the weeks that end from `since` to `until`."""

    check: str
    reason: str
    owner: str
    since: date
    until: date

    def covers(self, week: date) -> bool:
        """Return whether the week that ends on this day is silenced. It does not matter when the week is run."""
        return self.since <= week <= self.until


def load(file: Path = FILE) -> list[Silence]:
    """Return all silences of the file.

    Raises SilenceError if an entry lacks a field, has an unknown or empty one, or lasts longer than 30 days.
    """
    entries = yaml.safe_load(file.read_text(encoding="utf-8")) or []
    if not isinstance(entries, list):
        raise SilenceError(f"{file.name} is no list: write entries of {', '.join(_FIELDS)}.")
    return [_silence(file.name, number, entry) for number, entry in enumerate(entries, start=1)]


def by_check(week: date, silences: Collection[Silence]) -> dict[str, SilencedBy]:
    """Return the silences of a week by check, in the form of quality.json. week: the day on which it ends."""
    return {
        silence.check: SilencedBy(reason=silence.reason, owner=silence.owner, until=silence.until)
        for silence in silences
        if silence.covers(week)
    }


def problems(silences: Collection[Silence], known: Collection[str], today: date) -> list[str]:
    """Return a sentence for each silence that ended before `today` or names no check in `known`."""
    found = []
    for silence in silences:
        if silence.check not in known:
            found.append(f"the silence of {silence.check} names no check: correct its name or delete it")
        elif silence.until < today:
            ended = f"ended on {silence.until} ({silence.reason}; {silence.owner})"
            found.append(f"the silence of {silence.check} {ended}: delete it")
    return found


def _silence(file: str, number: int, entry: object) -> Silence:
    where = f"{file}, entry {number}"
    if not isinstance(entry, dict) or sorted(entry) != sorted(_FIELDS):
        raise SilenceError(f"{where} does not have exactly {', '.join(_FIELDS)}: {entry}")
    for name in ("since", "until"):
        if type(entry[name]) is not date:
            raise SilenceError(f"{where} ({entry['check']}): {name}={entry[name]} is no day: write 2025-03-12.")
    for name in ("check", "reason", "owner"):
        if not isinstance(entry[name], str) or not entry[name].strip():
            raise SilenceError(f"{where} ({entry['check']}): {name} is empty: say it in words.")
    if not timedelta(0) <= entry["until"] - entry["since"] <= LONGEST:
        raise SilenceError(
            f"{where} ({entry['check']}): from {entry['since']} until {entry['until']} is not between 0 and "
            f"{LONGEST.days} days: end it earlier, and renew it by a review when it is still wanted."
        )
    return Silence(**entry)
