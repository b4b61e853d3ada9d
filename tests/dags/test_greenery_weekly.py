"""What every DAG here must hold, and the wiring of the weekly one."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections import namedtuple
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.models import DagRun
from airflow.sdk import RetryAction
from airflow.utils.strings import to_boolean
from greenery.cli import demo
from greenery.cli.app import app
from greenery.orchestration import run_context
from greenery.orchestration.deadline import StartOfScheduledWeek
from greenery.orchestration.retries import UNLESS_REFUSED
from greenery.settings import DELIVERY_POOL, REPOSITORY, WAREHOUSE_POOL
from greenery.warehouse.connection import RefusedError, UnavailableError
from greenery.week import WEEK
from typer.main import get_command

TaskInstance = namedtuple("TaskInstance", ["task_id", "state"])

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
        "accept": None,
        "withdraw": None,
        "deliver": "auto",
    }
    assert dag.params.get_param("deliver").schema["enum"] == ["auto", "always", "never"]
    for name, default in defaults.items():
        param = dag.params.get_param(name)
        assert param.schema["title"]
        assert param.description
        if "enum" in param.schema:
            continue
        # A form's text field that may stay empty has to allow null.
        assert param.schema["type"] == ("boolean" if default is False else ["null", "string"])


@pytest.mark.parametrize("name", ["accept", "withdraw"])
def test_a_reason_is_not_the_placeholder_of_a_printed_command(dag, name):
    for reason in (None, "", "prices <in> cents", "Ostern: geschlossen"):
        assert dag.params.get_param(name).resolve(reason) == reason
    for reason in ("<why>", " <why>"):
        with pytest.raises(ValueError, match="does not match"):
            dag.params.get_param(name).resolve(reason)


def test_every_task_that_opens_the_warehouse_is_in_its_pool(dag):
    # The staging models are written into those that use them: their tasks stand for them and do nothing.
    outside = {task.task_id: task for task in dag.tasks if task.pool != WAREHOUSE_POOL}
    delivering = {name for name, task in outside.items() if task.pool == DELIVERY_POOL}
    assert delivering == {"deliver_slack", "deliver_email", "held_notice", "alert"}
    others = {name: task.task_type for name, task in outside.items() if name not in delivering}
    assert set(others.values()) == {"EmptyOperator"}
    assert all(name == "finished" or name.startswith("dbt.stg_") for name in others)


def test_the_channels_wait_for_the_report_and_not_for_each_other(dag):
    for name in ("deliver_slack", "deliver_email"):
        task = dag.get_task(name)
        assert (task.upstream_task_ids, task.downstream_task_ids) == ({"report"}, {"finished", "alert"})
        assert task.retries > 0
        assert task.execution_timeout


def test_a_run_fails_with_any_of_its_steps_although_alert_comes_last(dag):
    tis = [TaskInstance(task.task_id, "success") for task in dag.tasks]
    leaves = {ti.task_id for ti in DagRun._tis_for_dagrun_state(None, dag=dag, tis=tis)}
    assert leaves == {"finished", "alert"}
    finished = dag.get_task("finished")
    assert finished.trigger_rule == "none_failed"
    before = finished.get_flat_relative_ids(upstream=True)
    assert {task.task_id for task in dag.tasks} - before == {"finished", "alert", "held_notice", "release_warehouse"}


def test_alert_comes_after_all_and_whatever_became_of_it(dag):
    alert, held = dag.get_task("alert"), dag.get_task("held_notice")
    assert (alert.trigger_rule, held.trigger_rule) == ("all_done", "one_failed")
    assert held.upstream_task_ids == {"quality"}
    before = alert.get_flat_relative_ids(upstream=True)
    assert {task.task_id for task in dag.tasks} - before == {"alert", "finished"}
    # Else a lock that could not be taken would fail the alert with it.
    assert list(alert.get_upstreams_only_setups()) == list(held.get_upstreams_only_setups()) == []
    # Who is on call waits for the notice to readers, so that does not try as long.
    assert (alert.retries, held.retries) == (5, 3)
    assert all([alert.execution_timeout, held.execution_timeout, alert.max_retry_delay])


@pytest.mark.parametrize(
    ("asked", "changed", "expected"), [(False, None, False), (True, None, True), (False, True, True)]
)
def test_models_are_built_from_the_start_when_asked_or_changed(dag, asked, changed, expected):
    def pull(task_id, key):
        assert (task_id, key) == ("acquire_warehouse", run_context.BUILDS_ANEW)
        return changed

    incremental = dag.get_task("dbt.fct_sessions_run")
    template = dag.get_template_env().from_string(incremental.full_refresh)
    text = template.render(params={"full_refresh": asked}, ti=SimpleNamespace(xcom_pull=pull))
    assert to_boolean(text) is expected


def test_every_task_leaves_word_of_its_failure(dag):
    for task in dag.tasks:
        assert [callback.__name__ for callback in task.on_failure_callback] == ["note_failure"]


def test_no_task_is_tried_again_where_a_person_has_to_act_first(dag):
    assert {task.task_id for task in dag.tasks if task.retry_policy != UNLESS_REFUSED} == set()
    assert UNLESS_REFUSED.evaluate(RefusedError("a wrong password"), 1, 3).action is RetryAction.FAIL
    assert UNLESS_REFUSED.evaluate(UnavailableError("it does not answer"), 1, 3).action is RetryAction.DEFAULT


def test_the_digest_has_a_deadline_after_the_end_of_its_week(dag):
    (deadline,) = dag.deadline
    assert deadline.interval == timedelta(days=7, hours=12)
    assert type(deadline.reference) is StartOfScheduledWeek
    module, _, name = deadline.callback.path.rpartition(".")
    assert inspect.signature(getattr(import_module(module), name)).parameters.keys() == {"context"}


def test_the_form_names_the_dates_of_the_demo(dag):
    last = demo.SHOP.first_as_of + (demo.SHOP.weeks - 1) * WEEK
    for name in dag.params:
        section = dag.params.get_param(name).schema["section"]
        assert f"from {demo.SHOP.first_as_of:%Y-%m-%d} to {last:%Y-%m-%d}" in section
        assert f"choose {last:%Y-%m-%d} 12:00" in section


def test_publish_tells_other_dags(dag):
    assert [asset.name for asset in dag.get_task("publish").outlets] == ["greenery_published"]
    assert not [task.task_id for task in dag.tasks if task.outlets and task.task_id != "publish"]


def test_the_steps_follow_each_other(dag):
    def upstream(name):
        return dag.get_task(name).get_flat_relative_ids(upstream=True)

    for before, after in [
        ("wait_for_extract", "land"),
        ("land", "acquire_warehouse"),
        ("acquire_warehouse", "dbt.int_extract_pairs_run"),
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


def test_waiting_holds_no_slot_and_what_was_killed_is_tried_again(dag):
    for name in ("wait_for_extract", "acquire_warehouse"):
        assert dag.get_task(name).mode == "reschedule"
    for task in dag.tasks:
        assert task.retries > 0 or task.task_id == "finished" or task.task_id.startswith("dbt.stg_"), task.task_id


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


def test_the_generated_pages_are_up_to_date():
    checked = subprocess.run(
        [sys.executable, "-m", "greenery.cli.app", "docs", "--check"],
        env={"PYTHONPATH": "include", "PATH": ""},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_every_parameter_of_a_run_is_an_option_of_the_backfill(dag):
    options = {parameter.name for parameter in get_command(app).commands["backfill"].params}
    assert set(dag.params) - options == {"withdraw"}  # a command of its own
