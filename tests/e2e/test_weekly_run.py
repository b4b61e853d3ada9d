"""The weekly DAG in a real Airflow: its own scheduler, workers, API and metadata, on loopback."""

from __future__ import annotations

import json
import os
import shutil
from datetime import date, datetime
from urllib.parse import quote

import httpx
import psutil
import pytest
from greenery import commands
from greenery.cli.backfill import airflow_for, run_backfill
from greenery.report.weeks import outdated
from greenery.settings import MODELS_PAGE, REPORTS_PAGE, Settings
from greenery.simulator.shop import Shop, simulate

from tests.dbt.test_held_extract import empty_column

FIRST, SECOND, THIRD = date(2025, 1, 8), date(2025, 1, 15), date(2025, 1, 22)


def report_files(home: Settings) -> dict[str, bytes]:
    """Return the content of the files that must not depend on the run that wrote them."""
    return {
        str(path.relative_to(home.reports)): path.read_bytes()
        for path in sorted(home.reports.glob("20*/*"))
        if path.name != "run.json"
    }


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Settings:
    folder = tmp_path_factory.mktemp("e2e")
    home = Settings(home=folder / "home", extracts=folder / "extracts")
    simulate(Shop(first_as_of=datetime(2025, 1, 8), weeks=3, sessions_per_week=100), home.extracts)
    # The third week starts out with a fault that no shop can have: an extract whose orders have no status.
    shutil.copytree(home.extracts / f"{THIRD}", folder / "good")
    empty_column(home.extracts / f"{THIRD}" / "orders.csv", "status")
    return home


@pytest.fixture(scope="module")
def airflow(shop):
    with airflow_for(shop) as airflow:
        yield airflow
    mine = [
        process
        for process in psutil.process_iter()
        if process.pid != os.getpid() and str(shop.home) in " ".join(_command(process))
    ]
    assert mine == [], "a process of Airflow outlived it"


def _command(process: psutil.Process) -> list[str]:
    try:
        return [*process.cmdline(), *process.environ().values()]
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return []


def test_weeks_are_run_held_corrected_and_run_again(shop, airflow):
    results = run_backfill(shop, FIRST, THIRD, airflow=airflow)
    assert [result.state for result in results] == ["success", "success", "failed"]

    # The spoiled week fails at quality alone, names its check, and nothing of it is published.
    assert [failure.task for failure in results[2].failures] == ["quality"]
    assert "required_columns_mostly_filled" in results[2].failures[0].reason
    weeks = {week["as_of"]: week for week in json.loads((shop.reports / "weeks.json").read_text())}
    assert [weeks[str(week)]["state"] for week in (FIRST, SECOND, THIRD)] == ["admitted", "admitted", "held"]
    manifest = json.loads((shop.published / "manifest.json").read_text())
    assert manifest["as_of"] == "2025-01-15T00:00:00+00:00"

    # A run of a week done before gives the same bytes.
    before = report_files(shop)
    assert {name for name in before if name.startswith(str(SECOND))} == {
        f"{SECOND}/{name}"
        for name in ("summary.json", "quality.json", "quality.html", "index.html", "funnel.png", "order_changes.csv")
    }
    assert [result.state for result in run_backfill(shop, SECOND, SECOND, airflow=airflow)] == ["success"]
    assert report_files(shop) == before

    # Other content is refused until it is asked for; then the week joins the others.
    shutil.rmtree(shop.extracts / f"{THIRD}")
    shutil.copytree(shop.extracts.parent / "good", shop.extracts / f"{THIRD}")
    refused = run_backfill(shop, THIRD, THIRD, airflow=airflow)
    assert [failure.task for failure in refused[0].failures] == ["land"]
    assert '{"reextract": true}' in refused[0].failures[0].reason
    assert [result.state for result in run_backfill(shop, THIRD, THIRD, {"reextract": True}, airflow=airflow)] == [
        "success"
    ]
    manifest = json.loads((shop.published / "manifest.json").read_text())
    assert manifest["as_of"] == "2025-01-22T00:00:00+00:00"


