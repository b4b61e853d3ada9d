"""A sample of the faults and clean weeks of `make gate-report`; and a verdict does not depend on what ran since."""

from __future__ import annotations

import functools
import html
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import duckdb
import pytest
import sqlfluff
from greenery.landing import ledger
from greenery.quality import data_docs, validation
from greenery.quality.checks import CHECKS
from greenery.settings import Settings
from greenery.simulator.shop import Shop, simulate
from greenery.warehouse.access import connect
from snowflake.sqlalchemy.snowdialect import SnowflakeDialect
from sqlalchemy import ClauseElement, Connection, Engine, event

from tests.gate.faults import AS_OF, BEFORE, FAULTS, Fault, plant
from tests.gate.report import clean_weeks
from tests.gate.shop import copied, failed, good_shop, problem, run_fault, run_week
from tests.pipeline import Build
from tests.properties.replay import replayed

SAMPLE = (
    "a day of events is lost",
    "package_shipped is not tracked",
    "new orders are in cents",
    "packages are shipped before they are ordered",
    "half of the states are empty",
    "a session is there twice",
    "versions overlap",
    "five events are lost",
    "a fiftieth of the sessions have a page view of 1970",
    "a third of the sessions have an event of a year ago",
    "a third of the sessions are dated 1970",
)

ACCEPTED = ["events_not_collapsed"]


@pytest.fixture(scope="module")
def good(recording, tmp_path_factory) -> Settings:
    return good_shop(tmp_path_factory.mktemp("good"), recording, sessions=500)


@pytest.fixture(scope="module")
def build(recording) -> Build:
    return replayed(recording)


@pytest.fixture(scope="module")
def first_weeks(build, tmp_path_factory) -> Callable[[str], dict]:
    """Return what judges the first extract of a shop, changed by a statement; each statement once."""
    folder = tmp_path_factory.mktemp("first")
    simulate(Shop(AS_OF, 1, 150, history_weeks=2, file_format="parquet"), folder / "extracts")
    shutil.copytree(folder / "extracts" / f"{AS_OF:%Y-%m-%d}", folder / "extracts" / f"{BEFORE:%Y-%m-%d}")

    @functools.cache
    def judged(statement: str) -> dict:
        home = copied(Settings(folder / "home", folder / "extracts"), tmp_path_factory.mktemp("changed"))
        plant(Fault("ids", "extract", (statement,), "critical", (), ""), home.extracts)
        return run_week(home, AS_OF, build)

    (folder / "home").mkdir()
    return judged


@pytest.mark.parametrize("name", SAMPLE)
def test_a_planted_fault_is_caught_as_said(good, recording, tmp_path, name):
    fault = next(fault for fault in FAULTS if fault.name == name)
    assert problem(fault, run_fault(good, fault, recording, tmp_path / "planted")) == ""


def test_an_accepted_anomaly_is_admitted_and_stays_so_for_this_content_only(good, build, tmp_path):
    def fault(name: str) -> Fault:
        return next(fault for fault in FAULTS if fault.name == name)

    copy = copied(good, tmp_path / "accepted")
    plant(fault("package_shipped is not tracked"), copy.extracts)
    # What nobody can have seen is not accepted.
    held = run_week(copy, AS_OF, build, accept="the warehouse moved")
    assert (held["verdict"], held["accepted"]) == ("held", None)
    document = run_week(copy, AS_OF, build, accept="the warehouse moved")
    observed = {check["check"]: check["observed"] for check in held["checks"] if check["check"] in ACCEPTED}
    accepted = {"reason": "the warehouse moved", "checks": ACCEPTED, "observed": observed}
    assert (document["verdict"], document["accepted"]) == ("accepted", accepted)
    assert [check["check"] for check in document["checks"] if check["accepted"]] == ["events_not_collapsed"]
    # The same content needs no word again; another one does, also where the same check fails.
    assert run_week(copy, AS_OF, build) == document
    plant(fault("a column that is new"), copy.extracts)
    plant(fault("an order's status is empty"), copy.extracts)
    again = run_week(copy, AS_OF, build)
    assert (again["verdict"], again["accepted"]) == ("held", None)
    plant(fault("add_to_cart is not tracked"), copy.extracts)
    assert run_week(copy, AS_OF, build, accept="never mind")["verdict"] == "held"


