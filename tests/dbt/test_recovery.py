"""The ways out of an incident, each from the alert that leads there: correct the extract or a model, accept, withdraw,
erase a person."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import datetime
from pathlib import Path

import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from greenery import quality
from greenery.alerts import incidents, sending
from greenery.alerts.incidents import Outcome
from greenery.build import dbt_project, target
from greenery.channels import sent
from greenery.cli.incident import empty_column
from greenery.cli.purge import delete_leftovers
from greenery.landing import ledger
from greenery.messages.alert import Alert, TaskFailure, key_of
from greenery.publishing.versions import open_published
from greenery.quality import HeldError
from greenery.report.judged import quality_of
from greenery.report.weeks import outdated
from greenery.settings import Settings
from greenery.simulator.shop import Shop, simulate
from greenery.source.folders import ExtractError
from greenery.warehouse import erasure
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows

from tests import pipeline
from tests.pipeline import build_with_dbt, run_week

FIRST, SECOND = datetime(2025, 1, 8), datetime(2025, 1, 15)


def run(home: Settings, week: datetime, type: str = "scheduled", **parameters) -> list[Alert]:
    """Do a weekly run and what its task `alert` does; return what is told."""
    failures, judged = [], "withdrawal" not in parameters
    try:
        run_week(home, week, **parameters)
        # In its task, dbt's process ends; here it would keep the warehouse's file open.
        DuckDBConnectionManager.close_all_connections()
    except HeldError as error:
        failures = [TaskFailure(task="quality", reason=str(error))]
    except ExtractError as error:
        failures, judged = [TaskFailure(task="land", reason=str(error))], False
    found = incidents.run_of(home, week, f"{type}__{week:%Y-%m-%d}", type, "")
    outcome = Outcome(run=found, states={}, failures=failures, judged=judged)
    return incidents.update(home, outcome, week, notifies=type != "backfill")


def critical(alerts: list[Alert]) -> list[Alert]:
    return [alert for alert in alerts if alert.severity == "critical"]


def state(home: Settings, week: datetime) -> str:
    with connect(home) as connection:
        return ledger.newest(connection, week).state


def table(home: Settings, week: datetime, name: str) -> list[dict]:
    with (home.extracts / f"{week:%Y-%m-%d}" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(home: Settings, week: datetime, name: str, found: list[dict]) -> None:
    path = home.extracts / f"{week:%Y-%m-%d}" / f"{name}.csv"
    header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


@pytest.fixture(scope="module")
def started(replays, tmp_path_factory) -> Settings:
    """A home whose first week is published; its second has an extract that was not run yet."""
    folder = tmp_path_factory.mktemp("recovery")
    home = Settings(home=folder / "home", extracts=folder / "extracts")
    simulate(Shop(first_as_of=FIRST, weeks=2, sessions_per_week=60), home.extracts)
    assert critical(run(home, FIRST)) == []
    return home


@pytest.fixture
def home(started: Settings, tmp_path: Path) -> Settings:
    copy = Settings(home=tmp_path / "home", extracts=tmp_path / "extracts")
    shutil.copytree(started.home, copy.home, symlinks=True)
    shutil.copytree(started.extracts, copy.extracts)
    return copy


def test_correct_the_extract_and_reextract(home):
    file = home.extracts / "2025-01-15" / "orders.csv"
    good = file.read_bytes()
    empty_column(file, "status")
    alerts = critical(run(home, SECOND))
    assert "required_columns_mostly_filled" in [alert.check for alert in alerts]
    assert alerts[0].command.splitlines()[0].endswith("""PARAMS='{"reextract": true}'""")
    assert state(home, SECOND) == "held"

    file.write_bytes(good)
    assert [alert.check for alert in critical(run(home, SECOND))] == ["task/land"]  # other content, and nobody said so
    assert critical(run(home, SECOND, "backfill", reextract=True)) == []
    assert state(home, SECOND) == "admitted"
    assert [alert.severity for alert in sending.open_incidents(home, "2025-01-15").values()] in ([], ["warning"])


def test_accept_what_the_shop_really_did(home):
    # The shop gave its products new ids, and old orders keep the old ones.
    items = [{**row, "product_id": f"old-{row['product_id']}"} for row in table(home, SECOND, "order_items")]
    write(home, SECOND, "order_items", items)
    # Given before anybody can have looked, a reason accepts nothing.
    alerts = critical(run(home, SECOND, accept="the catalogue moved to a new system"))
    assert state(home, SECOND) == "held"
    assert [alert.check for alert in alerts] == ["items_mostly_have_products"]
    assert alerts[0].command.splitlines()[-1].endswith("""PARAMS='{"accept": "<why>"}'""")

    assert critical(run(home, SECOND, "manual", accept="the catalogue moved to a new system")) == []
    assert state(home, SECOND) == "admitted"
    results = quality_of(home, SECOND)
    assert results.verdict == "accepted"
    assert results.accepted.reason == "the catalogue moved to a new system"
    for alert in alerts:
        told = json.loads((home.home / "outbox" / f"resolved-2025-01-15-{alert.check}.json").read_text())
        assert "accepted it: the catalogue moved to a new system" in json.dumps(told)


def test_a_try_that_was_killed_after_it_held_the_extract_accepts_nothing(home, monkeypatch):
    items = [{**row, "product_id": f"old-{row['product_id']}"} for row in table(home, SECOND, "order_items")]
    write(home, SECOND, "order_items", items)
    judge = quality.judge

    def killed_and_tried_again(*arguments) -> quality.Verdict:
        with pytest.raises(HeldError):
            judge(*arguments)
        return judge(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(quality, "judge", killed_and_tried_again)
        alerts = critical(run(home, SECOND, accept="the catalogue moved to a new system"))
    assert [alert.check for alert in alerts] == ["items_mostly_have_products"]
    assert state(home, SECOND) == "held"
    assert critical(run(home, SECOND, accept="the catalogue moved to a new system")) == []
    assert state(home, SECOND) == "admitted"


def test_correct_a_model(home, tmp_path, monkeypatch):
    project = tmp_path / "project"
    shutil.copytree(pipeline.PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    monkeypatch.setattr(pipeline, "build_with_dbt", build_with_dbt)
    monkeypatch.setattr(pipeline, "PROJECT", project)
    monkeypatch.setattr(dbt_project, "PROJECT", project)
    build = pipeline.dbt

    def models_then_tests(home: Settings, _, *options: str, **__) -> list[dict]:
        """As the DAG does it: `dbt build` would not build what a failed test is on."""
        build(home, "run", *[option for option in options if option not in ("--exclude-resource-type", "unit_test")])
        return build(home, "test", "--exclude-resource-type", "unit_test", tests_may_fail=True)

    monkeypatch.setattr(pipeline, "dbt", models_then_tests)
    model = project / "models" / "marts" / "fct_sessions.sql"
    right = model.read_text(encoding="utf-8")
    wrong = right.replace("sessions.{{ step }}_at{%", "sessions.started_at as {{ step }}_at{%")
    model.write_text(wrong, encoding="utf-8")
    (alert,) = critical(run(home, SECOND))
    assert alert.check == "sessions_equal_events"
    assert [also.split()[0] for also in alert.also if "sessions_equal_known_events" in also] == [
        "sessions_equal_known_events"
    ]
    assert "Correct the model" in alert.fix
    assert alert.command.endswith("""PARAMS='{"full_refresh": true}'""")
    assert state(home, SECOND) == "held"

    model.write_text(right, encoding="utf-8")
    # The rows of the wrong model are gone too: a run sees that the models are others, and builds from the start.
    assert critical(run(home, SECOND, "backfill")) == []
    assert state(home, SECOND) == "admitted"
    with connect(home) as connection:
        assert not target.builds_anew(connection)


def test_withdraw_what_turned_out_bad(home):
    assert critical(run(home, SECOND)) == []
    assert run(home, SECOND, "manual", withdrawal="prices in cents") == []
    assert (state(home, SECOND), sending.open_incidents(home, "2025-01-15")) == ("held", {})
    with open_published(home) as connection:
        assert rows(connection, "select max(as_of) as newest from intermediate.int_extract_pairs") == [
            {"newest": FIRST}
        ]
    assert "was withdrawn (withdrawn: prices in cents)" in run(home, SECOND)[0].observed


def test_erase_a_person(home):
    run(home, SECOND)
    person = table(home, SECOND, "orders")[0]["user_id"]
    users = {row["user_id"]: row["address_id"] for row in table(home, SECOND, "users")}
    ordered = [row for week in (FIRST, SECOND) for row in table(home, week, "orders") if row["user_id"] == person]
    events = [row for week in (FIRST, SECOND) for row in table(home, week, "events") if row["user_id"] == person]
    gone = {person, users[person], *(row["order_id"] for row in ordered)}
    gone |= {row[name] for row in events for name in ("session_id", "event_id")}
    assert list(users.values()).count(users[person]) == 1
    assert ordered
    before = {path for path, _ in erasure.containing(home, sorted(gone))}
    assert any(path.suffix == ".duckdb" for path in before)
    assert any(path.suffix == ".parquet" for path in before)

    for week in (FIRST, SECOND):
        for name in ("orders", "order_items", "events", "users", "addresses"):
            kept = [row for row in table(home, week, name) if not gone & set(row.values())]
            assert len(kept) < len(table(home, week, name)) or name == "order_items" or week == FIRST
            write(home, week, name, kept)
        assert critical(run(home, week, "backfill", reextract=True)) == []
    assert outdated(home) == []
    # The logs of versions let go of the replaced extracts in the run after.
    run(home, SECOND, "backfill")
    # An alert named the person, and was resolved; a digest named an order.
    alert = Alert(
        key=key_of("2025-01-15", "x"),
        severity="critical",
        title="x",
        week="2025-01-15",
        run_type="",
        owner="",
        check="x",
        examples=({"id": person},),
    )
    sending.notify(home, [alert], "a run")
    sending.resolve(home, {alert.key: "a run"})
    sent.keep_content(home, "hash", {"orders": sorted(gone)})
    # What is read is right already; older versions still show the person, until the purge.
    assert {path.relative_to(home.home).parts[0] for path, _ in erasure.containing(home, sorted(gone))} >= {
        "versions",
        "delivery.sqlite",
        "delivery.contents",
        "outbox",
    }
    figures = {path: path.read_bytes() for path in home.reports.glob("*/summary.json")}
    delete_leftovers(home)
    assert list(erasure.containing(home, sorted(gone))) == []
    raw = home.warehouse.read_bytes()
    assert not [id for id in gone if id.encode() in raw]
    assert {path: path.read_bytes() for path in home.reports.glob("*/summary.json")} == figures
    assert run(home, SECOND, "backfill") == []
