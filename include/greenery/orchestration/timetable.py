"""The timetable of the weekly DAG: when it runs, and which week a manual run with a date is for."""

from __future__ import annotations

from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable
from pendulum import DateTime

from greenery import commands, settings
from greenery.week import BEGINNING


class WeeklyTimetable(CronDataIntervalTimetable):
    """One run for each week. Its logical date is the week's start, and Airflow keeps one run for each logical date."""

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next scheduled run; None while a command has unpaused the DAG for itself.

        A paused DAG can't be backfilled, and Airflow would run the newest week as soon as the DAG is unpaused. A
        backfill asks here for its own runs, with catchup.
        """
        if not restriction.catchup and settings.load().pause_again.exists():
            return None
        return super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Return the newest week that had ended at `run_after`, the logical date of a manual run.

        Raises ValueError, which Airflow shows to the user, if the date is before all weeks or is the exact start of a
        week. In the second case the run would take the place of that week's scheduled run, which would never be made.
        """
        first = BEGINNING
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
