"""A version that is made from the version before has the rows of the build, and is written whole where it can't be."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from greenery.build import dbt_project
from greenery.publishing import published_file, versions
from greenery.settings import Settings
from greenery.simulator.shop import Shop, simulate
from greenery.warehouse.access import connect

from tests.pipeline import passing_gate, run_week

WEEKS = [datetime(2025, 1, 8), datetime(2025, 1, 15), datetime(2025, 1, 22), datetime(2025, 1, 29)]


@pytest.fixture(scope="module")
def home(replays, tmp_path_factory) -> Settings:
    """A shop whose first week is published."""
    folder = tmp_path_factory.mktemp("published")
    home = Settings(home=folder / "home", extracts=folder / "extracts")
    simulate(Shop(first_as_of=WEEKS[0], weeks=4, sessions_per_week=60, events_window_days=21), home.extracts)
    with passing_gate():
        run_week(home, WEEKS[0])
    return home


@pytest.fixture
def updates(monkeypatch) -> list[bool]:
    """The results of `update`, one for each call."""
    results: list[bool] = []
    update = published_file.update

    def noted(*arguments) -> bool:
        results.append(update(*arguments))
        return results[-1]

    monkeypatch.setattr(published_file, "update", noted)
    return results


def run(home: Settings, week: datetime, **options) -> None:
    with passing_gate():
        run_week(home, week, **options)


def differing(home: Settings) -> list[str]:
    """Return the relations of the published file whose columns or rows are not those of the build."""
    with connect(home) as connection:
        connection.execute(f"attach '{home.published.resolve() / versions.FILE}' as published (read_only)")
        found = []
        for relation, query in versions.relations():
            there = f"select * from published.{relation}"
            described = [connection.execute(f"describe {text}").fetchall() for text in (query, there)]
            both = f"(({query}) except all ({there})) union all (({there}) except all ({query}))"
            if described[0] != described[1] or connection.execute(both).fetchall():
                found.append(relation)
        return found


def newest(home: Settings) -> Path:
    return home.published.resolve() / versions.FILE


def test_a_week_changes_a_copy_of_the_version_before(home, updates):
    before = newest(home)
    content = before.read_bytes()
    run(home, WEEKS[1])
    assert updates == [True]
    assert newest(home) != before
    assert before.read_bytes() == content
    assert differing(home) == []


def test_a_key_that_is_missed_is_noticed_and_all_is_written(home, updates, monkeypatch):
    update = published_file._update

    def forgetful(connection, relation, query) -> None:
        if relation != "analytics.fct_sessions":
            update(connection, relation, query)

    monkeypatch.setattr(published_file, "_update", forgetful)
    run(home, WEEKS[2])
    assert updates == [False]
    assert differing(home) == []


def test_a_column_of_another_type_is_noticed(home, updates):
    with connect(home) as connection:
        connection.execute(f"attach '{newest(home)}' as published (read_only)")
        relations = list(versions.relations())
        wide = [
            (name, query.replace("select *", "select * replace (sessions::hugeint as sessions)"))
            if name == "analytics.fct_funnel_daily"
            else (name, query)
            for name, query in relations
        ]
        found = [
            all(published_file._is_equal(connection, *relation) for relation in either) for either in (relations, wide)
        ]
    assert found == [True, False]


def test_a_mart_that_is_new_or_gone_is_noticed(home, updates, monkeypatch):
    relations = list(versions.relations())
    changed = [one for one in relations if one[0] != "analytics.fct_funnel_daily"]
    changed.append(("analytics.fct_new", "select order_id from marts.orders_snapshot"))
    monkeypatch.setattr(versions, "relations", lambda: iter(changed))
    run(home, WEEKS[2])
    assert updates == [False]
    assert differing(home) == []
    monkeypatch.setattr(versions, "relations", lambda: iter(relations))
    run(home, WEEKS[2])
    assert updates == [False, False]
    assert differing(home) == []


def test_the_rows_of_an_extract_that_is_gone_leave_no_trace_in_the_file(home, updates):
    run(home, WEEKS[1], withdrawal="prices in cents")
    assert updates == [False]
    assert differing(home) == []
    with duckdb.connect(newest(home), read_only=True) as connection:
        ids = connection.execute("select distinct as_of from intermediate.int_extract_pairs order by 1").fetchall()
    assert ids == [(WEEKS[0],), (WEEKS[2],)]
    # The next week goes on from this file.
    run(home, WEEKS[3])
    assert updates == [False, True]
    assert differing(home) == []


def test_a_rerun_of_the_same_content_and_a_full_build(home, updates):
    run(home, WEEKS[3])
    run(home, WEEKS[3], full_refresh=True)
    assert updates == [True, True]
    assert differing(home) == []


def test_every_model_by_key_names_where_its_changed_keys_are(home):
    models = dbt_project.models()
    assert models.changed_in.keys() == models.keys.keys() - set(models.logs)
    assert set(models.changed_in.values()) <= {*models.logs, "int_changed_sessions"}
