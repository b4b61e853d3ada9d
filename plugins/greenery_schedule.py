"""Registers when the weekly DAG runs and when its digest is due: without this Airflow can read neither from a DAG."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin
from greenery.orchestration.deadline import StartOfScheduledWeek
from greenery.orchestration.timetable import WeeklyTimetable


class GreenerySchedule(AirflowPlugin):
    """What Airflow registers: the timetable and the start of a deadline."""

    name = "greenery_schedule"
    timetables = [WeeklyTimetable]  # noqa: RUF012 (Airflow declares it so)
    deadline_references = [StartOfScheduledWeek]  # noqa: RUF012 (as above)
