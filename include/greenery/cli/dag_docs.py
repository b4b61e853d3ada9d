"""Write `docs/DAGS.md` from the DAGs themselves, or say that it has drifted from them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from graphlib import TopologicalSorter

from greenery.settings import REPOSITORY

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


def _dag(dag) -> str:
    schedule = dag.timetable.summary
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
    lines += ["", dag.doc_md.strip().partition("\n")[2].strip(), ""]
    return "\n".join(lines)


def _in_order(dag) -> Iterator[str]:
    """Yield the ids of the tasks, each after those before it, by name where the order is open.

    The order of the DAG's own sorting depends on how dbt happened to parse the project.
    """
    sorter = TopologicalSorter({task.task_id: task.upstream_task_ids for task in dag.tasks})
    sorter.prepare()
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        yield from ready
        sorter.done(*ready)


def main() -> int:
    """Write the page; with `--check` only compare it, and return 1 where it has drifted."""
    text = render()
    if "--check" not in sys.argv:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")
        print(f"wrote {PAGE.relative_to(REPOSITORY)}")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print("docs/DAGS.md differs from the DAGs: run make docs and commit it.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
