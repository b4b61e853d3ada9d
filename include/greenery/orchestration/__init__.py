"""Airflow's side of the weekly run: tasks, sensors, the Cosmos group, the timetable and the deadline."""
