"""The dbt project as Airflow tasks: the one module that imports Cosmos."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import TaskGroup
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, InvocationMode, LoadMode, TestBehavior
from cosmos.operators.local import DbtRunLocalOperator, DbtTestLocalOperator

from greenery.build.project import MANIFEST, PROJECT
from greenery.settings import WAREHOUSE_POOL, Settings


class DbtTests(DbtTestLocalOperator):
    """Runs dbt's tests and records what they say; a failed one is judged by the quality gate, with all other checks.

    So there is one verdict and one alert. The task fails where tests could not run.
    """

    def handle_exception_dbt_runner(self, result: Any) -> None:
        """Raise where dbt broke off; not where tests ran and failed."""
        if result.exception or not result.result:
            super().handle_exception_dbt_runner(result)


def dbt_models(settings: Settings, full_refresh: str) -> TaskGroup:
    """Return the task group that builds and tests every dbt model, one task a model, and one that runs all tests.

    full_refresh: template that renders to a truth value; true rebuilds the incremental models from the start.
    """
    # Unit tests say whether the code is right, not the data: they run in `make test`.
    environment = {"GREENERY_WAREHOUSE": str(settings.warehouse), "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test"}
    profile = ProfileConfig(
        profile_name="greenery",
        target_name="duckdb",
        profiles_yml_filepath=PROJECT / "profiles" / "profiles.yml",
    )
    group = DbtTaskGroup(
        group_id="dbt",
        # The manifest is made at install, so that parsing the DAG never imports dbt.
        project_config=ProjectConfig(
            dbt_project_path=PROJECT, manifest_path=MANIFEST, install_dbt_deps=False, env_vars=environment
        ),
        profile_config=profile,
        execution_config=ExecutionConfig(execution_mode=ExecutionMode.LOCAL, invocation_mode=InvocationMode.DBT_RUNNER),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST, test_behavior=TestBehavior.NONE, emit_datasets=False
        ),
        operator_args={
            "pool": WAREHOUSE_POOL,
            "append_env": True,
            "full_refresh": full_refresh,
            # A model's task is idempotent: it is tried again in case its process was killed.
            "retries": 1,
            "retry_delay": timedelta(seconds=30),
            "callback": "greenery.orchestration.tasks.check_project",
        },
    )
    models = [task for task in group.iter_tasks() if isinstance(task, DbtRunLocalOperator)]
    last = list(group.get_leaves())
    tests = DbtTests(
        task_id="dbt_test",
        task_group=group,
        pool=WAREHOUSE_POOL,
        retries=1,
        retry_delay=timedelta(seconds=30),
        project_dir=PROJECT,
        profile_config=profile,
        env=environment,
        append_env=True,
        emit_datasets=False,
        install_deps=False,
        invocation_mode=InvocationMode.DBT_RUNNER,
        # As the models have it, so that the project is not parsed again.
        cache_dir=models[0].cache_dir,
        manifest_filepath=str(MANIFEST),
        callback="greenery.build.dbt_tests.record",
    )
    for model in last:
        model >> tests
    return group
