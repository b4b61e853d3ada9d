"""The tasks of dbt reach Snowflake by the connection of Airflow, which keeps and shows nothing of its password."""

from __future__ import annotations

import os
from unittest.mock import MagicMock

import pytest
from airflow.sdk import DAG
from greenery.build import dbt_manifest, dbt_project, locking, record, target
from greenery.cli import doctor
from greenery.landing import loading
from greenery.orchestration.dbt_models import dbt_models, environment
from greenery.settings import SettingError, load
from greenery.warehouse import snowflake as warehouse
from greenery.warehouse.access import connect, parsing_variables
from greenery.warehouse.connection import RefusedError, UnavailableError

from tests.conftest import small_shop, write_extract
from tests.pipeline import dbt
from tests.snowflake.conftest import PASSWORD, of_the_profile
from tests.snowflake.test_lock import AS_OF, take


@pytest.fixture
def home(home_on_snowflake, tmp_path, monkeypatch):
    write_extract(tmp_path / "extracts" / "2023-01-11", small_shop())
    found = home_on_snowflake(tmp_path / "extracts")
    monkeypatch.setenv("GREENERY_HOME", str(found.home))
    return found


def tasks(home):
    with DAG("weekly", schedule=None, start_date=AS_OF):
        return {task.task_id: task for task in dbt_models(home, "false").iter_tasks()}


def run(task):
    ti = MagicMock(task_id=task.task_id)
    ti.xcom_pull.return_value = dbt_project.version()
    task.execute({"run_id": "run", "ti": ti, "task_instance": ti})
    return ti


def test_a_model_and_the_tests_run_as_tasks(home, monkeypatch):
    loading.land(home, AS_OF)
    assert take(home, "run")
    found = tasks(home)
    # As the scheduler has it: no variable of the login.
    for name in of_the_profile():
        monkeypatch.delenv(name)
    assert dbt_manifest.keep({**os.environ, **environment(home), **parsing_variables(home)})
    run(found["dbt.int_extract_pairs_run"])
    assert found["dbt.int_extract_pairs_run"].parsed is not None
    with connect(home) as connection:
        assert target.built_models(connection) == {"int_extract_pairs"}
    # The others by one command, which is what makes the difference of minutes.
    dbt(home, "run", "--exclude", "path:models/semantic")
    ti = run(found["dbt.dbt_test"])
    with connect(home) as connection:
        assert record.failed_tests(connection, locking.check_lock(connection, "run")) == []
    shown = [getattr(task, name) for task in found.values() for name in task.template_fields if hasattr(task, name)]
    assert PASSWORD not in repr([*shown, ti.mock_calls])


def test_a_model_that_the_role_may_not_build_says_what_to_grant(home, snowflake):
    snowflake.use(role="greenery_pipeline")
    loading.land(home, AS_OF)
    assert take(home, "run")
    denied = "SQL access control error:\nInsufficient privileges to operate on schema 'INTERMEDIATE'"
    snowflake.refuse({"(?s)create .*int_extract_pairs": (3001, denied)})
    grant = "grant ownership on schema intermediate to role greenery_pipeline copy current grants;"
    with pytest.raises(RefusedError, match=grant):
        run(tasks(home)["dbt.int_extract_pairs_run"])
    snowflake.refuse({})


def test_a_parsed_project_is_of_its_database_whoever_logs_in():
    def fingerprint(**variables: str) -> str:
        return dbt_manifest.fingerprint_of({"GREENERY_SNOWFLAKE_DATABASE": "shop", **variables})

    assert fingerprint(GREENERY_SNOWFLAKE_QUERY_TAG="task", DBT_ENV_SECRET_SNOWFLAKE_PASSWORD=PASSWORD) == fingerprint()
    assert fingerprint(GREENERY_SNOWFLAKE_WAREHOUSE="large") == fingerprint()
    for other in ("GREENERY_SNOWFLAKE_DATABASE", "GREENERY_TARGET", "GREENERY_WAREHOUSE", "DBT_EXCLUDE_RESOURCE_TYPES"):
        assert fingerprint(**{other: "other"}) != fingerprint(), other


def test_the_doctor_says_that_it_answers(home):
    assert doctor._warehouse(home).says == "snowflake answers, nothing is published yet"


def test_the_doctor_names_what_is_missing(home, snowflake, monkeypatch):
    snowflake.use(account="")
    assert "lacks account" in doctor._warehouse(home).says
    snowflake.use(database="greenery; drop database other")
    assert "no plain name" in doctor._warehouse(home).says
    monkeypatch.setattr(warehouse, "CONNECT_SECONDS", 1)
    snowflake.use(port=1)
    assert "does not answer to the connection greenery_warehouse" in doctor._warehouse(home).says
    monkeypatch.delenv("AIRFLOW_CONN_GREENERY_WAREHOUSE")
    with pytest.raises(UnavailableError, match="Airflow has no connection greenery_warehouse"), connect(home):
        pass


def test_a_target_or_source_that_is_not_known_is_refused(home, monkeypatch):
    assert load().target == "snowflake"
    monkeypatch.setenv("GREENERY_SOURCE", "postgres")
    with pytest.raises(SettingError, match="write one of folders, snowflake"):
        load()
    monkeypatch.setenv("GREENERY_TARGET", "postgres")
    with pytest.raises(SettingError, match="write one of duckdb, snowflake"):
        load()
