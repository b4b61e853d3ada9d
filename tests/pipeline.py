"""The steps of the weekly DAG in one process, for tests that need many weeks in little time."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from dbt.artifacts.schemas.results import NodeResult
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from greenery import quality
from greenery.build import dbt_project, dbt_tests, locking, record, target
from greenery.build.dbt_project import PROJECT
from greenery.landing import loading
from greenery.publishing import versions
from greenery.quality import verdict
from greenery.quality.checks import CHECKS
from greenery.quality.findings import Finding
from greenery.report import comparing, weeks, writing
from greenery.settings import Settings
from greenery.warehouse.access import connect, dbt_variables
from greenery.warehouse.connection import rows

# Builds and tests all models for a run: takes the home, the run's id, and whether it builds from the start.
Build = Callable[[Settings, str, bool], None]
_parsed: dict[tuple[str, ...], Manifest] = {}


def parsed() -> Manifest:
    """Return the parsed dbt project, for one command: dbt leaves in it what it compiled, so each gets a copy.

    The project is parsed once a process, and again where a test works on another one.
    """
    # A parsed project names the database of its relations.
    target = [os.environ.get(f"GREENERY_{name}", "") for name in ("TARGET", "SNOWFLAKE_DATABASE")]
    project = (str(PROJECT), dbt_project.version(), *target)
    if project not in _parsed:
        with tempfile.TemporaryDirectory() as folder:
            result = dbtRunner().invoke(["--quiet", "--no-write-json", "parse", *places(folder)])
        assert isinstance(result.result, Manifest), result.exception
        _parsed[project] = result.result
        # dbt leaves a million objects that stay: without this each collection looks at them all again.
        gc.collect()
        gc.freeze()
    return _parsed[project].deepcopy()


def places(folder: str | Path) -> list[str]:
    """Return the options that name the project, and the folder for what dbt writes."""
    options = {"project-dir": PROJECT, "profiles-dir": PROJECT / "profiles", "target-path": folder, "log-path": folder}
    return [word for name, place in options.items() for word in (f"--{name}", str(place))]


def dbt(home: Settings, *arguments: str, tests_may_fail: bool = False) -> list[NodeResult]:
    """Run dbt on the warehouse of `home` and return its results; fail with dbt's messages where a node failed."""
    os.environ.update({"GREENERY_TARGET": home.target, "GREENERY_WAREHOUSE": str(home.warehouse)})
    os.environ.update(dbt_variables(home))
    command = ["--quiet", "--no-write-json", "--log-level-file", "none", *arguments]
    result = dbtRunner(manifest=parsed()).invoke([*command, *places(home.home.parent / "dbt")])
    bad = {"error", "skipped", *([] if tests_may_fail else ["fail"])}
    found = result.result or []
    messages = [node.message for node in found if str(node.status) in bad]
    problem = messages or result.exception
    _note_built(home, found)
    assert not problem, problem
    return list(found)


def write_manifest(folder: Path) -> Path:
    """Parse the project as `make install` does, and return the manifest.json that this writes into `folder`."""
    result = dbtRunner().invoke(["--quiet", "parse", *places(folder)])
    assert result.success, result.exception
    return folder / "manifest.json"


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


def build_with_dbt(home: Settings, run_id: str, full_refresh: bool) -> None:
    """Build and test all models for the run that holds the lock, and record what the tests said."""
    options = ["--exclude-resource-type", "unit_test", *(["--full-refresh"] if full_refresh else [])]
    if home.target == "snowflake":  # its stand-in adds no whole number to a date; the weekly run leaves these out too
        options += ["--exclude", "path:models/semantic"]
    record_tests(home, run_id, dbt(home, "build", *options, tests_may_fail=True))


@contextmanager
def passing_gate() -> Iterator[None]:
    """Let every check of the data pass meanwhile. Great Expectations is not asked: it takes half of a week's time."""
    found = {check.id: Finding(passed=True, observed="as expected", expected="anything") for check in CHECKS}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdict, "validate", lambda *_: found)
        yield


@contextmanager
def judged_week(
    home: Settings,
    as_of: datetime,
    withdrawal: str = "",
    accept: str = "",
    build: Build | None = None,
    full_refresh: bool = False,
    **parameters: bool,
) -> Iterator[str]:
    """Land, build, test and judge a week; yield the id of its run, which holds the lock meanwhile.

    build: how the models are built; by default with dbt. parameters: of the landing.

    Raises HeldError where the gate holds the extract.
    """
    run_id = f"test__{as_of:%Y-%m-%d}"
    if not withdrawal:
        loading.land(home, as_of, **parameters)
    with connect(home) as connection:
        assert locking.acquire(connection, run_id, as_of, lambda _: False, withdrawal, full_refresh)
        anew = target.builds_anew(connection)
    try:
        (build or build_with_dbt)(home, run_id, anew)
        quality.judge(home, run_id, accept)
        yield run_id
    finally:
        with connect(home) as connection:
            locking.release(connection, run_id)


def run_week(home: Settings, as_of: datetime, withdrawal: str = "", **options: Any) -> list[datetime]:
    """Do all of a weekly run: land, build and test, judge, publish, report; return the weeks to be restated.

    options: as `judged_week` takes them.
    """
    try:
        with judged_week(home, as_of, withdrawal, **options) as run_id:
            versions.publish(home, run_id)
    except quality.HeldError as error:
        if error.held_because:
            writing.write_page(home, as_of, error.held_because)
        with connect(home) as connection:
            weeks.write_list(home, connection)
        raise
    if not withdrawal:
        writing.write(home, as_of)
    with connect(home) as connection:
        outdated = comparing.settle(home, connection, written=None if withdrawal else as_of)
        weeks.write_list(home, connection)
    return outdated
