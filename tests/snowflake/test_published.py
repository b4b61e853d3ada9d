"""What is published on Snowflake: the funnel page answers as on DuckDB, and a rollback gives the rows before."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime

import pytest
from airflow.api_fastapi.core_api import security as airflow_security
from airflow.models import DagModel
from fastapi import FastAPI
from fastapi.testclient import TestClient
from greenery.landing import ledger
from greenery.publishing import copies, published_tables, reading, versions
from greenery.publishing.rollback import RollbackError, roll_back
from greenery.publishing.versions import open_published
from greenery.report import comparing, weeks
from greenery.settings import Settings
from greenery.simulator.shop import Shop, simulate
from greenery.warehouse import snowflake as warehouse
from greenery.warehouse.access import connect
from greenery.warehouse.connection import UnavailableError, rows
from greenery.web.funnel import app as web

from tests.pipeline import passing_gate, run_week
from tests.snowflake import grammar
from tests.unit.test_funnel_page import AuthManager

WEEKS = [datetime(2025, 1, 8), datetime(2025, 1, 15)]
WHY = "prices in cents"
QUERIES = (
    "options",
    "funnel?compare=previous",
    "funnel?as_of=2025-01-08&country=United%20States",
    "funnel?compare=other&other_weekday=monday&weekday=friday",
    "over-time?by=day",
    "breakdown?by=product",
    "breakdown?by=state&step=package_shipped",
    "times?by=week",
    "sessions?lost=checkout",
    "order-changes",
    "order-changes?as_of=2025-01-08",
)


def at(name: str, version: int = 1) -> str:
    """Stands in for Time Travel, which fakesnow has not: the copies that were kept when a version was published."""
    return f"{name}_{version}"


@pytest.fixture(scope="module")
def extracts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published") / "extracts"
    simulate(Shop(first_as_of=WEEKS[0], weeks=2, sessions_per_week=60), folder)
    return folder


@pytest.fixture(scope="module")
def on_duckdb(extracts, tmp_path_factory) -> Settings:
    home = Settings(home=tmp_path_factory.mktemp("duckdb") / "home", extracts=extracts)
    with pytest.MonkeyPatch.context() as patch, passing_gate():
        patch.delenv("GREENERY_TARGET", raising=False)
        for week in WEEKS:
            run_week(home, week)
    return home


@pytest.fixture(scope="module")
def on_snowflake(on_duckdb, snowflake, tmp_path_factory) -> Settings:
    home = Settings(home=tmp_path_factory.mktemp("snowflake") / "home", extracts=on_duckdb.extracts, target="snowflake")
    with passing_gate():
        for number, week in enumerate(WEEKS, 1):
            run_week(home, week)
            with connect(home) as connection:
                for name in published():
                    connection.execute(f"create table {at(name, number)} as select * from {name}")
    return home


def published() -> list[str]:
    return [published_tables.place(name) for name, _ in versions.relations()]


@pytest.fixture
def ask(monkeypatch):
    """Return the answers of a home's funnel page, by what is asked."""
    monkeypatch.setattr(airflow_security, "get_auth_manager", AuthManager)
    monkeypatch.setattr(DagModel, "get_team_name", lambda _: None)
    monkeypatch.setattr(web, "_warm_up", lambda *_: None)

    def answers(home: Settings, queries=QUERIES) -> dict[str, bytes]:
        airflow = FastAPI()
        airflow.mount("/greenery/funnel", web.build(home))
        client = TestClient(airflow, base_url="http://testserver/greenery/funnel", cookies={"_token": "reader"})
        found = {query: client.get(f"/api/{query}") for query in queries}
        assert {response.status_code for response in found.values()} == {200}, found
        return {query: response.content for query, response in found.items()}

    return answers


def test_the_funnel_page_answers_as_on_duckdb(on_duckdb, on_snowflake, ask):
    expected = ask(on_duckdb)
    session = json.loads(expected["sessions?lost=checkout"])["sessions"][0]["session_id"]
    order = json.loads(expected["order-changes"])["orders"][0]["order_id"]
    more = (f"sessions/{session}", f"orders/{order}")
    assert ask(on_snowflake) | ask(on_snowflake, more) == expected | ask(on_duckdb, more)