def test_withdrawing_names_the_weeks_to_restate_and_bringing_back_restates_them(shop, airflow):
    before = {name: text for name, text in report_files(shop).items() if name.endswith("summary.json")}

    results = run_backfill(shop, SECOND, SECOND, {"withdraw": "prices in cents"}, airflow=airflow, restate=False)
    assert [result.state for result in results] == ["success"]
    assert f"{SECOND}/summary.json" not in report_files(shop)
    named = json.loads((shop.reports / f"{SECOND}" / "run.json").read_text())
    assert named["restates"] == [f"{THIRD}"] == [f"{week}" for week in outdated(shop)]
    assert named["next_commands"] == [f"make backfill FROM={THIRD} TO={THIRD}{commands.make_variables(shop)}"]
    run = airflow.request("GET", f"dags/greenery_weekly/dagRuns/{quote(named['run_id'], safe='')}")
    assert f"would differ now: {THIRD}" in run["note"]
    assert f"`make backfill FROM={THIRD} TO={THIRD}{commands.make_variables(shop)}`" in run["note"]

    # Without a word, a backfill does not bring it back; asked to, it restates the later week by itself.
    refused = run_backfill(shop, SECOND, SECOND, airflow=airflow, restate=False)
    assert [failure.task for failure in refused[0].failures] == ["land"]
    assert "was withdrawn (withdrawn: prices in cents)" in refused[0].failures[0].reason
    run_backfill(shop, THIRD, THIRD, airflow=airflow)
    assert (shop.reports / f"{THIRD}" / "restatement.json").exists()
    results = run_backfill(shop, SECOND, SECOND, {"reextract": True}, airflow=airflow)
    assert [(result.as_of, result.state) for result in results] == [(SECOND, "success"), (THIRD, "success")]
    assert {name: text for name, text in report_files(shop).items() if name.endswith("summary.json")} == before
    assert outdated(shop) == []


def test_a_backfill_of_a_missing_week_fails_at_once_and_names_the_path(shop, airflow):
    missing = date(2025, 1, 29)
    results = run_backfill(shop, missing, missing, airflow=airflow)
    assert [(failure.task, results[0].state) for failure in results[0].failures] == [("wait_for_extract", "failed")]
    assert f"expected {shop.extracts}/2025-01-29 with orders" in results[0].failures[0].reason


def test_the_task_graph_is_the_dbt_project(shop, airflow):
    tasks = airflow.request("GET", "dags/greenery_weekly/tasks")["tasks"]
    models = {task["task_id"] for task in tasks if task["task_id"].startswith("dbt.")}
    assert {"dbt.stg_greenery__orders_run", "dbt.int_order_versions_run", "dbt.fct_sessions_run"} <= models


def test_the_page_needs_a_login(airflow):
    assert airflow.api.get(f"{airflow.base_url}/api/v2/dags", auth=None, headers={}).status_code == 401
    assert airflow.base_url.startswith("http://127.0.0.1:")


def test_the_reports_are_a_page_of_airflow_for_who_is_logged_in(shop, airflow):
    address = f"{airflow.base_url}{REPORTS_PAGE}"
    for path in ("index.html", "weeks.json", f"{FIRST}/summary.json"):
        assert httpx.get(f"{address}/{path}", trust_env=False).status_code == httpx.codes.UNAUTHORIZED
        assert airflow.api.get(f"{address}/{path}").content == (shop.reports / path).read_bytes()
    outside = f"{airflow.base_url}{REPORTS_PAGE}/%2e%2e/airflow/passwords.json"
    assert airflow.api.get(outside).status_code == httpx.codes.NOT_FOUND
    views = [view for plugin in airflow.collect("plugins", "plugins") for view in plugin["external_views"]]
    models = f"{MODELS_PAGE}/greenery/dbt_docs_index.html"
    assert {view["href"] for view in views} == {f"{REPORTS_PAGE}/index.html", models}