def test_an_admitted_week_stays_so_where_only_models_or_another_week_s_rows_are_wrong(good, recording, build, tmp_path):
    copy = copied(good, tmp_path / "rerun")
    assert run_week(copy, AS_OF, build)["verdict"] == "passed"

    def lose(connection: duckdb.DuckDBPyConnection) -> None:
        later = f"from marts.fct_sessions where started_at >= timestamp '{BEFORE}' and checkout_at is null"
        connection.execute(f"delete from marts.fct_sessions where session_id in (select session_id {later} limit 3)")

    document = run_week(copy, BEFORE, replayed(recording, after=lose))
    assert (document["verdict"], document["stays_admitted"]) == ("held", True)
    assert "critical" in failed(document).values()
    html = (copy.report_folder(BEFORE) / "quality.html").read_text(encoding="utf-8")
    assert "nothing new is published; the extract stays admitted" in html
    with connect(copy) as connection:
        before, now = ledger.newest(connection, BEFORE), ledger.newest(connection, AS_OF)
    # Not passed, so that a task marked as a success publishes nothing.
    assert (before.state, before.passed_with, now.state) == ("admitted", None, "admitted")


def test_the_good_week_itself_passes(good, build, tmp_path):
    document = run_week(copied(good, tmp_path / "clean"), AS_OF, build)
    assert set(failed(document).values()) <= {"info"}
    assert document["verdict"] == "passed"


@pytest.mark.parametrize(("sessions", "weeks"), [(5, 2), (60, 2)])
def test_clean_weeks_raise_no_alarm(recording, sessions, weeks):
    assert clean_weeks(recording, sessions, seed=1, weeks=weeks) == []


def test_a_shop_with_ways_of_its_own_is_held_and_warned_of_them_once(build, tmp_path):
    weeks = [BEFORE, AS_OF]
    home = Settings(tmp_path / "home", tmp_path / "extracts")
    simulate(Shop(BEFORE, 2, 200, history_weeks=4, file_format="parquet"), home.extracts)
    own = Fault(
        "own",
        "extract",
        (
            (
                "insert into events by name select 's' || i || event_id as event_id, 'scroll' as event_type, "
                "* exclude (event_id, event_type, i) from events, range(3) numbers (i) where event_type = 'page_view'"
            ),
            (
                "update events set product_id = 'sku-' || product_id, "
                "user_id = case when hash(session_id) % 50 = 0 then user_id end"
            ),
            "update order_items set order_id = 'o-' || order_id, product_id = 'sku-' || product_id",
            "update orders set status = case status when 'preparing' then 'packing' else 'complete' end",
        ),
        "",
        (),
        "",
    )
    for week in weeks:
        plant(own, home.extracts, week)
    forget_promos = "update orders set promo_id = null, order_total = order_cost + shipping_cost where created_at >= "
    plant(replace(own, statements=(f"{forget_promos} timestamp '{BEFORE}'", "delete from promos")), home.extracts)
    # Nearly all ids of a foreign key find no partner: a person has to say once that they never do.
    held = run_week(home, BEFORE, build)
    ids_without_partner = {"items_mostly_have_orders", "items_mostly_have_products", "events_mostly_have_products"}
    assert {check for check, severity in failed(held).items() if severity == "critical"} == ids_without_partner
    first, second = run_week(home, BEFORE, build, accept="our ids are so"), run_week(home, AS_OF, build)
    assert first["verdict"] == "accepted"
    assert "critical" not in failed(second).values()
    own_ways = {"event_types_known", "order_statuses_known", "items_have_products"}
    assert own_ways <= set(failed(first))
    assert not own_ways & set(failed(second))
    # Orders that were there before moved on; nothing else of them is new.
    assert not {"orders_have_promos", "order_total_adds_up", "orders_not_copied"} & set(failed(second))


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("update orders set user_id = user_id || '.0'", "orders_mostly_have_users"),
        ("update addresses set address_id = address_id || '.0'", "orders_mostly_have_addresses"),
        ("update addresses set address_id = address_id || '.0'", "users_mostly_have_addresses"),
        ("update promos set promo_id = promo_id || '.0'", "orders_mostly_have_promos"),
        ("update order_items set order_id = order_id || '.0'", "items_mostly_have_orders"),
        ("update products set product_id = product_id || '.0'", "items_mostly_have_products"),
        ("update products set product_id = product_id || '.0'", "events_mostly_have_products"),
        ("update events set user_id = user_id || '.0'", "events_mostly_have_users"),
        ("update events set order_id = order_id || '.0'", "checkouts_mostly_have_orders"),
    ],
)
def test_ids_that_are_written_in_two_ways_hold_the_first_extract_too(first_weeks, statement, check):
    assert failed(first_weeks(statement))[check] == "critical"


