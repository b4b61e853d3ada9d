"""The published answers for the real extracts, whatever the order in which the weeks are run."""

from __future__ import annotations

import json
from datetime import datetime

import duckdb
import pytest
from greenery.publishing.versions import open_published
from greenery.settings import Settings

from tests import kept_figures
from tests.pipeline import run_week

WEEKS = [datetime(2023, 1, 11), datetime(2023, 1, 18), datetime(2023, 1, 25), datetime(2023, 2, 1)]
CHANGED = {
    "0e9b8ee9-ad0a-42f4-a778-e1dd3e6f6c51",
    "841074bf-571a-43a6-963c-ba7cbdb26c85",
    "df91aa85-bfc7-4c31-93ef-4cee8d00a343",
}


def summaries(home: Settings, name: str = "summary.json") -> dict[str, bytes]:
    return {f"{week:%Y-%m-%d}": (home.report_folder(week) / name).read_bytes() for week in WEEKS}


@pytest.fixture(scope="module")
def in_order(real_extracts, tmp_path_factory):
    home = Settings(home=tmp_path_factory.mktemp("in_order") / "home", extracts=real_extracts)
    for week in WEEKS:
        run_week(home, week)
    return home


def test_the_published_answers(in_order):
    summary = json.loads(summaries(in_order)["2023-02-01"])
    assert summary["funnel"]["all_time"] == {
        "sessions": 578,
        "page_view": 578,
        "add_to_cart": 467,
        "checkout": 361,
        "package_shipped": 335,
    }
    changes = summary["order_changes"]
    assert changes["previous_as_of"] == "2023-01-25T00:00:00+00:00"
    assert {order["order_id"] for order in changes["orders"]} == CHANGED
    assert changes["status_transitions"] == [{"from": "preparing", "to": "shipped", "orders": 3}]
    assert [changes[change] for change in ("new", "details_changed", "removed", "returned")] == [0, 0, 0, 0]


def test_figures_are_byte_for_byte_as_they_are_kept(in_order):
    found = {week: text.decode() for week, text in summaries(in_order).items()}
    assert kept_figures.hashes(found) == kept_figures.KEPT["real"]


def test_the_first_extract_is_the_baseline(in_order):
    changes = json.loads(summaries(in_order)["2023-01-11"])["order_changes"]
    assert (changes["previous_as_of"], changes["orders"]) == (None, [])


def test_the_checks_pass_and_warn_of_nothing_but_the_age_of_the_data(in_order):
    for text in summaries(in_order, "quality.json").values():
        quality = json.loads(text)
        assert quality["verdict"] == "passed"
        failed = {check["check"] for check in quality["checks"] if not check["passed"]}
        # All events and orders are of 2021.
        assert failed == {"events_fresh", "orders_fresh"}


@pytest.mark.parametrize("time_zone", ["UTC", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_the_snapshot_query_that_people_write(in_order, time_zone):
    with duckdb.connect(in_order.published / "greenery.duckdb", read_only=True) as connection:
        connection.execute(f"set TimeZone = '{time_zone}'; use analytics")
        found = connection.execute("select * from orders_snapshot where dbt_updated_at::date = '2023-02-01'").fetchall()
    assert {row[0] for row in found} == CHANGED


def test_a_full_refresh_gives_the_same_bytes(in_order):
    before = summaries(in_order)
    run_week(in_order, WEEKS[-1], full_refresh=True)
    assert summaries(in_order) == before


def test_backwards_and_the_named_weeks_again_gives_the_same_bytes(in_order, real_extracts, replays, tmp_path):
    home = Settings(home=tmp_path / "home", extracts=real_extracts)
    for week in [*reversed(WEEKS), *WEEKS[1:]]:
        run_week(home, week)
    assert summaries(home) == summaries(in_order)
    assert summaries(home, "quality.json") == summaries(in_order, "quality.json")
    with open_published(home) as backwards, open_published(in_order) as forwards:
        relations = backwards.execute(
            "select table_schema || '.' || table_name from information_schema.tables order by all"
        ).fetchall()
        assert len(relations) == 16
        for (relation,) in relations:
            query = f"from {relation} order by all"
            assert backwards.execute(query).fetchall() == forwards.execute(query).fetchall(), relation
