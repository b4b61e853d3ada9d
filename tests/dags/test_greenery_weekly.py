"""What every DAG here must hold, and the wiring of the weekly one."""

from __future__ import annotations

import subprocess
import sys

import pytest
from airflow.dag_processing.dagbag import DagBag
from greenery.settings import REPOSITORY, WAREHOUSE_POOL

# What would make every parse of a DAG file slow.
HEAVY = ("dbt", "duckdb", "great_expectations", "pandas", "pyarrow", "vl_convert", "snowflake.connector")


@pytest.fixture(scope="module")
def bag():
    return DagBag(str(REPOSITORY / "dags"))


@pytest.fixture(scope="module")
def dag(bag):
    return bag.dags["greenery_weekly"]


def test_all_dag_files_import(bag):
    assert bag.import_errors == {}
    assert set(bag.dags) == {"greenery_weekly"}


def test_every_dag_is_documented_owned_and_tagged(bag):
    for dag in bag.dags.values():
        assert dag.doc_md
        assert dag.description
        assert dag.owner == "data-team"
        assert {tag.partition(":")[0] for tag in dag.tags} >= {"impact", "weekly"}
        assert not dag.catchup


def test_every_param_has_a_type_and_a_description(dag):
    defaults = {name: dag.params.get_param(name).value for name in dag.params}
    assert defaults == {
        "reextract": False,
        "accept_shrink": False,
        "full_refresh": False,
        "withdraw": None,
        "accept": None,
    }
    for name, default in defaults.items():
        param = dag.params.get_param(name)
        # A form's text field that may stay empty has to allow null.
        assert param.schema["type"] == ("boolean" if default is False else ["null", "string"])
        assert param.schema["title"]
        assert param.description


def test_every_task_that_opens_the_warehouse_is_in_its_pool(dag):
    # The staging models are written into those that use them: their tasks stand for them and do nothing.
    outside = {
        (task.task_type, task.task_id.startswith("dbt.stg_")) for task in dag.tasks if task.pool != WAREHOUSE_POOL
    }
    assert outside == {("EmptyOperator", True)}


def test_the_steps_follow_each_other(dag):
    def upstream(name):
        return dag.get_task(name).get_flat_relative_ids(upstream=True)

    for before, after in [
        ("wait_for_extract", "land"),
        ("land", "acquire_warehouse"),
        ("acquire_warehouse", "dbt.stg_greenery__extracts_run"),
        ("dbt.fct_funnel_daily_run", "dbt.dbt_test"),
        ("dbt.dbt_test", "quality"),
        ("quality", "publish"),
        ("publish", "report"),
        ("publish", "release_warehouse"),
    ]:
        assert before in upstream(after), (before, after)


def test_the_lock_is_taken_by_a_setup_and_given_back_by_its_teardown(dag):
    assert dag.get_task("acquire_warehouse").is_setup
    release = dag.get_task("release_warehouse")
    assert release.is_teardown
    assert "acquire_warehouse" in release.upstream_task_ids


def test_waiting_holds_no_slot_and_tests_are_not_retried(dag):
    for name in ("wait_for_extract", "acquire_warehouse"):
        assert dag.get_task(name).mode == "reschedule"
    for name in ("dbt.dbt_test", "quality"):
        assert dag.get_task(name).retries == 0
    for name in ("land", "publish", "report", "dbt.fct_sessions_run"):
        assert dag.get_task(name).retries > 0


def test_a_run_covers_the_week_before_wednesday(dag):
    assert dag.timetable.summary == "0 0 * * 3"


def test_reading_the_dag_file_loads_nothing_heavy():
    script = (
        "import sys; sys.path[:0] = ['dags', 'include']\n"
        "import airflow.sdk, greenery_weekly\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert found.stdout.splitlines()[-1] == "[]"


def test_the_page_of_the_dags_is_up_to_date():
    checked = subprocess.run(
        [sys.executable, "-m", "greenery.dag_docs", "--check"],
        env={"PYTHONPATH": "include", "PATH": ""},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