def test_what_great_expectations_asks_is_snowflake_s_too(good, recording, tmp_path):
    copy = copied(good, tmp_path / "asked")
    # A fault, so that examples are asked for too.
    run_fault(
        copy, next(fault for fault in FAULTS if "session is there" in fault.name), recording, tmp_path / "planted"
    )
    home = Settings(tmp_path / "planted" / "home", tmp_path / "planted" / "extracts")
    asked: list[ClauseElement] = []

    def keep(_connection: Connection, statement: ClauseElement, *_: object) -> None:
        asked.append(statement)

    event.listen(Engine, "before_execute", keep)
    try:
        with connect(home) as connection:
            found = validation.validate(connection, AS_OF)
    finally:
        event.remove(Engine, "before_execute", keep)
    assert not found["sessions_unique"].passed
    texts = {str(statement.compile(dialect=SnowflakeDialect())) for statement in asked}
    # DuckDB's catalogue is its dialect's own business.
    texts = {text for text in texts if "duckdb_" not in text}
    assert len(texts) > len(validation.SUITES)
    # All compile; reading takes long, so only some are read.
    for text in sorted(texts)[::8]:
        assert sqlfluff.parse(re.sub(r"%\(\w+\)s", "1", text), dialect="snowflake"), text


def test_data_docs_show_every_check_of_a_week_and_no_person(good, tmp_path):
    copy = copied(good, tmp_path / "docs")
    page = data_docs.build(copy, BEFORE)
    assert page.is_relative_to(copy.home / "data_docs" / f"{BEFORE:%Y-%m-%d}")
    text = "".join(path.read_text(encoding="utf-8") for path in page.parent.rglob("*.html"))
    for check in CHECKS:
        assert html.escape(check.meaning, quote=False) in text.replace("&#39;", "'"), check.id
    for path in page.parent.rglob("*.html"):
        written = path.read_text(encoding="utf-8")
        assert "default-src 'none'" in written, path
        # A link may lead out; nothing is loaded.
        assert not re.search(r"<(link|img|iframe)\b|<script[^>]+src|url\(|@import", written), path
    links = re.findall(r'<th><a href="([^"]+)"', page.read_text(encoding="utf-8"))
    assert len(links) == len(validation.SUITES)
    assert [link for link in links if not (page.parent / link).is_file()] == []
    with connect(copy) as connection:
        users = connection.execute("select user_id from landing.users").fetchall()
    assert users
    assert not [user for (user,) in users if user in text]
    with pytest.raises(data_docs.NotBuiltError, match="2025-01-22"):
        data_docs.build(copy, AS_OF + timedelta(days=7))


def test_every_check_is_hit_by_a_fault():
    assert len(FAULTS) >= 40
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert all(fault.checks if fault.severity else fault.reason for fault in FAULTS)
    assert {check.id for check in CHECKS} <= {check for fault in FAULTS for check in fault.checks}


def test_a_verdict_is_the_same_on_the_day_and_after_later_weeks(build, tmp_path):
    weeks = [datetime(2025, 1, 8) + number * timedelta(days=7) for number in range(3)]
    extracts = tmp_path / "extracts"
    # Sessions whose events and shipments come late, users who move, and orders sent back.
    simulate(Shop(weeks[0], 3, 120, file_format="parquet"), extracts)

    def texts(home: Settings, *order: datetime) -> dict[datetime, bytes]:
        found = {}
        for week in order:
            run_week(home, week, build)
            found[week] = (home.report_folder(week) / "quality.json").read_bytes()
        return found

    first, second, third = weeks
    home = Settings(tmp_path / "in order", extracts)
    on_the_day = texts(home, first, second, third)
    # Judged again with later weeks admitted; and landed and judged the other way round.
    assert texts(home, second, first) == {week: on_the_day[week] for week in (first, second)}
    assert texts(Settings(tmp_path / "backwards", extracts), third, second, first, second, third) == on_the_day
