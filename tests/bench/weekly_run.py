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
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from greenery import landing, ledger, publishing, quality, weekly_report
from greenery.dbt_project import PROJECT
from greenery.local_airflow import Airflow, running_airflow
from greenery.settings import DAG_ID, REPOSITORY, WEEK, Settings
from greenery.simulator import Shop, simulate
from greenery.warehouse import connect

FIRST = datetime(2025, 1, 8)
EMPTY = Path(__file__).with_name("empty_dag.py")
EMPTY_DAG_ID = "empty_weekly"
JUDGE = "import sys; from greenery import quality, settings; quality.judge(settings.load(), sys.argv[1])"
# Its first runs import and cache what the others find there.
WARMING = 2


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
    shutil.copy(EMPTY, folder / f"{EMPTY_DAG_ID}.py")
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


def processor_seconds(airflow: Airflow) -> Counter[str]:
    """Return the processor time of Airflow's components, each with the processes that it started, also ended ones."""
    seconds: Counter[str] = Counter()
    for name, component in airflow.processes.items():
        process = psutil.Process(component.pid)
        for one in [process, *process.children(recursive=True)]:
            times = one.cpu_times()
            seconds[name] += times.user + times.system + times.children_user + times.children_system
    return seconds


def run_process(arguments: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run a process to its good end; return the seconds that it took, and its processor time."""
    before, start = os.times(), time.monotonic()
    subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **environment},
        cwd=PROJECT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - start, cpu


def bare(home: Settings, as_of: datetime) -> dict[str, tuple[float, float]]:
    """Do a week without Airflow; return the seconds and the processor time of `dbt build` and of the validation."""
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
    landing.land(home, as_of)
    with connect(home) as connection:
        ledger.acquire(connection, run_id, as_of, lambda _: False)
    options = ["--quiet", "build", "--exclude-resource-type", "unit_test", "--profiles-dir", "profiles"]
    built = run_process(["-m", "dbt.cli.main", *options], environment)
    with connect(home) as connection:
        ledger.tested(connection, run_id, [])
    judged = run_process(["-c", JUDGE, run_id], environment)
    publishing.publish(home, run_id)
    weekly_report.write(home, as_of)
    with connect(home) as connection:
        ledger.release(connection, run_id)
    return {"dbt build": built, "validation": judged}


def measure(folder: Path, weeks: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Measure the weeks one after the other; return of each the (wall, processor) seconds of each part."""
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
            for name, dag_id in (("weekly run", DAG_ID), ("empty DAG", EMPTY_DAG_ID)):
                before = processor_seconds(airflow)
                wall, tasks = run_dag(airflow, dag_id, as_of)
                spent = processor_seconds(airflow) - before
                week[name] = (wall, spent.total())
                print(name, {k: round(v,1) for k,v in spent.items()})
                week[f"{name} tasks"] = tasks
            week.update(bare(alone, as_of))
            if number >= WARMING:
                measured.append(week)
            say(f"{as_of:%Y-%m-%d}  " + "  ".join(f"{name} {week[name][0]:.1f} s ({week[name][1]:.1f} s of processor)" for name in ("weekly run", "empty DAG", "dbt build", "validation")))
    return measured


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.weekly_run", description=main.__doc__)
    parser.add_argument("--weeks", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="greenery-bench-") as folder:
        measured = measure(Path(folder), options.weeks, lambda line: print(line, flush=True))
    Path("/tmp/c-bench/last.json").write_text(json.dumps(measured))


if __name__ == "__main__":
    main()
