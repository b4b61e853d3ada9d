"""The weekly DAG in a real Airflow whose warehouse is Snowflake: the four real weeks, held, corrected and restated.

`make prove-snowflake` runs it and writes docs/proofs/snowflake.md. `make test` runs the same weeks in one process
(tests/snowflake/test_parity.py).
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from greenery.cli.backfill import run_backfill
from greenery.local_airflow.client import Airflow
from greenery.local_airflow.runs import TaskInstance, runs_of, tasks_of
from greenery.local_airflow.server import running_airflow
from greenery.report.weeks import outdated
from greenery.settings import DAG_ID, Settings

from tests import proofs
from tests.dbt.test_real_extracts import WEEKS
from tests.e2e.test_weekly_run import CHECK, a_year_ahead, report_files, states_of
from tests.kept_figures import KEPT, hashes
from tests.snowflake.conftest import PASSWORD, of_the_profile

pytestmark = [pytest.mark.prove, pytest.mark.timeout(7200)]
REPORT = proofs.FOLDER / "snowflake.md"
MODELS = "greenery_models"
DAYS = [week.date() for week in WEEKS]
FIRST, THIRD, LAST = DAYS[0], DAYS[2], DAYS[3]
STEPS = (
    "wait_for_extract",
    "land",
    "acquire_warehouse",
    "dbt",
    "quality",
    "publish",
    "release_warehouse",
    "report",
    "alert",
)
HELD, CORRECTED, AGAIN = "backfill; the last week's orders are dated a year ahead", "it is corrected", "two weeks again"
WITHDRAWN, BACK = "a week is withdrawn, which restates the next", "it is brought back, which restates the next"
MARKS = {"success": "ok", "skipped": "-", "upstream_failed": "-", None: "-"}


class World:
    """A home whose weeks run in an Airflow.

    scenes: what was run, each with its minutes and the grid of its weeks by steps. shown: what was found to be so.
    """

    def __init__(self, home: Settings, airflow: Airflow) -> None:
        self.home, self.airflow = home, airflow
        self.scenes: dict[str, tuple[float, list[str]]] = {}
        self.shown: list[str] = []

    def run(self, what: str, first: date, last: date, parameters: dict[str, Any] | None = None) -> dict[date, str]:
        """Backfill these weeks, and those that this restates; return the state of each."""
        began = time.monotonic()
        results = run_backfill(self.home, first, last, parameters, airflow=self.airflow)
        weeks = [result.as_of for result in results]
        found = runs_of(self.airflow, sorted(weeks))
        grid = [row(week, tasks_of(self.airflow, found[week].dag_run_id)) for week in weeks]
        self.scenes[what] = (time.monotonic() - began) / 60, grid
        print(what, *grid, sep="\n")
        return {result.as_of: result.state for result in results}

    def summaries(self) -> dict[str, str]:
        """Return the summary of each week that has one."""
        return {name[:10]: text.decode() for name, text in report_files(self.home, "summary.json").items()}


def row(week: date, tasks: list[TaskInstance]) -> str:
    """Return the line of a week: the state of each step, and of the group dbt how many of its tasks succeeded."""
    states = {task.task_id: task.state for task in tasks}
    of_dbt = [state for name, state in states.items() if name.startswith("dbt.")]
    done = {"dbt": f"{of_dbt.count('success')} of {len(of_dbt)}"}
    cells = [done.get(step) or MARKS.get(states[step], states[step]) for step in STEPS]
    return f"| {week} | {' | '.join(map(str, cells))} |"


def report(scenes: dict[str, tuple[float, list[str]]], shown: list[str], commit: str) -> str:
    """Return docs/proofs/snowflake.md."""
    lines = [
        "# The weekly DAG on Snowflake",
        "",
        "The real four weeks ran in a real Airflow, with its Snowflake provider, Cosmos, dbt-snowflake and Snowflake's",
        "connector, against [fakesnow](https://github.com/tekumara/fakesnow) over HTTP. No Snowflake account was used.",
        f"`make prove-snowflake` runs it again. This is of commit `{commit}`.",
    ]
    for what in (HELD, CORRECTED, AGAIN, WITHDRAWN, BACK):
        minutes, grid = scenes.get(what, (0, []))
        head = [f"| week | {' | '.join(STEPS)} |", f"|---|{'---|' * len(STEPS)}"]
        ran = ["", *head, *grid] if grid else []
        lines += [
            "",
            f"**{what.capitalize()}**: {f'{minutes:.0f} minutes.' if grid else 'it did not run to its end.'}",
            *ran,
        ]
    lines += ["", "`ok`: the task succeeded. `-`: it was skipped. dbt: tasks that succeeded, of all in the group.", ""]
    lines += ["What was found:", "", *(f"- {fact}" for fact in shown), ""]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def world(snowflake, real_extracts, tmp_path_factory) -> Iterator[World]:
    proofs.commit()
    folder = tmp_path_factory.mktemp("dag")
    home = Settings(home=folder / "home", extracts=folder / "extracts", target="snowflake")
    shutil.copytree(real_extracts, home.extracts)
    with pytest.MonkeyPatch.context() as patch:
        # The tests' own dbt reads them; here only the connection says how to log in.
        for name in of_the_profile():
            patch.delenv(name, raising=False)
        patch.setenv("GREENERY_SNOWFLAKE_MODELS_WAREHOUSE", MODELS)
        with running_airflow(home) as airflow:
            world = World(home, airflow)
            yield world
    REPORT.write_text(report(world.scenes, world.shown, proofs.commit()), encoding="utf-8")


@pytest.fixture(scope="module")
def first_reports(world) -> dict[str, bytes]:
    """The reports of the four weeks, after the last one was held and corrected."""
    orders = world.home.extracts / f"{LAST}" / "orders.csv"
    good = orders.read_bytes()
    a_year_ahead(orders)
    states = world.run(HELD, FIRST, LAST)
    assert [states[day] for day in DAYS] == ["success", "success", "success", "failed"]
    assert states_of(world.home)[f"{LAST}"] == "held"
    assert CHECK in (world.home.report_folder(WEEKS[3]) / "quality.json").read_text(encoding="utf-8")
    orders.write_bytes(good)
    states = world.run(CORRECTED, LAST, LAST, {"reextract": True})
    assert states == {LAST: "success"}
    return report_files(world.home)


def test_the_four_weeks_are_those_of_the_other_warehouse(world, first_reports):
    assert hashes(world.summaries()) == KEPT["real"]
    assert set(states_of(world.home).values()) == {"admitted"}
    world.shown.append("The summaries of the four weeks have the bytes that DuckDB gives.")


def test_a_rerun_gives_the_same_bytes(world, first_reports):
    assert world.run(AGAIN, THIRD, LAST) == {THIRD: "success", LAST: "success"}
    assert report_files(world.home) == first_reports
    world.shown.append("Weeks that run again give the same bytes of every file of a report.")


def test_a_withdrawn_week_restates_the_next(world, first_reports):
    states = world.run(WITHDRAWN, THIRD, THIRD, {"withdraw": "wrong prices"})
    assert states == {THIRD: "success", LAST: "success"}
    assert states_of(world.home)[f"{THIRD}"] == "held"
    summaries = world.summaries()
    assert f"{THIRD}" not in summaries
    assert "2023-01-18" in summaries[f"{LAST}"]
    assert hashes(summaries)["summary.json"][f"{LAST}"] != KEPT["real"]["summary.json"][f"{LAST}"]
    assert outdated(world.home) == []
    world.shown.append("Without a withdrawn week, the next is compared with the one before it.")


def test_bringing_it_back_gives_the_bytes_of_before(world, first_reports):
    states = world.run(BACK, THIRD, THIRD, {"reextract": True})
    assert states == {THIRD: "success", LAST: "success"}
    assert hashes(world.summaries()) == KEPT["real"]
    assert outdated(world.home) == []
    world.shown.append("Brought back, all summaries have the bytes of before.")


def test_no_task_parses_the_project_again(world, first_reports):
    """Cosmos says that it hands on the last parsing, and dbt why it can't use it, where a task parses."""
    logs = [path.read_text(encoding="utf-8") for path in world.airflow.logs.glob("dag_id=*/*/task_id=dbt.*/*.log")]
    assert sum("Completed successfully" in text for text in logs) > 50
    assert [text for text in logs if re.search("partial pars(e is enabled|ing)", text, re.IGNORECASE)] == []
    world.shown.append("No task parses the dbt project again.")


