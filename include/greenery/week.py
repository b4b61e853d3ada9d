"""The week as a value. All times here are naive UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from pydantic import BaseModel

WEEK = timedelta(days=7)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# The weekly DAG has no run of an earlier week.
BEGINNING = datetime(2000, 1, 1)


class Week(BaseModel, frozen=True):
    """The seven days up to `end`; the extract of the week has this as_of, and this day names the week."""

    end: datetime

    @property
    def start(self) -> datetime:
        """The moment at which the week starts."""
        return self.end - WEEK

    @property
    def name(self) -> str:
        """The day on which the week ends, such as 2023-02-01: in folders, messages and commands."""
        return f"{self.end:%Y-%m-%d}"

    @classmethod
    def newest(cls, moment: datetime, ends_on: int) -> Week:
        """Return the newest week that had ended at a moment (with time zone).

        ends_on: the weekday (0 = Monday) on whose 00:00 weeks end.
        """
        moment = moment.astimezone(UTC)
        day = datetime(moment.year, moment.month, moment.day)
        return cls(end=day - timedelta(days=(day.weekday() - ends_on) % 7))


def week_ends(first: date, last: date) -> list[date]:
    """Return the days on which weeks end, from `first` to `last`, oldest first; both end one."""
    return [first + WEEK * number for number in range((last - first) // WEEK + 1)]
