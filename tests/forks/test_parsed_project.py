"""The project that the scheduler parsed: what its forks build is the project on disk, with the task's own settings."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from datetime import datetime
from unittest.mock import MagicMock

import pytest
from airflow.sdk import DAG
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from greenery.build import dbt_manifest, dbt_project, locking
from greenery.landing.loading import land
from greenery.orchestration import dbt_models
from greenery.settings import Settings
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows

from tests.conftest import small_shop, write_extract

WEEK = datetime(2023, 1, 11)
MODEL = "int_extract_pairs"


@pytest.fixture(autouse=True)
def _no_open_warehouse():
    """A fork must not inherit a DuckDB of dbt: its threads do not come along. The scheduler opens none either."""
    assert DuckDBConnectionManager._ENV is None, "another test has built with dbt in this process: pytest tests/forks"


@pytest.fixture(autouse=True)
def _no_run(monkeypatch):
    """Nothing is noted of what a test builds: no run of Airflow builds it."""
    for note in ("begin_model", "check_project"):
        monkeypatch.setattr(f"greenery.orchestration.tasks.{note}", lambda *_: None)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the dbt project that a test may edit."""
    folder = tmp_path / "project"
    shutil.copytree(dbt_project.PROJECT, folder)
    for module in (dbt_project, dbt_manifest, dbt_models):
        monkeypatch.setattr(module, "PROJECT", folder)
    for module in (dbt_manifest, dbt_models):
        monkeypatch.setattr(module, "PROFILES", folder / "profiles")
    return folder


def home_of(folder) -> Settings:
    """A home with one week landed, its lock held by the run `run`."""
    home = Settings(home=folder / "home", extracts=folder / "extracts")
    write_extract(home.extracts / "2023-01-11", small_shop())
    land(home, WEEK)
    with connect(home) as connection:
        locking.acquire(connection, "run", WEEK, lambda _: False)
    return home


def keep(home: Settings) -> None:
    assert dbt_manifest.keep({**os.environ, **dbt_models.environment(home)})


def build(home: Settings, model: str = MODEL) -> bool:
    """Build a model as its task does, in a fork; return whether dbt parsed the project for it."""
    with DAG("weekly", schedule=None, start_date=WEEK):
        tasks = {task.task_id: task for task in dbt_models.dbt_models(home, "false").iter_tasks()}
    task = tasks[f"dbt.{model}_run"]
    task.full_refresh = False
    sys.stdout.flush()
    if not (child := os.fork()):
        code = 2
        try:
            task.execute({"run_id": "run", "ti": MagicMock(), "task_instance": MagicMock()})
            code = int(task.parsed is None)
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 1), "the model's task failed"
    return bool(code)


def built(home: Settings, model: str = MODEL) -> list[dict]:
    with connect(home) as connection:
        return rows(connection, f"select * from intermediate.{model}")


def test_forks_build_on_the_parsed_project_again_and_again(tmp_path):
    home = home_of(tmp_path)
    keep(home)
    assert not build(home)
    first = built(home)
    assert first
    # A task that is cleared, or tried again, is another fork.
    assert not build(home)
    assert built(home) == first


def test_the_connection_is_the_one_of_the_task(tmp_path):
    one, another = home_of(tmp_path / "one"), home_of(tmp_path / "another")
    keep(one)
    assert build(another)
    assert built(another)
    with connect(one) as connection:
        tables = rows(connection, "select 1 from information_schema.tables where table_name = 'int_extract_pairs'")
    assert tables == []


def test_a_fork_parses_an_edited_project_itself(tmp_path, project):
    home = home_of(tmp_path)
    keep(home)
    path = project / "models" / "intermediate" / f"{MODEL}.sql"
    path.write_text(path.read_text() + "\nwhere false", encoding="utf-8")
    assert build(home)
    assert built(home) == []


@pytest.mark.parametrize("name", ["profiles/profiles.yml", "tests/added.sql", "macros/added.sql"])
def test_every_file_of_the_project_counts(tmp_path, project, name):
    home = Settings(home=tmp_path / "home", extracts=tmp_path)
    environment = {**os.environ, **dbt_models.environment(home)}
    before = dbt_manifest.fingerprint_of(environment)
    path = project / name
    path.write_text((path.read_text() if path.exists() else "") + "\n-- edited", encoding="utf-8")
    assert dbt_manifest.fingerprint_of(environment) != before


def test_a_variable_counts_where_the_project_reads_it(project):
    environment = {"SHOP": "plants", "GREENERY_WAREHOUSE": "a.duckdb"}
    before = dbt_manifest.fingerprint_of(environment)
    assert dbt_manifest.fingerprint_of({**environment, "SHOP": "pots"}) == before
    assert dbt_manifest.fingerprint_of({**environment, "GREENERY_WAREHOUSE": "b.duckdb"}) != before
    assert dbt_manifest.fingerprint_of({**environment, "DBT_EMPTY": "true"}) != before
    (project / "models" / "shop.sql").write_text("select '{{ env_var(\"SHOP\") }}' as shop", encoding="utf-8")
    reads = dbt_manifest.fingerprint_of(environment)
    assert dbt_manifest.fingerprint_of({**environment, "SHOP": "pots"}) != reads


def test_a_project_that_can_not_be_parsed_is_left_to_its_tasks(tmp_path, project):
    home = Settings(home=tmp_path / "home", extracts=tmp_path)
    environment = {**os.environ, **dbt_models.environment(home)}
    (project / "models" / "broken.sql").write_text("{{ nothing", encoding="utf-8")
    assert not dbt_manifest.keep(environment)
    assert dbt_manifest.take(environment) is None


def test_a_fork_can_parse_with_threads_of_its_own(tmp_path):
    # The static parser's threads do not come along into a fork: one that parses again would wait for them for ever.
    home = Settings(home=tmp_path / "home", extracts=tmp_path)
    keep(home)
    if not (child := os.fork()):
        signal.alarm(120)
        code = 1
        try:
            options = ["--profiles-dir", str(dbt_project.PROFILES), "--target-path", str(tmp_path), "--static-parser"]
            options += ["--no-partial-parse", "--project-dir", str(dbt_project.PROJECT), "--log-path", str(tmp_path)]
            code = int(not dbtRunner().invoke(["--quiet", "parse", *options]).success)
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_parsed_project_is_used_once(tmp_path):
    home = Settings(home=tmp_path / "home", extracts=tmp_path)
    environment = {**os.environ, **dbt_models.environment(home)}
    keep(home)
    assert dbt_manifest.take(environment) is not None
    assert dbt_manifest.take(environment) is None
