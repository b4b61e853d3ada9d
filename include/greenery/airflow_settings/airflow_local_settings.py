"""Airflow imports a module of this name in each of its processes, before anything else."""

import importlib
import os
import sys
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

__all__ = ["create_metadata_engine"]

LOCK_SECONDS = 60

# The scheduler imports these before LocalExecutor forks, so that no task has to: `import dbt` alone takes seconds.
PRELOADED = (
    "dbt.adapters.duckdb.environments.local",
    "dbt.task.test",
    "dbt_common.clients.agate_helper",
    "great_expectations",
    "greenery.alerts.incidents",
    "greenery.orchestration.dbt_models",
    "greenery.channels.channel",
    "greenery.landing.loading",
    "greenery.publishing.versions",
    "greenery.quality.expectations",
    "greenery.quality.suites",
    "greenery.report.comparing",
    "greenery.warehouse.duckdb_dialect",
    "statsmodels.stats.proportion",
)


def create_metadata_engine(
    sql_alchemy_conn: str, *, engine_args: dict[str, Any], connect_args: dict[str, Any]
) -> Engine:
    """Replace Airflow's own: on SQLite, creating a backfill fails now and then while the scheduler works.

    It opens a savepoint, reads, then writes. SQLite refuses the write at once, without waiting, when another process
    has written since the read. So the transaction gets its place in the queue of writers before it reads.

    Clearing a task gives its row another key. On other databases the scheduler has locked the row before. SQLite can't
    lock rows, so the scheduler may update a row that is gone, and the error would end it. Without the row count check
    nothing is updated, and the scheduler finds the new row at its next look. Both seen with Airflow 3.3.2.
    """
    engine = create_engine(sql_alchemy_conn, connect_args={**connect_args, "timeout": LOCK_SECONDS}, **engine_args)
    engine.dialect.supports_sane_rowcount = False
    event.listen(engine, "savepoint", _begin_as_writer)
    return engine


def _begin_as_writer(connection: Connection, _name: str) -> None:
    driver: Any = connection.connection.driver_connection
    if not driver.in_transaction:
        driver.execute("BEGIN IMMEDIATE")


def preload() -> None:
    """Do once the work that every task needs: import, read the DAG's file, compile templates, parse the dbt project."""
    for name in PRELOADED:
        importlib.import_module(name)
    from airflow.dag_processing.dagbag import DagBag
    from greenery import settings
    from greenery.build import dbt_manifest, dbt_project
    from greenery.messages.templating import environment
    from greenery.orchestration import dbt_models
    from greenery.warehouse.access import parsing_variables
    from greenery.warehouse.connection import UnavailableError
    from greenery.warehouse.statements import statement

    # A task reads the file again. What that imports, and the plugins that it looks for, are there then.
    DagBag(str(settings.REPOSITORY / "dags" / "greenery_weekly.py"))
    for name in environment.list_templates():
        environment.get_template(name)
    # Each task that opens the warehouse begins with it.
    statement("landing/create")
    # A manifest that is missing or broken, or a setting that can't be used, is reported where the DAG is read. It does
    # not end the scheduler.
    with suppress(OSError, ValueError):
        dbt_project.models()
    # A connection that this process can't read is read by the tasks, which parse for themselves.
    with suppress(settings.SettingError, UnavailableError):
        found = settings.load()
        dbt_manifest.keep({**os.environ, **dbt_models.environment(found), **parsing_variables(found)})


if sys.argv[1:2] == ["scheduler"]:
    preload()
