"""Raw tables in Snowflake as the source: the same extracts as from files, read as the tables were at the as_of."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest
from airflow.sdk.exceptions import AirflowFailException
from greenery.cli import doctor
from greenery.landing import finding, importing, ledger, loading
from greenery.orchestration.sensors import WaitForExtract
from greenery.report import weeks
from greenery.settings import SettingError, Settings, load
from greenery.source.folders import ExtractError, LostExtractError, MissingExtractError
from greenery.source.tables import TABLES
from greenery.warehouse import raw_tables
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows
from greenery.warehouse.snowflake import open_session

from tests.conftest import ORDER, small_shop, write_extract
from tests.dbt.test_real_extracts import WEEKS
from tests.unit.test_tasks import run

AS_OF = datetime(2023, 1, 11)
SHOPS = itertools.count(1)


class Shop:
    """A database with raw tables. Whatever the day, a plain table of each name is there: the one of today."""

    def __init__(self, folder: Path) -> None:
        self.database, self._folder = f"SHOP_{next(SHOPS)}", folder
        with open_session() as (session, _):
            session.execute(f"create database {self.database}")
            session.execute(f"create schema {self.database}.raw")

    def execute(self, *statements: str) -> None:
        with open_session() as (session, _):
            session.execute(f"use schema {self.database}.raw")
            for statement in statements:
                session.execute(statement)

    def fill(self, as_of: datetime, extract: Path, types: dict[str, str] | None = None) -> None:
        """Make the tables as they were at `as_of` from the files of an extract. types: of columns, if other ones."""
        with open_session() as (session, _), duckdb.connect() as reader:
            session.execute(f"use schema {self.database}.raw")
            session.execute("create temporary stage if not exists filled")
            for table in TABLES:
                kinds = {
                    column.name: (types or {}).get(f"{table.name}.{column.name}", column.type)
                    for column in table.columns
                }
                texts = ", ".join(
                    f"cast({name} as {kind.replace('TIMESTAMP_TZ', 'TIMESTAMPTZ')}) as {name}"
                    for name, kind in kinds.items()
                )
                file, name = self._folder / f"{table.name}.parquet", f"{table.name}_at_{as_of:%Y%m%d}"
                reader.execute("set TimeZone = 'UTC'")
                reader.execute(
                    f"copy (select {texts} from read_csv('{extract / table.name}.csv', all_varchar = true)) to '{file}'"
                )
                columns = ", ".join(f"{column} {kind}" for column, kind in kinds.items())
                session.execute(f"create or replace table {name} ({columns})")
                session.execute(f"create table if not exists {table.name} ({columns})")
                session.execute(f"put 'file://{file}' @filled auto_compress = false overwrite = true")
                session.execute(
                    f"copy into {name} from @filled/{file.name} file_format = (type = parquet) "
                    "match_by_column_name = case_insensitive force = true"
                )


@pytest.fixture
def shop(snowflake, tmp_path) -> Shop:
    snowflake.use()
    return Shop(tmp_path)


@pytest.fixture
def home(shop, tmp_path) -> Settings:
    """A home on DuckDB whose source are the raw tables."""
    return Settings(
        home=tmp_path / "home",
        extracts=tmp_path / "extracts",
        source="snowflake",
        source_database=shop.database,
        source_schema="raw",
    )


def small(tmp_path: Path, **tables: list[dict]) -> Path:
    return write_extract(tmp_path / "files" / "2023-01-11", {**small_shop(), **tables})


def test_the_real_extracts_have_the_same_ids_as_from_files(shop, home, real_extracts, tmp_path):
    from_files = Settings(home=tmp_path / "other", extracts=real_extracts)
    for week in WEEKS:
        shop.fill(week, real_extracts / f"{week:%Y-%m-%d}")
        expected = loading.land(from_files, week)
        found = loading.land(home, week)
        assert (found.extract_id, found.rows, found.outcome) == (expected.extract_id, expected.rows, "landed")
        assert loading.land(home, week).outcome == "unchanged"
    with connect(home) as landed, connect(from_files) as other:
        for table in TABLES:
            query = f"select * from landing.{table.name} order by all"
            assert landed.execute(query).fetchall() == other.execute(query).fetchall(), table.name


@pytest.mark.parametrize(
    "types",
    [
        {"events.created_at": "TIMESTAMP_TZ", "orders.created_at": "VARCHAR"},
        {"orders.order_total": "DECIMAL(18,3)", "order_items.quantity": "DECIMAL(38,0)", "products.price": "DOUBLE"},
    ],
)
def test_other_types_give_the_same_extract(shop, home, tmp_path, types):
    folder = small(tmp_path)
    shop.fill(AS_OF, folder, types)
    expected = loading.land(Settings(home=tmp_path / "other", extracts=folder.parent), AS_OF)
    assert loading.land(home, AS_OF).extract_id == expected.extract_id


def test_times_keep_microseconds_and_reach_the_year_9999(shop, home, tmp_path):
    order = {
        **small_shop()["orders"][0],
        "delivered_at": "9999-12-31 23:59:59",
        "created_at": "2023-01-09 10:05:00.123456",
    }
    folder = small(tmp_path, orders=[order])
    shop.fill(AS_OF, folder)
    expected = loading.land(Settings(home=tmp_path / "other", extracts=folder.parent), AS_OF)
    assert loading.land(home, AS_OF).extract_id == expected.extract_id


def test_a_warehouse_in_snowflake_takes_the_same_extract(shop, home, tmp_path, monkeypatch):
    folder = small(tmp_path)
    shop.fill(AS_OF, folder)
    on_snowflake = replace(home, target="snowflake")
    expected = loading.land(Settings(home=tmp_path / "other", extracts=folder.parent), AS_OF)
    assert loading.land(on_snowflake, AS_OF).extract_id == expected.extract_id
    with connect(on_snowflake) as connection:
        assert rows(connection, "select count(*) as orders from landing.orders") == [{"orders": 1}]


def test_a_late_run_reads_what_it_would_have_read_on_time(shop, home, tmp_path):
    shop.fill(AS_OF, small(tmp_path))
    on_time = loading.land(home, AS_OF)
    shop.fill(datetime(2023, 1, 18), small(tmp_path, orders=[]))
    assert loading.land(replace(home, home=tmp_path / "late"), AS_OF).extract_id == on_time.extract_id


def test_tables_and_columns_have_the_names_of_the_settings(shop, home, tmp_path):
    shop.fill(AS_OF, small(tmp_path))
    expected = loading.land(home, AS_OF)
    shop.execute(
        "create table shop_orders as select * from orders",
        "alter table shop_orders rename column order_id to id",
        "alter table orders_at_20230111 rename to shop_orders_at_20230111",
        "alter table shop_orders_at_20230111 rename column order_id to id",
    )
    named = replace(home, source_names={"orders": "shop_orders", "orders.order_id": "id"}, home=tmp_path / "named")
    assert loading.land(named, AS_OF).extract_id == expected.extract_id
    with pytest.raises(ExtractError, match=r"column order_id is missing; .*GREENERY_SOURCE_NAMES=orders.order_id="):
        loading.land(replace(named, source_names={"orders": "shop_orders"}), AS_OF)
    with pytest.raises(ExtractError, match="GREENERY_SOURCE_NAMES: order is no table"):
        loading.land(replace(named, source_names={"order": "shop_orders"}), AS_OF)


def test_a_value_that_is_wrong_is_named_by_its_row(shop, home, tmp_path):
    items = [{"order_id": "o1", "product_id": "p1", "quantity": "two"}]
    shop.fill(AS_OF, small(tmp_path, order_items=items), {"order_items.quantity": "VARCHAR"})
    place = rf"extract 2023-01-11, {shop.database}.RAW.ORDER_ITEMS, the row with order_id 'o1', product_id 'p1'"
    with pytest.raises(ExtractError, match=f"{place}, column quantity: 'two' is not a whole number"):
        loading.land(home, AS_OF)
    with connect(home) as connection:
        assert ledger.extracts(connection) == []


def test_columns_that_hold_no_text_are_refused(shop, home, tmp_path):
    shop.fill(AS_OF, small(tmp_path))
    shop.execute(
        "alter table orders_at_20230111 drop column status",
        "alter table orders_at_20230111 add column status variant",
    )
    with pytest.raises(ExtractError, match=r"RAW.ORDERS, column status: it is of type VARIANT: make it"):
        loading.land(home, AS_OF)


def test_a_number_that_should_be_a_text_is_warned_of_as_in_a_file(shop, home, tmp_path):
    shop.fill(AS_OF, small(tmp_path), {"addresses.zipcode": "BIGINT"})
    landing = loading.land(home, AS_OF)
    assert f"{shop.database}.RAW.ADDRESSES: zipcode is a number there" in " ".join(landing.warnings)


def test_beyond_retention_the_error_says_what_can_be_read_and_the_remedy(shop, home, tmp_path):
    shop.fill(datetime(2023, 1, 18), small(tmp_path))
    with pytest.raises(LostExtractError) as caught:
        loading.land(home, AS_OF)
    said = str(caught.value)
    assert "no extract for 2023-01-11: Snowflake does not show any more what" in said
    assert f"what {shop.database}.RAW.ORDERS was then" in said
    assert "Time Travel keeps 1 day(s) of it: weeks that end after" in said
    assert "GREENERY_SOURCE=folders and GREENERY_EXTRACTS=" in said
    assert "set data_retention_time_in_days = 8" in said


def test_a_table_that_was_made_anew_can_be_read_since_then(shop, home, tmp_path, monkeypatch):
    shop.fill(datetime(2023, 1, 18), small(tmp_path))
    today = datetime.now(UTC).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    monkeypatch.setattr(raw_tables, "_kept", lambda *_: (90, today))
    said = f"and the table was made anew on {today:%Y-%m-%d} 00:00: weeks that end after {today:%Y-%m-%d} 00:00 UTC"
    with pytest.raises(LostExtractError, match=said):
        loading.land(home, AS_OF)


def test_what_was_landed_is_used_once_time_travel_does_not_reach_it(shop, home, tmp_path):
    shop.fill(AS_OF, small(tmp_path))
    landed = loading.land(home, AS_OF)
    shop.execute("drop table events_at_20230111")
    again = loading.land(home, AS_OF)
    assert (again.outcome, again.extract_id) == ("source gone", landed.extract_id)


@pytest.fixture
def wait(home, monkeypatch) -> WaitForExtract:
    monkeypatch.setenv("GREENERY_HOME", str(home.home))
    monkeypatch.setenv("GREENERY_SOURCE", "snowflake")
    monkeypatch.setenv("GREENERY_SOURCE_DATABASE", home.source_database)
    monkeypatch.setenv("GREENERY_SOURCE_SCHEMA", "raw")
    monkeypatch.setenv("GREENERY_TARGET", "duckdb")
    return WaitForExtract(task_id="wait_for_extract")


def test_a_scheduled_run_waits_for_a_table_and_not_for_what_is_lost(wait, shop, home, tmp_path):
    assert wait.poke(run("scheduled")) is False
    assert "ORDERS: there is no such table" in wait.missing
    shop.fill(AS_OF, small(tmp_path))
    assert wait.poke(run("scheduled")) is True
    shop.execute("drop table users_at_20230111")
    with pytest.raises(AirflowFailException, match="Time Travel keeps 1 day"):
        wait.poke(run("scheduled"))
    shop.fill(AS_OF, small(tmp_path))
    loading.land(home, AS_OF)
    shop.execute("drop table users_at_20230111")
    assert wait.poke(run("manual")) is True


def test_a_week_that_has_not_ended_has_no_extract(shop, home, tmp_path):
    shop.fill(AS_OF, small(tmp_path))
    with pytest.raises(MissingExtractError, match="no extract for 2222-01-02: in Snowflake it is only 20"):
        loading.land(home, datetime(2222, 1, 2))


def test_a_table_that_is_not_there_is_named(shop, home, tmp_path):
    shop.fill(AS_OF, small(tmp_path))
    shop.execute("drop table promos_at_20230111", "drop table promos")
    with pytest.raises(ExtractError, match=r"RAW.PROMOS: there is no such table, or the role of greenery_warehouse"):
        loading.land(home, AS_OF)


def test_the_doctor_reads_the_tables(shop, home, tmp_path):
    newest = home.newest_week_end(datetime.now(UTC))
    shop.fill(newest, small(tmp_path))
    found = doctor._extracts(home)
    assert (found.state, found.says) == (
        "ok",
        f"{shop.database}.raw can be read; Time Travel lets a run be 1 day(s) late",
    )
    shop.execute("drop table events", f"drop table events_at_{newest:%Y%m%d}")
    assert doctor._extracts(home).state == "FIX"


def test_status_lists_the_weeks_that_can_be_run(shop, home, tmp_path):
    shop.fill(AS_OF, small(tmp_path))
    loading.land(home, AS_OF)
    with connect(home) as connection:
        weeks.write_list(home, connection)
    second = next(week for week in weeks.listed(home) if week.as_of == date(2023, 1, 18))
    assert second.states == ("not loaded",)
    assert finding.available(home) == ""


def test_the_settings_name_the_place(monkeypatch, tmp_path):
    monkeypatch.setenv("GREENERY_SOURCE", "snowflake")
    with pytest.raises(SettingError, match="needs GREENERY_SOURCE_DATABASE and GREENERY_SOURCE_SCHEMA"):
        load()
    monkeypatch.setenv("GREENERY_SOURCE_DATABASE", "shop")
    monkeypatch.setenv("GREENERY_SOURCE_SCHEMA", "raw")
    monkeypatch.setenv("GREENERY_SOURCE_NAMES", "orders=shop_orders, orders.order_id = id")
    found = load()
    assert (found.source_place, found.source_names) == ("shop.raw", {"orders": "shop_orders", "orders.order_id": "id"})
    monkeypatch.setenv("GREENERY_SOURCE_NAMES", "orders")
    with pytest.raises(SettingError, match="'orders' is no pair of names"):
        load()
    monkeypatch.setenv("GREENERY_SOURCE_NAMES", "orders=orders; drop table orders")
    with pytest.raises(SettingError, match="is no plain name"):
        load()


def test_a_dbt_snapshot_in_snowflake_is_imported_into_snowflake(shop, home):
    columns = ", ".join(f"{column.name} {column.type}" for column in importing.VERSIONS.columns)
    order = ", ".join(f"'{value}'" if value else "null" for value in ORDER.values())
    shop.execute(
        f"create table orders_snapshot ({columns})",
        f"insert into orders_snapshot select {order}, timestamp '2022-12-21', timestamp '2022-12-28'",
        f"insert into orders_snapshot select {order.replace('preparing', 'shipped')}, timestamp '2022-12-28', null",
    )
    on_snowflake = replace(home, target="snowflake")
    relation = f"{shop.database}.raw.orders_snapshot"
    found = importing.import_snapshot(on_snowflake, relation, None)
    assert (found.outcome, found.versions, found.instants) == ("imported", 2, 2)
    assert importing.import_snapshot(on_snowflake, relation, None).outcome == "unchanged"
    with connect(on_snowflake) as connection:
        states = rows(
            connection,
            "select as_of, extracts.state, orders.status, row_counts from landing.extracts as extracts "
            "inner join landing.orders as orders on extracts.extract_id = orders.extract_id order by as_of",
        )
        counted = [extract.row_counts["orders"] for extract in ledger.extracts(connection)]
    assert [(row["as_of"], row["state"], row["status"]) for row in states] == [
        (datetime(2022, 12, 21), "admitted", "preparing"),
        (datetime(2022, 12, 28), "admitted", "shipped"),
    ]
    assert counted == [1, 1]
    with pytest.raises(ExtractError, match="OTHER: there is no such table"):
        importing.import_snapshot(on_snowflake, f"{shop.database}.raw.other", None)
