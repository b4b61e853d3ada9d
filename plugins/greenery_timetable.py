"""Registers the timetable of the weekly DAG, without which Airflow reads it from no DAG."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin
from greenery.orchestration.timetable import WeeklyTimetable


class GreeneryTimetable(AirflowPlugin):
    """What Airflow registers: the timetable."""

    name = "greenery_timetable"
    timetables = [WeeklyTimetable]  # noqa: RUF012 (Airflow declares it so)