def test_a_version_is_looked_up_now_and_then_and_copied_once(on_snowflake, snowflake, ask):
    def asked() -> int:
        return snowflake.statements.read_text(encoding="utf-8").count("int_session_steps")

    ask(on_snowflake)
    before, logins = asked(), len(snowflake.statements.read_bytes())
    page = reading.Published(on_snowflake)
    version = page.version()
    assert version.number == 2
    looked = len(snowflake.statements.read_bytes())
    assert logins < looked
    assert page.version() is version
    assert (asked(), len(snowflake.statements.read_bytes())) == (before, looked)


def test_all_relations_of_a_copy_are_of_one_version(on_snowflake, monkeypatch, tmp_path):
    answers = iter([7, 8, 8, 8, 8])
    copied = []
    monkeypatch.setattr(copies, "recorded_version", lambda *_: next(answers))
    monkeypatch.setattr(copies, "_copy", lambda _, file: copied.append(file))
    home = Settings(home=tmp_path, extracts=tmp_path, target="snowflake")
    assert copies.newest(home).name == "8"
    assert len(copied) == 2


def test_snowflake_reads_a_table_as_it_was():
    text = warehouse.at("analytics.fct_sessions").replace("$moment", warehouse._place("moment", WEEKS[0]))
    assert text == "analytics.fct_sessions at(timestamp => cast(%(moment)s as timestamp_ntz))"
    sent = text.replace("%(moment)s", "'2025-01-08 00:00:00'")
    assert grammar.violations(f"insert into t (a) select a from {sent}") == []


def test_without_time_travel_nothing_is_rolled_back(on_snowflake):
    """fakesnow can't read the past, as Snowflake can't beyond the retention."""
    before = Counter(contents(on_snowflake))
    with pytest.raises(UnavailableError, match="data_retention_time_in_days"):
        roll_back(on_snowflake, WHY)
    assert Counter(contents(on_snowflake)) == before
    with connect(on_snowflake) as connection:
        assert {extract.state for extract in ledger.extracts(connection)} == {"admitted"}


def contents(home: Settings, copy: int | None = None) -> list[tuple]:
    found = []
    with open_published(home) as connection:
        for name in published():
            rows_there = rows(connection, f"select * from {at(name, copy) if copy else name}")
            found += [(name, tuple(sorted(row.items()))) for row in rows_there]
    return found


def test_a_rollback_gives_readers_the_rows_before(on_snowflake, monkeypatch, ask):
    monkeypatch.setattr(warehouse, "at", at)
    done = roll_back(on_snowflake, WHY)
    assert (done.version, done.instead_of, list(done.held)) == (1, 2, [WEEKS[1]])
    assert Counter(contents(on_snowflake)) == Counter(contents(on_snowflake, 1))
    with connect(on_snowflake) as connection:
        assert comparing.settle(on_snowflake, connection) == []
        weeks.write_list(on_snowflake, connection)
    assert [(week.state, week.published, week.has_report) for week in weeks.recorded(on_snowflake)] == [
        ("admitted", True, True),
        ("held", False, False),
    ]
    assert json.loads(ask(on_snowflake, ("funnel",))["funnel"])["version"] == 1
    assert roll_back(on_snowflake, WHY).instead_of == 1


def test_a_run_after_it_publishes_on_top_of_it(on_duckdb, on_snowflake):
    with pytest.raises(RollbackError, match="no version before 1"):
        roll_back(on_snowflake, WHY, 3)
    with passing_gate():
        run_week(on_snowflake, WEEKS[1], reextract=True)
    with connect(on_snowflake) as connection:
        assert versions.recorded_version(connection) == 3, "a number that comes again would show the page an old copy"
    for name in ("summary.json", "order_changes.csv"):
        for week in WEEKS:
            found = (on_snowflake.report_folder(week) / name).read_bytes()
            assert found == (on_duckdb.report_folder(week) / name).read_bytes()