def test_the_tasks_of_dbt_work_in_the_virtual_warehouse_of_the_setting(world, first_reports, snowflake):
    assert snowflake.logins() == {("AIRFLOW", "greenery"), ("dbt", MODELS)}
    world.shown.append("dbt works in the virtual warehouse of the setting, all else in the connection's.")


def holding(folder: Path, secret: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def test_the_password_is_nowhere(world, first_reports, snowflake, tmp_path):
    (tmp_path / "canary").write_text(f"password: {PASSWORD}", encoding="utf-8")
    assert holding(tmp_path, PASSWORD), "the search finds nothing"
    # Airflow's database, with rendered templates and what tasks push, is in the home, as are the logs and dbt's files.
    assert holding(world.home.home, PASSWORD) == []
    assert PASSWORD not in snowflake.statements.read_text(encoding="utf-8")
    answers = []

    def ask(path: str) -> None:
        answer = world.airflow.api.get(path)
        answers.append((path, answer.status_code, answer.text))

    for path in (
        "connections",
        "config",
        "variables",
        "importErrors",
        f"dags/{DAG_ID}/details",
        f"dagSources/{DAG_ID}",
    ):
        ask(path)
    for week, run in runs_of(world.airflow, DAYS).items():
        path = f"dags/{DAG_ID}/dagRuns/{quote(run.dag_run_id, safe='')}"
        ask(path)
        for task in tasks_of(world.airflow, run.dag_run_id):
            of_task = f"{path}/taskInstances/{quote(task.task_id, safe='')}"
            ask(of_task)
            ask(f"{of_task}/xcomEntries")
            ask(f"{of_task}/logs/{task.try_number}?full_content=true")
        assert week in DAYS
    assert len(answers) > 4 * 60
    assert [path for path, _, text in answers if PASSWORD in text] == []
    assert {path for path, status, _ in answers if status >= 500} == set()
    world.shown.append(
        "The password is in no file of the home, no log, no rendered template and no answer of Airflow's API."
    )
