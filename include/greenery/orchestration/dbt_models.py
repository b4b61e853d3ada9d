"""The dbt project as Airflow tasks: the one module that imports Cosmos."""

from __future__ import annotations

import gc
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import BaseOperator, Context, TaskGroup
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import DbtResourceType, ExecutionMode, InvocationMode, LoadMode, TestBehavior
from cosmos.dbt.graph import DbtNode
from cosmos.dbt.project import change_working_directory, environ
from cosmos.exceptions import CosmosDbtRunError
from cosmos.operators.local import AbstractDbtLocalBase, DbtRunLocalOperator, DbtTestLocalOperator

from greenery.build import dbt_manifest
from greenery.build.dbt_project import MANIFEST, PROFILES, PROJECT
from greenery.settings import WAREHOUSE_POOL, Settings

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest


class ParsedBefore(AbstractDbtLocalBase):
    """Runs dbt with the project that the parent process has parsed, if the project on disk is still the same.

    Elsewhere dbt parses it for the task: the project was edited since, or no such process is there.
    """

    parsed: Manifest | None = None
    partial_parse: bool

    def run_command(self, cmd: list[str], env: dict[str, Any], context: Context, **kwargs: Any) -> Any:
        """Run the command with these variables; return dbt's result."""
        from greenery import settings
        from greenery.warehouse.access import dbt_variables

        # Here, and not in the task's own environment, which Airflow keeps and shows: secrets are among them.
        env = {**env, **dbt_variables(settings.load())}
        self.parsed = dbt_manifest.take(env)
        # Where Cosmos would copy to and fro what dbt keeps of its last parsing.
        self.partial_parse = self.parsed is None and self.partial_parse
        return super().run_command(cmd, env, context, **kwargs)

    def run_dbt_runner(self, command: list[str], env: dict[str, str], cwd: str, **kwargs: Any) -> Any:
        """Run the command in that folder; return dbt's result."""
        if self.parsed is None:
            return super().run_dbt_runner(command, env, cwd, **kwargs)
        from dbt.adapters.factory import reset_adapters
        from dbt.cli.main import dbtRunner

        with change_working_directory(cwd), environ(env):
            try:
                return dbtRunner(manifest=self.parsed).invoke(command[1:])
            finally:
                # As Cosmos does: else each command leaves semaphores behind.
                reset_adapters()  # type: ignore[no-untyped-call]
                gc.collect()

    def handle_exception_dbt_runner(self, result: Any) -> None:
        """Raise where dbt could not do it: RefusedError where the warehouse refused it and a person has to act."""
        from greenery import settings
        from greenery.warehouse.access import refusal

        try:
            super().handle_exception_dbt_runner(result)
        except CosmosDbtRunError as error:
            if found := refusal(settings.load(), str(error)):
                raise found from error
            raise

    def calculate_openlineage_events_completes(self, *_: Any) -> bool:
        """Collect no lineage: nobody takes it, and importing its library takes as long as a model."""
        return False


class DbtModel(ParsedBefore, DbtRunLocalOperator):
    """Builds one model, then notes that it is built: Cosmos would call a callback for a model that failed too."""

    def build_and_run_cmd(self, context: Context, *args: Any, **kwargs: Any) -> Any:
        """Build the model, note it, and return dbt's result. Raises where the model could not be built."""
        from greenery import settings
        from greenery.orchestration.tasks import begin_model, check_project
        from greenery.warehouse.access import connect

        # Open from begin to end: DuckDB takes as long to open a file as to build a small model, and dbt, in this same
        # process, shares what is open.
        with connect(settings.load()) as connection:
            begin_model(connection, context, self.select)
            result = super().build_and_run_cmd(context, *args, **kwargs)
            check_project(connection, context, {one.node.name: one.node.depends_on.nodes for one in result.result})
        return result


class DbtTests(ParsedBefore, DbtTestLocalOperator):
    """Runs dbt's tests and records what they say; a failed one is judged by the quality gate, with all other checks.

    So there is one verdict and one alert. The task fails where tests could not run.
    """

    def handle_exception_dbt_runner(self, result: Any) -> None:
        """Raise where dbt broke off; not where tests ran and failed."""
        if result.exception or not result.result:
            super().handle_exception_dbt_runner(result)

    def build_and_run_cmd(self, context: Context, *args: Any, **kwargs: Any) -> Any:
        """Run the tests, record what they say, and return dbt's result."""
        from greenery.build import dbt_tests

        result = super().build_and_run_cmd(context, *args, **kwargs)
        dbt_tests.record_results(result.result, context["run_id"])
        return result


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables that dbt's commands have beside those of the process."""
    return {
        "GREENERY_WAREHOUSE": str(settings.warehouse),
        # Unit tests say whether the code is right, not the data: they run in `make test`.
        "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",
        # Nobody reads what dbt would write down, and writing the project takes longer than building a model.
        "DBT_WRITE_JSON": "false",
        # Nor does anybody read dbt's log file: Airflow keeps what dbt prints.
        "DBT_LOG_LEVEL_FILE": "none",
        # A model's command asks the warehouse only for the relations of the model's own schema.
        "DBT_CACHE_SELECTED_ONLY": "true",
    }


def _model(node: DbtNode, task_id: str, task_group: TaskGroup, task_args: dict[str, Any], **_: Any) -> BaseOperator:
    """Return the task of a model; Cosmos calls this for each."""
    if node.has_ephemeral_materialization:
        return EmptyOperator(task_id=task_id, task_group=task_group)
    return DbtModel(task_id=task_id, task_group=task_group, select=node.resource_name, **task_args)


def dbt_models(settings: Settings, full_refresh: str) -> TaskGroup:
    """Return the task group that builds and tests every dbt model, one task a model, and one that runs all tests.

    full_refresh: template that renders to a truth value; true rebuilds the incremental models from the start.
    """
    profile = ProfileConfig(
        profile_name="greenery", target_name=settings.target, profiles_yml_filepath=PROFILES / "profiles.yml"
    )
    group: TaskGroup = DbtTaskGroup(
        group_id="dbt",
        # The manifest is made at install, so that parsing the DAG never imports dbt.
        project_config=ProjectConfig(
            dbt_project_path=PROJECT, manifest_path=MANIFEST, install_dbt_deps=False, env_vars=environment(settings)
        ),
        profile_config=profile,
        execution_config=ExecutionConfig(execution_mode=ExecutionMode.LOCAL, invocation_mode=InvocationMode.DBT_RUNNER),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            exclude=["path:models/semantic"],
            test_behavior=TestBehavior.NONE,
            emit_datasets=False,
            node_converters={DbtResourceType.MODEL: _model},
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
        env=environment(settings),
        append_env=True,
        emit_datasets=False,
        install_deps=False,
        invocation_mode=InvocationMode.DBT_RUNNER,
        # As the models have it, so that the project is not parsed again.
        cache_dir=models[0].cache_dir,
        manifest_filepath=str(MANIFEST),
    )
    for model in last:
        model >> tests
    return group
