"""Which week a logical date means that a person gives."""

from __future__ import annotations

import pendulum
import pytest
from airflow.sdk.timezone import utc
from airflow.timetables.base import TimeRestriction
from greenery.orchestration.timetable import WeeklyTimetable

WEEKLY = WeeklyTimetable("0 0 * * 3", timezone=utc)


@pytest.mark.parametrize("moment", ["2023-02-01T00:00:01", "2023-02-01T12:00", "2023-02-07T23:59:59"])
def test_a_moment_is_of_the_newest_week_that_had_ended(moment):
    week = WEEKLY.infer_manual_data_interval(run_after=pendulum.parse(moment))
    assert (week.start, week.end) == (pendulum.datetime(2023, 1, 25), pendulum.datetime(2023, 2, 1))


def test_the_logical_date_of_a_scheduled_week_is_refused_with_the_command():
    with pytest.raises(ValueError, match=r"such as 2023-02-01 12:00, or run `make backfill FROM=2023-02-01 TO=2023"):
        WEEKLY.infer_manual_data_interval(run_after=pendulum.datetime(2023, 2, 1))


def test_a_date_before_all_weeks_is_refused():
    with pytest.raises(ValueError, match="1999-12-31 is too long ago: weeks are counted from 2000-01-01"):
        WEEKLY.infer_manual_data_interval(run_after=pendulum.datetime(1999, 12, 31))


def test_the_schedule_is_that_of_the_weeks():
    assert WeeklyTimetable.deserialize(WEEKLY.serialize()) == WEEKLY
    assert WEEKLY.summary == "0 0 * * 3"


def test_while_a_command_has_unpaused_the_dag_for_itself_no_scheduled_run_is_next(home, monkeypatch):
    monkeypatch.setenv("GREENERY_HOME", str(home.home))

    def following(catchup: bool):
        earliest = pendulum.datetime(2023, 1, 4)
        restriction = TimeRestriction(earliest=earliest, latest=None, catchup=catchup)
        return WEEKLY.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)

    before = following(catchup=False)
    home.pause_again.parent.mkdir(parents=True)
    home.pause_again.touch()
    assert following(catchup=False) is None
    assert following(catchup=True).logical_date == pendulum.datetime(2023, 1, 4)  # for the backfill itself
    home.pause_again.unlink()
    assert following(catchup=False) == before is not None
