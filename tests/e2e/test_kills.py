"""A kill at any moment, then the work run again, ends as if nothing had happened.

`make test` kills one process three times. `make prove-side-by-side` kills tasks and parts of an Airflow ten times, and
`make prove-kills` does both a hundred times.
"""

from __future__ import annotations

import pytest
from greenery.cli.backfill import airflow_for
from greenery.settings import DAG_ID, Settings
from greenery.simulator.shop import simulate

from tests.e2e.kills import (
    EVERYTHING,
    SCHEDULER,
    SHOP,
    copied,
    differences,
    drawn_from,
    in_child,
    kill_airflow,
    kill_steps,
    kill_tasks,
    quick_heartbeats,
    state_after,
    state_of,
    weeks_of,
)

STEPS = ("land", "acquire_warehouse", "dbt.dbt_test", "quality", "publish", "report")
SEED = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kills")
    simulate(SHOP, folder / "extracts")
    return folder


@pytest.fixture(scope="module")
def first_week(folder):
    """Return a home after the first week, and the state that it is in."""
    home = Settings(home=folder / "begun" / "home", extracts=folder / "extracts")
    return home, in_child(state_after, home, weeks_of(SHOP)[0])


@pytest.mark.prove
def test_ten_kills_in_airflow(folder, first_week):
    week = weeks_of(SHOP)[1]
    undisturbed = copied(first_week[0], folder / "undisturbed" / "home")
    expected = in_child(state_after, undisturbed, week)
    home = copied(first_week[0], folder / "disturbed" / "home")
    draw = drawn_from(SEED)
    with quick_heartbeats():
        kills = [kill_airflow(home, week, target, draw, seconds=10) for target in (SCHEDULER, EVERYTHING)]
        with airflow_for(home, [week.date()]) as airflow, airflow.unpaused():
            tasks = airflow.request("GET", f"dags/{DAG_ID}/tasks")["tasks"]
            models = [task["task_id"] for task in tasks if task["operator_name"] == "DbtRunLocalOperator"]
            wanted = {*STEPS, *draw.sample(sorted(models), 4)}
            kills += kill_tasks(airflow, home, week, draw, {}, wanted, again=0)
    assert differences(expected, in_child(state_of, home)) == []
    assert [kill for kill in kills if kill.differences] == []
    # A kill that comes after its task has ended does not count: so some more are tried than ten.
    assert len(kills) >= 10


def test_kills_of_one_process_that_does_all_steps(folder, first_week):
    weeks = kill_steps(folder, [first_week[1]], 3, drawn_from(SEED))
    kills = [kill for week in weeks for kill in week]
    assert len(kills) == 3
    assert [kill for kill in kills if kill.differences] == []
