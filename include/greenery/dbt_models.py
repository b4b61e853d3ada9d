"""The dbt project as Airflow tasks: the one module that imports Cosmos."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import TaskGroup
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, InvocationMode, LoadMode, TestBehavior
from cosmos.operators.local import DbtTestLocalOperator

from greenery.settings import REPOSITORY, WAREHOUSE_POOL, Settings

PROJECT = REPOSITORY / "include" / "dbt"
MANIFEST = PROJECT / "target" / "manifest.json"


def dbt_models(settings: Settings, full_refresh: str) -> TaskGroup:
    """Return the task group that builds and tests every dbt model, one task a model, and one that runs all tests.

    full_refresh: template that renders to a truth value; true rebuilds the incremental models from the start.
    """
    group = DbtTaskGroup(
        group_id="dbt",
        # The manifest is made at install, so that parsing the DAG never imports dbt.
        project_config=ProjectConfig(
            dbt_project_path=PROJECT,
            manifest_path=MANIFEST,
            install_dbt_deps=False,
            # Unit tests say whether the code is right, not the data: they run in `make test`.
            env_vars={
                "GREENERY_WAREHOUSE": str(settings.warehouse),
                "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",
            },
        ),
        profile_config=ProfileConfig(
            profile_name="greenery",
            target_name="duckdb",
            profiles_yml_filepath=PROJECT / "profiles" / "profiles.yml",
        ),
        execution_config=ExecutionConfig(execution_mode=ExecutionMode.LOCAL, invocation_mode=InvocationMode.DBT_RUNNER),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST, test_behavior=TestBehavior.AFTER_ALL, emit_datasets=False
        ),
        operator_args={
            "pool": WAREHOUSE_POOL,
            "append_env": True,
            "full_refresh": full_refresh,
            # A model's task is idempotent: it is tried again in case its process was killed.
            "retries": 1,
            "retry_delay": timedelta(seconds=30),
        },
    )
    for task in group.iter_tasks():
        if isinstance(task, DbtTestLocalOperator):
            task.retries = 0
    return group
