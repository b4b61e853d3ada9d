"""How much longer a weekly run takes than the sum of what it has to do.

That sum is an empty DAG of the same shape, one bare `dbt build` and one bare validation, each of the two in a process
of its own. All are measured in turn, on the same weeks of a simulated shop, the DAGs in one warm Airflow.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import psutil
from greenery.build import locking, record, target
from greenery.build.dbt_project import PROJECT
from greenery.landing import loading
from greenery.local_airflow.server import Airflow, running_airflow
from greenery.publishing import versions
from greenery.report import writing
from greenery.settings import DAG_ID, REPOSITORY, Settings
from greenery.simulator.shop import Shop, simulate
from greenery.warehouse.access import connect
from greenery.week import WEEK

from tests.pipeline import note_all_built

FIRST = datetime(2025, 1, 8)
EMPTY_DAG = Path(__file__).with_name("empty_dag.py")
EMPTY_DAG_ID = "empty_weekly"
JUDGE = "import sys; from greenery import quality, settings; quality.judge(settings.load(), sys.argv[1])"
# The first run builds all models from the start, and imports what the others find imported.
WARMING = 1
WEEKS = 5
SHOWN = 8
PARTS = RUN, EMPTY, BUILD, VALIDATION = ("weekly run", "empty DAG", "`dbt build`", "validation")


class Cost(NamedTuple):
    """Seconds on the clock, and of the processor."""

    wall: float
    cpu: float


def write_dags(folder: Path) -> None:
    """Fill the folder of DAGs with the weekly DAG and one of its shape whose tasks do nothing."""
    # Reading the DAG needs no Airflow of this machine.
    os.environ["AIRFLOW_HOME"] = str(folder.parent)
    from airflow.dag_processing.dagbag import DagBag

    source = REPOSITORY / "dags" / "greenery_weekly.py"
    tasks = DagBag(str(source)).dags[DAG_ID].tasks
    shape = {
        task.task_id: {
            "is_empty": task.inherits_from_empty_operator,
            "pool": task.pool,
            "trigger_rule": str(task.trigger_rule.value),
            "upstream": sorted(task.upstream_task_ids),
        }
        for task in tasks
    }
    folder.mkdir()
    shutil.copy(source, folder)
    shutil.copy(EMPTY_DAG, folder / f"{EMPTY_DAG_ID}.py")
    (folder / "shape.json").write_text(json.dumps(shape), encoding="utf-8")


def run_dag(airflow: Airflow, dag_id: str, as_of: datetime) -> tuple[float, list[dict]]:
    """Run a DAG for a week; return how long it took and its tasks as the API has them.

    Raises RuntimeError where it failed.
    """
    path = f"dags/{dag_id}/dagRuns"
    # An hour after the week's end: that very moment is another week's logical date.
    date = f"{as_of + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    run_id = f"bench__{as_of:%Y-%m-%d}"
    airflow.request("POST", path, json={"dag_run_id": run_id, "logical_date": date})
    while (run := airflow.request("GET", f"{path}/{run_id}"))["state"] not in ("success", "failed"):
        time.sleep(1)
    tasks = airflow.collect(f"{path}/{run_id}/taskInstances", "task_instances")
    if run["state"] != "success":
        raise RuntimeError(f"{dag_id} failed at {[task['task_id'] for task in tasks if task['state'] == 'failed']}")
    return run["duration"], tasks


def processor_seconds(airflow: Airflow) -> float:
    """Return the processor time of all of Airflow's processes, with those that they started and that have ended."""
    seconds = 0.0
    for component in airflow.processes.values():
        process = psutil.Process(component.pid)
        for one in [process, *process.children(recursive=True)]:
            # One that ends meanwhile counts in its parent.
            with suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def run_process(arguments: list[str], environment: dict[str, str]) -> Cost:
    """Run a process to its good end; return what it cost."""
    before, start = os.times(), time.monotonic()
    subprocess.run(
        arguments,
        env={**os.environ, **environment},
        cwd=PROJECT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(time.monotonic() - start, cpu)


def bare(home: Settings, as_of: datetime) -> dict[str, Cost]:
    """Do a week without Airflow; return what `dbt build` and the validation cost as processes of their own."""
    run_id = f"bench__{as_of:%Y-%m-%d}"
    environment = {
        "GREENERY_HOME": str(home.home),
        "GREENERY_EXTRACTS": str(home.extracts),
        "GREENERY_WAREHOUSE": str(home.warehouse),
        "PYTHONPATH": str(REPOSITORY / "include"),
        "DBT_TARGET_PATH": str(home.home / "dbt"),
        "DBT_LOG_PATH": str(home.home / "dbt"),
        "GX_ANALYTICS_ENABLED": "False",
    }
    loading.land(home, as_of)
    with connect(home) as connection:
        locking.acquire(connection, run_id, as_of, lambda _: False)
        refresh = ["--full-refresh"] if target.builds_anew(connection) else []
    options = ["--quiet", "build", "--exclude-resource-type", "unit_test", "--exclude", "path:models/semantic"]
    options += ["--profiles-dir", "profiles", *refresh]
    built = run_process([str(Path(sys.executable).with_name("dbt")), *options], environment)
    note_all_built(home, run_id)
    with connect(home) as connection:
        record.tested(connection, run_id, [])
    judged = run_process([sys.executable, "-c", JUDGE, run_id], environment)
    versions.publish(home, run_id)
    writing.write(home, as_of)
    with connect(home) as connection:
        locking.release(connection, run_id)
    return {BUILD: built, VALIDATION: judged}


def shares(tasks: list[dict], duration: float) -> dict[str, float]:
    """Return the seconds of a run by what its tasks did, and those in which no task ran."""
    found: dict[str, float] = {}
    intervals = []
    for task in tasks:
        if task["duration"]:
            name = task["task_id"]
            group = "the models" if name.endswith("_run") else f"`{name}`"
            found[group] = found.get(group, 0) + task["duration"]
            intervals.append((datetime.fromisoformat(task["start_date"]), datetime.fromisoformat(task["end_date"])))
    covered, reached = timedelta(), datetime.min.replace(tzinfo=UTC)
    for start, end in sorted(intervals):
        covered += max(end - max(start, reached), timedelta())
        reached = max(reached, end)
    return {**found, "between tasks": duration - covered.total_seconds()}


def measure(folder: Path, weeks: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Measure the weeks one after the other; return what each part of each week cost, and the shares of its run."""
    home = Settings(home=folder / "home", extracts=folder / "extracts")
    alone = Settings(home=folder / "alone", extracts=home.extracts)
    simulate(Shop(first_as_of=FIRST, weeks=weeks + WARMING), home.extracts)
    os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(folder / "dags")
    write_dags(folder / "dags")
    measured = []
    with running_airflow(home) as airflow:
        for dag_id in (DAG_ID, EMPTY_DAG_ID):
            airflow.request("PATCH", f"dags/{dag_id}", json={"is_paused": False})
        for number in range(weeks + WARMING):
            as_of = FIRST + number * WEEK
            week: dict[str, Any] = {}
            for name, dag_id in ((RUN, DAG_ID), (EMPTY, EMPTY_DAG_ID)):
                before = processor_seconds(airflow)
                duration, tasks = run_dag(airflow, dag_id, as_of)
                week[name] = Cost(duration, processor_seconds(airflow) - before)
                if dag_id == DAG_ID:
                    week["shares"] = shares(tasks, duration)
            week |= bare(alone, as_of)
            say(f"{as_of:%Y-%m-%d}  " + "  ".join(f"{name} {week[name].wall:.1f} s" for name in PARTS))
            if number >= WARMING:
                measured.append(week)
    return measured


def section(weeks: int = WEEKS, say: Callable[[str], None] = print) -> str:
    """Measure, and return the section of docs/benchmarks.md."""
    with tempfile.TemporaryDirectory(prefix="greenery-bench-") as folder:
        measured = measure(Path(folder), weeks, say)

    def spread(values: list[float], form: str = ".1f") -> str:
        return f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}})"

    lines = [
        "## A weekly run",
        "",
        *textwrap.wrap(
            f"{weeks} weeks of the demo's shop in a warm Airflow, after {WARMING} not counted. The weekly DAG runs "
            "each week. So does a DAG of the same tasks and pools that do nothing. "
            "Bare commands build and judge a copy. Each figure is the median, with the least and the most. Processor "
            "time is that of all of Airflow's processes.",
            width=120,
        ),
        "",
        "| part | seconds | seconds of processor |",
        "|---|---:|---:|",
    ]
    for name in PARTS:
        costs = [week[name] for week in measured]
        lines.append(f"| {name} | {spread([cost.wall for cost in costs])} | {spread([cost.cpu for cost in costs])} |")
    ratios = {
        kind: [getattr(week[RUN], kind) / sum(getattr(week[name], kind) for name in PARTS[1:]) for week in measured]
        for kind in ("wall", "cpu")
    }
    shown = " | ".join(f"**{spread(found, '.2f')}**" for found in ratios.values())
    lines.append(f"| **the run over the sum of the others** | {shown} |")
    names = {name for week in measured for name in week["shares"]}
    times = {name: median(week["shares"].get(name, 0.0) for week in measured) for name in names}
    lines += [
        "",
        "Where the seconds of the run are, the largest first (median):",
        "",
        "| what | seconds |",
        "|---|---:|",
    ]
    for name in sorted(names, key=lambda name: -times[name])[:SHOWN]:
        lines.append(f"| {name} | {times[name]:.1f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.weekly_run", description=main.__doc__)
    parser.add_argument("--weeks", type=int, default=WEEKS)
    print(section(parser.parse_args().weeks))


if __name__ == "__main__":
    main()
