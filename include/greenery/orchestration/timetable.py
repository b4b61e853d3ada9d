"""When the weekly DAG runs, and what a date that a person triggers it with means."""

from __future__ import annotations

from airflow.timetables.base import DataInterval
from airflow.timetables.interval import CronDataIntervalTimetable
from pendulum import DateTime

from greenery import commands, settings
from greenery.week import BEGINNING


class WeeklyTimetable(CronDataIntervalTimetable):
    """A run a week, whose logical date is the week's start; Airflow keeps one run of a logical date."""

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Return the newest week that had ended at the logical date `run_after` of a run that is triggered by hand.

        Raises ValueError, which Airflow shows to who triggers, at the very start of a week: the run would take the
        place of that week's own, and the schedule would leave the week out. Or where the date is before all weeks.
        """
        first = BEGINNING
        if run_after.year < first.year:
            raise ValueError(f"{run_after:%Y-%m-%d} is too long ago: weeks are counted from {first:%Y-%m-%d}.")
        week = super().infer_manual_data_interval(run_after=run_after)
        if run_after == week.end:
            # Every process of Airflow imports this module: it must not load DuckDB.

            day = f"{week.end:%Y-%m-%d}"
            command = commands.backfill(settings.load(), day, day)
            raise ValueError(
                f"{day} 00:00 UTC is the logical date of the week that starts then. For the week that ended then "
                f"take a later moment, such as {day} 12:00, or run `{command}`."
            )
        return week
