"""Two of the real weeks on DuckDB and on Snowflake: equal relations, and equal bytes of what is reported.

`make prove-parity` compares all four, the demo and random histories (test_parity_of_histories.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from greenery.build import dbt_project
from greenery.publishing.versions import open_published
from greenery.settings import Settings
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows

from tests.dbt.test_real_extracts import CHANGED
from tests.dbt.test_real_extracts import WEEKS as ALL_WEEKS
from tests.pipeline import run_week
from tests.snowflake import grammar
from tests.snowflake.conftest import PASSWORD

WEEKS = ALL_WEEKS[-2:]
REPORTED = ("summary.json", "quality.json", "order_changes.csv")
# What dbt, Great Expectations and we ourselves say to the session, not to the tables.
OF_THE_SESSION = re.compile(r"(use|begin|commit|rollback|show|desc(ribe)?|put|alter session|select 1)\b", re.IGNORECASE)


def two_weeks(home: Settings) -> Settings:
    for week in WEEKS:
        run_week(home, week)
    return home


@pytest.fixture(scope="module")
def on_duckdb(real_extracts, tmp_path_factory) -> Settings:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GREENERY_TARGET", raising=False)
        return two_weeks(Settings(home=tmp_path_factory.mktemp("duckdb") / "home", extracts=real_extracts))


@pytest.fixture(scope="module")
def on_snowflake(on_duckdb, snowflake, real_extracts, tmp_path_factory) -> Settings:
    home = Settings(home=tmp_path_factory.mktemp("snowflake") / "home", extracts=real_extracts, target="snowflake")
    return two_weeks(home)


def published(home: Settings, relation: str) -> Counter[tuple]:
    with open_published(home) as connection:
        return Counter(tuple(sorted(row.items())) for row in rows(connection, f"select * from analytics.{relation}"))


def files(home: Settings) -> Iterator[Path]:
    return (path for path in home.home.rglob("*") if path.is_file())


@pytest.mark.timeout(3000)
def test_the_published_relations_are_equal(on_duckdb, on_snowflake):
    for relation in dbt_project.models().marts:
        found = published(on_snowflake, relation)
        assert found, relation
        assert found == published(on_duckdb, relation), relation


@pytest.mark.parametrize("name", REPORTED)
def test_what_is_reported_is_equal_byte_by_byte(on_duckdb, on_snowflake, name):
    for week in WEEKS:
        assert (on_snowflake.report_folder(week) / name).read_bytes() == (
            on_duckdb.report_folder(week) / name
        ).read_bytes(), week


def test_the_snapshot_query_that_people_write(on_snowflake):
    with connect(on_snowflake) as connection:
        found = rows(connection, "select * from analytics.orders_snapshot where dbt_updated_at::date = '2023-02-01'")
    assert {row["order_id"] for row in found} == CHANGED


def test_snowflake_takes_every_statement_that_it_was_sent(on_snowflake, snowflake):
    texts = [text for text in snowflake.sent() if not OF_THE_SESSION.match(grammar.without_comments(text).strip())]
    assert len(texts) > 300
    assert {text: found for text in texts if (found := grammar.violations(text))} == {}


def test_the_password_is_in_no_file(on_snowflake, snowflake):
    assert on_snowflake.home.is_dir()
    assert [path for path in files(on_snowflake) if PASSWORD.encode() in path.read_bytes()] == []
    assert PASSWORD not in snowflake.statements.read_text(encoding="utf-8")
