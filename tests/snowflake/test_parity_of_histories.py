"""The real weeks, the demo and random histories on DuckDB and on Snowflake: equal relations, equal bytes of reports.

`make prove-parity` runs them. `make test` compares two of the real weeks (test_parity.py).
"""

from __future__ import annotations

import json
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from greenery import quality
from greenery.build import dbt_project
from greenery.cli.demo import SHOP
from greenery.landing.ledger import NothingToWithdrawError
from greenery.settings import Settings
from greenery.simulator.shop import simulate
from greenery.source.folders import ExtractError
from greenery.source.tables import TABLES

from tests.conftest import write_extract
from tests.dbt.test_real_extracts import WEEKS
from tests.pipeline import run_week
from tests.properties.histories import CHOICES, FIRST_AS_OF, WEEK, Operation, case_of
from tests.properties.reference import Extract
from tests.snowflake.test_parity import REPORTED, published

pytestmark = [pytest.mark.prove, pytest.mark.timeout(7200)]
PARTS = 5
HISTORIES = 50


class Pair:
    """A home on each of the two warehouses, with the same extracts."""

    def __init__(self, folder: Path, extracts: Path | None = None) -> None:
        self.extracts = extracts or folder / "extracts"
        self.homes = [
            Settings(home=folder / target / "home", extracts=self.extracts, target=target)
            for target in ("duckdb", "snowflake")
        ]

    def run(self, as_of: datetime, **options: Any) -> str:
        """Run the week on both, which must end alike; return its end."""
        one, other = (end_of(home, as_of, **options) for home in self.homes)
        assert one == other
        self.compare_reports()
        return one

    def compare_reports(self) -> None:
        """Each report is there on both or on none, and has the same bytes."""
        one, other = (
            {str(path.relative_to(home.home)): path.read_bytes() for name in REPORTED for path in home.home.rglob(name)}
            for home in self.homes
        )
        assert one.keys() == other.keys()
        assert [name for name in one if one[name] != other[name]] == []

    def compare_published(self) -> None:
        """Each published relation has the same rows on both."""
        one, other = self.homes
        for relation in dbt_project.models().marts:
            assert published(one, relation) == published(other, relation), relation


def end_of(home: Settings, as_of: datetime, **options: Any) -> str:
    """Run a week; return how it ended."""
    try:
        run_week(home, as_of, **options)
    except quality.HeldError:
        return "held"
    except (ExtractError, NothingToWithdrawError) as error:
        return f"refused: {error}"
    return "published"


def offer(folder: Path, extract: Extract) -> None:
    """Write the files of an extract, in place of those of its week."""
    tables = {
        table.name: [
            {column.name: as_text(row.get(column.name)) for column in table.columns}
            for row in extract.tables[table.name]
        ]
        for table in TABLES
    }
    written = write_extract(folder / f"{extract.as_of:%Y-%m-%d}", tables)
    since = {"events_since": as_text(extract.events_since)} if extract.events_since else {}
    (written / "_extract.json").write_text(json.dumps(since), encoding="utf-8")


def as_text(value: Any) -> str:
    return "" if value is None else f"{value}Z" if isinstance(value, datetime) else str(value)


def do(pair: Pair, operation: Operation, variants: list[Extract], offered: dict[int, int]) -> str:
    """Do an operation of a path on both; one that is broken off there is a run here. Return how it ended."""
    week = operation.week
    as_of = FIRST_AS_OF + week * WEEK
    if operation.name == "withdraw":
        return pair.run(as_of, withdrawal="a reason")
    if operation.name in ("correct", "land a correction"):
        offered[week] = (offered.get(week, 0) + 1) % len(variants)
    offer(pair.extracts, variants[offered.get(week, 0)])
    anew = operation.name == "full refresh"
    return pair.run(as_of, full_refresh=anew, reextract=True, accept_shrink=True)


@pytest.mark.parametrize("part", range(1, PARTS + 1), ids=lambda part: f"{part}/{PARTS}")
def test_random_histories_are_equal(part, snowflake, tmp_path):
    ends: list[str] = []
    for number in range(part - 1, HISTORIES, PARTS):
        case = case_of(random.Random(number).randbytes(CHOICES))  # noqa: S311
        snowflake.use()
        pair, offered = Pair(tmp_path / str(number)), {}
        found = [do(pair, operation, case.contents[operation.week], offered) for operation in case.path]
        if "published" in found:
            pair.compare_published()
        print(f"history {number}: {', '.join(found)}", flush=True)
        ends += found
    assert ends.count("published") > HISTORIES // PARTS


def test_the_real_weeks_are_equal(snowflake, real_extracts, tmp_path):
    snowflake.use()
    pair = Pair(tmp_path, real_extracts)
    assert [pair.run(week) for week in WEEKS] == ["published"] * len(WEEKS)
    pair.compare_published()


def test_the_demo_is_equal(snowflake, tmp_path):
    snowflake.use()
    pair = Pair(tmp_path)
    simulate(SHOP, pair.extracts)
    ends = [pair.run(SHOP.first_as_of + week * WEEK) for week in range(SHOP.weeks)]
    assert ends == ["published"] * SHOP.weeks
    pair.compare_published()
