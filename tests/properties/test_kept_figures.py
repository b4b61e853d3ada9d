"""The files of a report are byte for byte as they were: those of the real extracts and of the demo's shop."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from greenery.cli.demo import SHOP
from greenery.documents import to_json
from greenery.figures.restatement import compare
from greenery.landing import load as landing
from greenery.report.writing import figures
from greenery.settings import Settings
from greenery.simulator.shop import simulate
from greenery.source.tables import TABLES
from greenery.warehouse.duckdb import connect, rows

from tests.properties.reference import Extract
from tests.properties.world import insert, publish

# A change of these is a change of what people read: the commit says why.
KEPT = json.loads((Path(__file__).parent / "kept_figures.json").read_text(encoding="utf-8"))


def extracts(home: Settings, weeks: list[str]) -> list[Extract]:
    for week in weeks:
        landing.land(home, datetime.fromisoformat(week))
    found = []
    with connect(home) as connection:
        for row in rows(connection, "select extract_id, as_of from landing.extracts order by as_of"):
            tables = {}
            for table in TABLES:
                query = f"select * exclude (extract_id) from landing.{table.name} where extract_id = ? order by all"
                tables[table.name] = rows(connection, query, [row["extract_id"]])
            found.append(Extract(row["as_of"], tables))
    return found


def sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


@pytest.mark.parametrize("shop", KEPT)
def test_summaries_and_restatements_are_as_they_were(shop, warehouse, tmp_path, request):
    weeks = list(KEPT[shop]["summary.json"])
    home = Settings(home=tmp_path / "home", extracts=tmp_path / "extracts")
    if shop == "real":
        home = Settings(home=tmp_path / "home", extracts=request.getfixturevalue("real_extracts"))
    else:
        simulate(SHOP, home.extracts)
    warehouse.clear()
    for extract in extracts(home, weeks):
        insert(warehouse.open(), extract, "admitted")
    warehouse.build()
    publish(warehouse)

    with closing(warehouse.open("published")) as reader:
        found = {week: to_json(figures(reader, datetime.fromisoformat(week), home.maturity_days)) for week in weeks}
    assert {week: sha256(summary) for week, summary in found.items()} == KEPT[shop]["summary.json"]
    # As if the last week's report had said what the first one's does.
    restatement = to_json(compare(json.loads(found[weeks[0]]), json.loads(found[weeks[-1]])))
    assert sha256(restatement) == KEPT[shop]["restatement.json"]
