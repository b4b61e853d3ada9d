"""The steps of the weekly DAG in one process, for tests that need many weeks in little time."""

from __future__ import annotations

import os
from datetime import datetime
from graphlib import TopologicalSorter

from dbt.artifacts.schemas.results import NodeResult
from dbt.cli.main import dbtRunner
from greenery import quality
from greenery.build import dbt_tests, locking, record, target
from greenery.build import project as dbt_project
from greenery.build.project import PROJECT
from greenery.landing import load
from greenery.publishing import versions
from greenery.report import weeks, writing
from greenery.settings import Settings
from greenery.warehouse.duckdb import connect, rows


def dbt(home: Settings, *arguments: str, tests_may_fail: bool = False) -> list[NodeResult]:
    """Run dbt on the warehouse of `home` and return its results; fail with dbt's messages where a node failed."""
    os.environ["GREENERY_WAREHOUSE"] = str(home.warehouse)
    target = home.home.parent / "dbt"
    options = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT / "profiles")]
    options += ["--target-path", str(target / "target"), "--log-path", str(target / "logs")]
    result = dbtRunner().invoke(["--quiet", *arguments, *options])
    bad = {"error", "skipped", *([] if tests_may_fail else ["fail"])}
    found = (result.result or []) if arguments[0] in ("build", "run", "test") else []
    messages = [node.message for node in found if str(node.status) in bad]
    problem = messages or result.exception
    _note_built(home, found)
    assert not problem, problem
    return list(found)


def _note_built(home: Settings, results: list) -> None:
    """Note which models the run that holds the warehouse has built, as each one's task does.

    Raises the first LockLostError, when all were tried.
    """
    models = dbt_project.models().inputs
    built = [one.node.name for one in results if one.node.name in models and str(one.status) == "success"]
    refused = []
    with connect(home) as connection:
        for holder in rows(connection, "select run_id from landing.build_lock"):
            for model in built:
                try:
                    record.note_built(connection, holder["run_id"], model)
                except locking.LockLostError as error:
                    refused.append(error)
    if refused:
        raise refused[0]


def note_all_built(home: Settings, run_id: str) -> None:
    """Note that the run has built all models, as their tasks do one by one."""
    with connect(home) as connection:
        for model in TopologicalSorter(dbt_project.models().inputs).static_order():
            record.note_built(connection, run_id, model)


def record_tests(home: Settings, run_id: str, results: list[NodeResult]) -> None:
    """Record what dbt's tests said, as the task dbt_test does."""
    with connect(home) as connection:
        record.tested(connection, run_id, dbt_tests.failures(results))


def run_week(
    home: Settings, as_of: datetime, withdrawal: str = "", accept: str = "", **parameters: bool
) -> list[datetime]:
    """Do all of a weekly run: land, build and test, judge, publish, report; return the weeks to be restated."""
    run_id = f"test__{as_of:%Y-%m-%d}"
    full_refresh = parameters.pop("full_refresh", False)
    if not withdrawal:
        load.land(home, as_of, **parameters)
    with connect(home) as connection:
        assert locking.acquire(connection, run_id, as_of, lambda _: False, withdrawal, full_refresh)
        full_refresh = target.builds_anew(connection)
    options = ["--exclude-resource-type", "unit_test", *(["--full-refresh"] if full_refresh else [])]
    try:
        record_tests(home, run_id, dbt(home, "build", *options, tests_may_fail=True))
        quality.judge(home, run_id, accept)
        versions.publish(home, run_id)
    except quality.HeldError as error:
        if error.held_because:
            writing.write_page(home, as_of, error.held_because)
        with connect(home) as connection:
            weeks.record(home, connection)
        raise
    finally:
        with connect(home) as connection:
            locking.release(connection, run_id)
    if not withdrawal:
        writing.write(home, as_of)
    with connect(home) as connection:
        outdated = writing.settle(home, connection, written=None if withdrawal else as_of)
        weeks.record(home, connection)
    return outdated
