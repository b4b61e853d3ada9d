"""The text of `docs/DAGS.md`, made from the DAGs themselves."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, cast

from greenery.settings import REPOSITORY

if TYPE_CHECKING:
    from airflow.sdk import DAG
    from airflow.timetables.base import Timetable

PAGE = REPOSITORY / "docs" / "DAGS.md"


def render() -> str:
    """Return the text of `docs/DAGS.md`.

    Raises RuntimeError where a DAG file can't be imported.
    """
    with tempfile.TemporaryDirectory() as home:
        # Reading the DAGs needs neither this machine's Airflow home nor its database.
        os.environ.update({"AIRFLOW_HOME": home, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"})
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(str(REPOSITORY / "dags"))
    if bag.import_errors:
        raise RuntimeError("\n".join(f"{file}: {error}" for file, error in bag.import_errors.items()))
    return "\n".join(["# DAGs", "", "Made by `make docs` from the DAG files.", *map(_dag, bag.dags.values())])


def _dag(dag: DAG) -> str:
    schedule = cast("Timetable", dag.timetable).summary
    lines = [
        "",
        f"## {dag.dag_id}",
        "",
        f"{dag.description}.",
        "",
        f"- Schedule: `{schedule}` (UTC), catchup {'on' if dag.catchup else 'off'}",
        f"- Owner: {dag.owner}",
        f"- Tags: {', '.join(sorted(dag.tags))}",
        f"- Active runs at a time: {dag.max_active_runs}",
        "",
        "| parameter | default | meaning |",
        "|---|---|---|",
    ]
    for name in dag.params:
        param = dag.params.get_param(name)
        lines.append(f"| `{name}` | `{param.value}` | {param.description} |")
    lines += ["", "| task | pool | retries | after |", "|---|---|---|---|"]
    for task in map(dag.get_task, _in_order(dag)):
        after = ", ".join(f"`{name}`" for name in sorted(task.upstream_task_ids)) or "the start"
        lines.append(f"| `{task.task_id}` | {task.pool} | {task.retries} | {after} |")
    lines += ["", (dag.doc_md or "").strip().partition("\n")[2].strip(), ""]
    return "\n".join(lines)


def _in_order(dag: DAG) -> Iterator[str]:
    """Yield the ids of the tasks, each after those before it, by name where the order is open.

    The order of the DAG's own sorting depends on how dbt happened to parse the project.
    """
    sorter = TopologicalSorter({task.task_id: task.upstream_task_ids for task in dag.tasks})
    sorter.prepare()
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        yield from ready
        sorter.done(*ready)
