"""The timetable of the weekly DAG: when it runs, and which week a manual run with a date is for."""

from __future__ import annotations

from airflow.timetables.base import DataInterval
from airflow.timetables.interval import CronDataIntervalTimetable
from pendulum import DateTime

from greenery import commands, settings


class WeeklyTimetable(CronDataIntervalTimetable):
    """One run for each week. Its logical date is the week's start, and Airflow keeps one run for each logical date."""

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Return the newest week that had ended at `run_after`, the logical date of a manual run.

        Raises ValueError, which Airflow shows to the user, if the date is before all weeks or is the exact start of a
        week. In the second case the run would take the place of that week's scheduled run, which would never be made.
        """
        first = settings.BEGINNING
        if run_after.year < first.year:
            raise ValueError(f"{run_after:%Y-%m-%d} is too long ago: weeks are counted from {first:%Y-%m-%d}.")
        week = super().infer_manual_data_interval(run_after=run_after)
        if run_after == week.end:
            day = f"{week.end:%Y-%m-%d}"
            command = commands.backfill(settings.load(), day, day)
            raise ValueError(
                f"{day} 00:00 UTC is the logical date of the week that starts then. For the week that ended then "
                f"take a later moment, such as {day} 12:00, or run `{command}`."
            )
        return week
