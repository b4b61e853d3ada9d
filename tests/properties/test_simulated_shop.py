"""The figures that ask for enough sessions and orders: on a shop that has them, against the definitions."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import datetime, timedelta

import pytest
from greenery.build import target
from greenery.documents import to_json
from greenery.landing import loading
from greenery.report.writing import figures
from greenery.settings import Settings
from greenery.simulator.shop import Shop, simulate
from greenery.source.tables import TABLES
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows
from greenery.week import WEEK

from tests import kept_figures
from tests.properties import reference
from tests.properties.reference import Extract
from tests.properties.world import MATURITY_DAYS, insert, publish, text

FIRST, WEEKS = datetime(2025, 1, 8), 6
LAST = FIRST + (WEEKS - 1) * WEEK
# The setting's default; the histories mature sooner.
MATURES_AFTER = 28


@pytest.fixture(scope="module")
def extracts(tmp_path_factory) -> list[Extract]:
    folder = tmp_path_factory.mktemp("shop")
    home = Settings(home=folder / "home", extracts=folder / "extracts")
    simulate(Shop(FIRST, weeks=WEEKS, sessions_per_week=250, history_weeks=2, events_window_days=14), home.extracts)
    found = []
    for number in range(WEEKS):
        loading.land(home, FIRST + number * WEEK)
    with connect(home) as connection:
        for row in rows(connection, "select extract_id, as_of from landing.extracts order by as_of"):
            tables = {}
            for table in TABLES:
                query = f"select * exclude (extract_id) from landing.{table.name} where extract_id = ? order by all"
                tables[table.name] = rows(connection, query, [row["extract_id"]])
            found.append(Extract(row["as_of"], tables))
    return found


@pytest.fixture(scope="module")
def published(warehouse, extracts):
    """A warehouse that is built from and has published all extracts."""
    warehouse.clear()
    for extract in extracts:
        insert(warehouse.open(), extract, "admitted")
    target.set_build(warehouse.open())
    warehouse.build()
    publish(warehouse)
    return warehouse


@pytest.mark.parametrize("weeks_ago", [0, 2])
def test_movers_are_what_enough_sessions_say(published, extracts, weeks_ago):
    as_of = LAST - weeks_ago * WEEK
    found = json.loads(text(published, as_of))["movers"]
    compared = [
        row for row in reference.movers(extracts, as_of) if row["sessions"] >= 30 and row["sessions_before"] >= 30
    ]
    assert found["compared"] == len(compared) > 5
    assert {row["dimension"] for row in compared} == {"product", "country", "state"}
    names = ("dimension", "value", "name", "sessions", "sessions_before", "reached", "reached_before")
    counts = [{name: mover[name] for name in names} for mover in found["movers"]]
    assert len(counts) == 5
    assert [row for row in counts if row not in compared] == []
    funnel = reference.summary(extracts, as_of, MATURITY_DAYS)["funnel"]
    added = [reference.contribution(row, funnel["week"], funnel["previous_week"]) for row in compared]
    largest = sorted((abs(points["contribution_pp"] or 0) for points in added), reverse=True)[:5]
    assert [abs(mover["contribution_pp"]) for mover in found["movers"]] == pytest.approx(largest, abs=2e-4)
    for mover in found["movers"]:
        points = reference.contribution(mover, funnel["week"], funnel["previous_week"])
        assert {name: mover[name] for name in points} == pytest.approx(points, abs=2e-4)


def test_stuck_orders_are_those_longer_in_their_status_than_95_percent(published, extracts):
    found = json.loads(text(published, LAST))["order_changes"]["stuck"]
    expected = {status: peers for status, peers in reference.stuck_orders(extracts, LAST).items() if peers[0] >= 30}
    assert {status: (peer["orders"], peer["days_95"]) for status, peer in found["peers"].items()} == {
        status: (count, round(days, 1)) for status, (count, days, _) in expected.items()
    }
    since = {order_id: moment for _, _, orders in expected.values() for order_id, moment in orders.items()}
    assert {order["order_id"]: order["since"] for order in found["orders"]} == {
        order_id: f"{moment.isoformat()}+00:00" for order_id, moment in since.items()
    }
    assert found["total"] == len(since) > 0
    for order in found["orders"]:
        assert order["days"] == round((LAST - since[order["order_id"]]) / timedelta(days=1), 1) > order["days_95"]


def test_the_slowest_step_is_shipping(published, extracts):
    found = json.loads(text(published, LAST))["pace"]
    expected = reference.summary(extracts, LAST, MATURITY_DAYS)["pace"]
    assert {step: (pace["sessions"], pace["median_seconds"]) for step, pace in found["steps"].items()} == expected
    assert found["slowest"] == "package_shipped"
    assert min(sessions for sessions, _ in expected.values()) >= 30


def test_figures_are_byte_for_byte_as_they_are_kept(published):
    with closing(published.open("published")) as reader:
        weeks = [FIRST + number * WEEK for number in range(WEEKS)]
        found = {f"{week:%Y-%m-%d}": to_json(figures(reader, week, MATURES_AFTER)) for week in weeks}
    assert kept_figures.hashes(found) == kept_figures.KEPT["simulated"]
