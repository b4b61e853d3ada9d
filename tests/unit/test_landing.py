"""Every row of the validation table: what arrives, what is said, and that nothing is half landed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from greenery.landing import ledger
from greenery.landing.loading import land
from greenery.settings import SettingError, Settings
from greenery.source import folders
from greenery.source.folders import ExtractError, MissingExtractError
from greenery.source.tables import TABLES
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows

from tests.conftest import EVENT, ORDER, small_shop, write_extract

NEXT = datetime(2023, 1, 18)


@pytest.fixture
def folder(home: Settings) -> Path:
    return home.extracts / "2023-01-11"


def content(home: Settings) -> dict[str, list]:
    """Return all that is landed, table by table."""
    with connect(home) as connection:
        names = ("extracts", *(table.name for table in TABLES))
        return {name: connection.execute(f"select * from landing.{name} order by all").fetchall() for name in names}


def refused(home: Settings, as_of: datetime, **parameters: bool) -> str:
    """Land what must be refused; return the message after showing that the warehouse is as it was."""
    before = content(home)
    with pytest.raises(ExtractError) as raised:
        land(home, as_of, **parameters)
    assert content(home) == before
    return str(raised.value)


def test_a_good_extract_is_landed_with_typed_values(home, folder, as_of):
    write_extract(folder, small_shop())
    landed = land(home, as_of)
    assert (landed.outcome, landed.warnings, landed.rows["events"]) == ("landed", [], 3)
    with connect(home) as connection:
        order = rows(connection, "select * from landing.orders")[0]
        address = rows(connection, "select * from landing.addresses")[0]
        extract = ledger.newest(connection, as_of)
    assert order["created_at"] == datetime(2023, 1, 9, 10, 5)
    assert str(order["order_total"]) == "25.00"
    assert order["promo_id"] is None
    assert address["zipcode"] == "02134"
    assert extract.state == "landed"


def test_personal_data_is_never_landed(home, folder, as_of):
    write_extract(folder, small_shop())
    land(home, as_of)
    with connect(home) as connection:
        found = {row["column_name"] for row in rows(connection, "select column_name from information_schema.columns")}
    assert not found & {"first_name", "last_name", "email", "phone_number", "address"}
    assert b"Fern Street" not in home.warehouse.read_bytes()


def test_times_with_an_offset_are_landed_in_utc(home, folder, as_of):
    shop = small_shop()
    shop["orders"] = [{**ORDER, "created_at": "2023-01-09T12:05:00+02:00"}]
    write_extract(folder, shop)
    land(home, as_of)
    with connect(home) as connection:
        assert rows(connection, "select created_at from landing.orders")[0]["created_at"] == datetime(2023, 1, 9, 10, 5)


def test_parquet_gives_the_same_extract_as_csv(home, folder, as_of, tmp_path):
    write_extract(folder, small_shop())
    from_csv = land(home, as_of)
    other = Settings(home=tmp_path / "other", extracts=tmp_path / "parquet")
    target = other.extracts / "2023-01-11"
    target.mkdir(parents=True)
    for table in TABLES:
        types = ", ".join(
            f"cast({column.name} as {column.type.replace('DECIMAL(18,2)', 'DOUBLE')}) as {column.name}"
            for column in table.columns
        )
        duckdb.sql(
            f"set TimeZone = 'UTC'; copy (select {types} from read_csv('{folder / table.name}.csv', "
            f"all_varchar = true, header = true)) to '{target / table.name}.parquet' (format parquet)"
        )
    assert land(other, as_of).extract_id == from_csv.extract_id


def test_missing_extract(home, as_of):
    with pytest.raises(MissingExtractError) as raised:
        land(home, as_of)
    assert str(raised.value) == (
        f"no extract for 2023-01-11: expected {home.extracts}/2023-01-11 with orders, order_items, events, users, "
        "addresses, products, promos as .csv or .parquet. Put it there, or point GREENERY_EXTRACTS (EXTRACTS= for "
        "make) at the right folder."
    )


def test_missing_file(home, folder, as_of):
    write_extract(folder, small_shop())
    (folder / "promos.csv").unlink()
    assert refused(home, as_of) == (
        f"extract 2023-01-11, table promos: {folder}/promos.csv or .parquet is missing: add it."
    )


def test_a_table_in_both_formats(home, folder, as_of):
    write_extract(folder, small_shop())
    (folder / "promos.parquet").write_bytes(b"")
    assert refused(home, as_of) == (
        f"extract 2023-01-11, table promos: {folder}/promos.csv or .parquet are both there: keep one."
    )


def test_unreadable_file(home, folder, as_of):
    write_extract(folder, small_shop())
    (folder / "promos.csv").write_text('promo_id,discount,status\n"spring,2,active\n')
    message = refused(home, as_of)
    assert message.startswith(f"extract 2023-01-11, {folder}/promos.csv: can't be read (")
    assert "CSV Error on Line: 2, Value with unterminated quote found." in message
    assert message.endswith("): export the file again.")


def test_unreadable_parquet(home, folder, as_of):
    write_extract(folder, small_shop())
    (folder / "promos.csv").unlink()
    (folder / "promos.parquet").write_bytes(b"no parquet")
    assert refused(home, as_of).startswith(f"extract 2023-01-11, {folder}/promos.parquet: can't be read (")


def test_empty_file(home, folder, as_of):
    write_extract(folder, small_shop())
    (folder / "promos.csv").write_text("")
    assert refused(home, as_of) == (
        f"extract 2023-01-11, {folder}/promos.csv: it names no column of promos; expected promo_id, discount, status. "
        "Check that it is the right file. A CSV file has to begin with the names of its columns."
    )


def test_missing_column(home, folder, as_of):
    shop = small_shop()
    del shop["users"][0]["email"]
    write_extract(folder, shop)
    assert refused(home, as_of) == (
        f"extract 2023-01-11, {folder}/users.csv: column email is missing; expected user_id, first_name, last_name, "
        "email, phone_number, created_at, updated_at, address_id. Add it to the file."
    )


NO_TIME = "a time such as 2023-02-01T12:00:00Z, between the years 1900 and 9999"


@pytest.mark.parametrize(
    ("column", "value", "expected", "remedy"),
    [
        ("created_at", "yesterday", NO_TIME, "correct the value"),
        ("created_at", "infinity", NO_TIME, "correct the value"),
        ("delivered_at", "2023-02-30", NO_TIME, "there is no such time, correct the value"),
        ("order_cost", "ten", "an amount such as 12.50", "correct the value"),
        ("order_cost", "NaN", "an amount such as 12.50", "correct the value"),
    ],
)
def test_value_of_the_wrong_type(home, folder, as_of, column, value, expected, remedy):
    shop = small_shop()
    shop["orders"] += [{**ORDER, "order_id": "o2", column: value}]
    write_extract(folder, shop)
    assert refused(home, as_of) == (
        f"extract 2023-01-11, {folder}/orders.csv, row 2, column {column}: {value!r} is not {expected}: {remedy}."
    )


@pytest.mark.parametrize("value", ["2.5", "many", "1e99"])
def test_quantity_is_a_whole_number(home, folder, as_of, value):
    shop = small_shop()
    shop["order_items"][0]["quantity"] = value
    write_extract(folder, shop)
    assert refused(home, as_of) == (
        f"extract 2023-01-11, {folder}/order_items.csv, row 1, column quantity: {value!r} is not a whole number: "
        "correct the value."
    )


def test_empty_key(home, folder, as_of):
    shop = small_shop()
    shop["orders"] += [{**ORDER, "order_id": ""}]
    write_extract(folder, shop)
    assert refused(home, as_of) == (
        f"extract 2023-01-11, {folder}/orders.csv, row 2, column order_id: the key is empty: "
        "every row of orders needs one."
    )


def test_unknown_column_is_named_and_not_landed(home, folder, as_of):
    shop = small_shop()
    shop["orders"][0]["Gift Note"] = "for you"
    write_extract(folder, shop)
    assert land(home, as_of).warnings == ["orders.csv: unknown column 'gift note' was not landed"]
    assert "gift note" not in str(content(home)["orders"])


def test_unknown_status_and_event_type_land_with_a_warning(home, folder, as_of):
    shop = small_shop()
    shop["orders"] += [{**ORDER, "order_id": "o2", "status": "lost"}]
    shop["events"] += [{**EVENT, "event_id": "e9", "event_type": "wishlist"}]
    write_extract(folder, shop)
    landed = land(home, as_of)
    assert landed.rows["orders"] == 2
    assert landed.warnings == [
        "orders.csv: 1 row(s) with the unknown status 'lost'",
        "events.csv: 1 row(s) with the unknown event_type 'wishlist'",
    ]


def test_empty_required_value_lands_with_a_warning(home, folder, as_of):
    shop = small_shop()
    shop["orders"] += [{**ORDER, "order_id": "o2", "user_id": ""}]
    write_extract(folder, shop)
    assert land(home, as_of).warnings == ["orders.csv: 1 row(s) with an empty user_id"]


def test_identical_rows_are_collapsed(home, folder, as_of):
    shop = small_shop()
    shop["orders"] = [ORDER, ORDER, {**ORDER, "order_cost": "20"}]
    write_extract(folder, shop)
    assert land(home, as_of).rows["orders"] == 1


def test_one_key_with_different_content(home, folder, as_of):
    shop = small_shop()
    shop["orders"] = [
        {**ORDER, "order_id": f"o{number}", "status": status}
        for number in range(7)
        for status in ("preparing", "shipped")
    ]
    write_extract(folder, shop)
    assert refused(home, as_of) == (
        f"extract 2023-01-11, {folder}/orders.csv: 7 value(s) of the key (order_id) have rows with different content: "
        "o0; o1; o2; o3; o4 and 2 more. Keep one row for each."
    )


def test_one_key_that_differs_in_personal_data_alone(home, folder, as_of):
    shop = small_shop()
    shop["users"] += [{**shop["users"][0], "email": "other@example.com"}]
    write_extract(folder, shop)
    assert "1 value(s) of the key (user_id)" in refused(home, as_of)


def orders_and_events(numbers: range) -> dict[str, list[dict]]:
    shop = small_shop()
    shop["orders"] = [{**ORDER, "order_id": f"o{number}"} for number in numbers]
    shop["events"] = [{**EVENT, "event_id": f"e{number}", "session_id": f"s{number}"} for number in numbers]
    return shop


def test_more_than_half_of_the_orders_gone(home, folder, as_of):
    write_extract(folder, orders_and_events(range(10)))
    land(home, as_of)
    later = home.extracts / "2023-01-18"
    write_extract(later, {**orders_and_events(range(10)), "orders": orders_and_events(range(4))["orders"]})
    assert refused(home, NEXT) == (
        f"extract 2023-01-18, {later}/orders.csv: the file lacks 6 of 10 order_ids of the extract 2023-01-11, more "
        'than half. If the shop really shrank, run the week with {"accept_shrink": true}. If not, export the '
        "table again."
    )
    landed = land(home, NEXT, accept_shrink=True)
    assert landed.warnings == ["accepted: orders.csv lacks 6 of 10 order_ids of the extract 2023-01-11"]
    with connect(home) as connection:
        assert ledger.newest(connection, NEXT).accept_shrink is True


def test_half_of_the_orders_gone_is_no_shrink(home, folder, as_of):
    write_extract(folder, orders_and_events(range(10)))
    land(home, as_of)
    write_extract(
        home.extracts / "2023-01-18", {**orders_and_events(range(10)), "orders": orders_and_events(range(5))["orders"]}
    )
    assert land(home, NEXT).outcome == "landed"


def test_events_gone_before_the_window_are_no_shrink(home, folder, as_of):
    write_extract(folder, orders_and_events(range(10)))
    land(home, as_of)
    later = write_extract(home.extracts / "2023-01-18", {**orders_and_events(range(10)), "events": []})
    assert "10 of 10 event_ids" in refused(home, NEXT)
    (later / "_extract.json").write_text(json.dumps({"events_since": "2023-01-11T00:00:00Z"}))
    assert land(home, NEXT).warnings == []


def test_a_late_extract_names_the_successor_that_now_looks_shrunk(home, folder, as_of):
    write_extract(home.extracts / "2023-01-18", orders_and_events(range(4)))
    land(home, NEXT)
    write_extract(folder, orders_and_events(range(10)))
    assert land(home, as_of).warnings == [
        "the later extract 2023-01-18 now looks shrunk: it lacks 6 of 10 order_ids of this extract",
        "the later extract 2023-01-18 now looks shrunk: it lacks 6 of 10 event_ids of this extract",
    ]


def test_a_held_extract_is_no_predecessor(home, folder, as_of):
    write_extract(folder, orders_and_events(range(10)))
    held = land(home, as_of)
    with connect(home) as connection:
        ledger.hold(connection, held.extract_id, "bad")
    write_extract(home.extracts / "2023-01-18", orders_and_events(range(3)))
    assert land(home, NEXT).outcome == "landed"


def test_landing_again_with_equal_content_does_nothing(home, folder, as_of):
    shop = orders_and_events(range(3))
    write_extract(folder, shop)
    land(home, as_of)
    before = content(home)
    write_extract(folder, {name: list(reversed(rows)) for name, rows in shop.items()})
    assert land(home, as_of).outcome == "unchanged"
    assert content(home) == before


def test_other_content_is_refused_without_reextract(home, folder, as_of):
    write_extract(folder, orders_and_events(range(3)))
    first = land(home, as_of)
    write_extract(folder, {**orders_and_events(range(3)), "promos": []})
    assert refused(home, as_of) == (
        f"extract 2023-01-11: the files in {folder} differ from the landed extract (promos: 0 row(s) new or changed, "
        '1 gone or changed). If the new files are right, run the week with {"reextract": true}. '
        "If not, restore the old ones."
    )
    second = land(home, as_of, reextract=True)
    assert second.extract_id != first.extract_id
    with connect(home) as connection:
        assert [row.extract_id for row in ledger.extracts(connection)] == [second.extract_id]


def test_a_correction_that_no_build_took_up_can_be_taken_back(home, folder, as_of):
    write_extract(folder, small_shop())
    first = land(home, as_of)
    with connect(home) as connection:
        ledger.admit(connection, first.extract_id)
    write_extract(folder, {**small_shop(), "promos": []})
    assert land(home, as_of, reextract=True).outcome == "landed"
    write_extract(folder, small_shop())
    again = land(home, as_of, reextract=True)
    assert (again.outcome, again.extract_id) == ("unchanged", first.extract_id)
    with connect(home) as connection:
        assert [(row.extract_id, row.state) for row in ledger.extracts(connection)] == [(first.extract_id, "admitted")]


def test_what_was_landed_is_used_when_the_source_is_gone(home, folder, as_of):
    write_extract(folder, small_shop())
    landed = land(home, as_of)
    folder.rename(folder.with_name("moved away"))
    again = land(home, as_of)
    assert (again.outcome, again.extract_id) == ("source gone", landed.extract_id)


def test_folders_that_are_no_week_are_ignored_with_a_line(home, folder):
    write_extract(folder, small_shop())
    for name in ("2023-01-12", "notes", "2023-02-31"):
        (home.extracts / name).mkdir()
    assert folders.ignored_folders(home) == [
        f"ignored {home.extracts}/2023-01-12: Thursday ends no week, weeks end on Wednesday",
        f"ignored {home.extracts}/2023-02-31: the name is not a date (YYYY-MM-DD)",
        f"ignored {home.extracts}/notes: the name is not a date (YYYY-MM-DD)",
    ]


def test_an_as_of_that_ends_no_week(home):
    with pytest.raises(SettingError, match=r"2023-01-12 00:00 UTC does not end a week: weeks end on Wednesday"):
        land(home, datetime(2023, 1, 12))


def test_the_weekday_is_fixed_by_the_first_landing(home, folder, as_of):
    write_extract(folder, small_shop())
    land(home, as_of)
    thursday = Settings(home=home.home, extracts=home.extracts, week_ends_on=3)
    with pytest.raises(ExtractError, match=r"weeks end on wednesday in .*, because its first extract"):
        land(thursday, datetime(2023, 1, 12))


def test_content_that_was_hashed_in_another_way_is_the_same(home, folder, as_of):
    write_extract(folder, small_shop())
    first = land(home, as_of)
    with connect(home) as connection:
        connection.execute("update landing.extracts set content_hash = 'of an earlier version'")
    again = land(home, as_of)
    assert (again.outcome, again.extract_id) == ("unchanged", first.extract_id)


def test_another_window_alone_is_other_content(home, folder, as_of):
    write_extract(folder, small_shop())
    land(home, as_of)
    (folder / "_extract.json").write_text(json.dumps({"events_since": "2022-12-01T00:00:00Z"}))
    assert "differ from the landed extract (events_since has changed)" in refused(home, as_of)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"events_since": "soon"}', '{"events_since": 5}', '{"events_since": "0001-01-01T00:00:00+05:00"}'],
)
def test_spoiled_extract_json(home, folder, as_of, text):
    write_extract(folder, small_shop())
    (folder / "_extract.json").write_text(text)
    assert f"{folder}/_extract.json: not readable as" in refused(home, as_of)


def test_a_folder_in_place_of_extract_json(home, folder, as_of):
    write_extract(folder, small_shop())
    (folder / "_extract.json").mkdir()
    assert f"{folder}/_extract.json: not readable as" in refused(home, as_of)


def test_an_unknown_key_of_extract_json(home, folder, as_of):
    write_extract(folder, small_shop())
    (folder / "_extract.json").write_text('{"event_since": "2023-01-01T00:00:00Z"}')
    assert refused(home, as_of) == (
        f"{folder}/_extract.json: unknown key event_since: write events_since, or remove it."
    )


def test_a_window_that_begins_after_the_extract(home, folder, as_of):
    write_extract(folder, small_shop())
    (folder / "_extract.json").write_text('{"events_since": "2023-01-11T01:00:00+00:00"}')
    assert refused(home, as_of) == (
        f"{folder}/_extract.json: events_since is 2023-01-11 01:00:00, after the extract's day 2023-01-11: write the "
        "time from which the file has all events."
    )


def test_extract_json_with_a_byte_order_mark(home, folder, as_of):
    write_extract(folder, small_shop())
    (folder / "_extract.json").write_text('{"events_since": "2023-01-01T00:00:00Z"}', encoding="utf-8-sig")
    land(home, as_of)
    with connect(home) as connection:
        assert ledger.newest(connection, as_of).events_since == datetime(2023, 1, 1)


def test_a_kill_in_the_middle_leaves_nothing(home, folder, as_of):
    write_extract(folder, small_shop())
    script = f"""
import os, signal
from datetime import datetime
from pathlib import Path
from greenery.landing import loading
from greenery.settings import Settings

offered = loading.offered_rows

def killed_at_products(table):
    # The rows of the tables before are inserted by now, within the transaction.
    if table.name == "products" and inserting:
        os.kill(os.getpid(), signal.SIGKILL)
    return offered(table)

inserting = []
forget = loading.ledger.forget
loading.offered_rows = killed_at_products
loading.ledger.forget = lambda *arguments: (inserting.append(True), forget(*arguments))
loading.land(Settings(home=Path({str(home.home)!r}), extracts=Path({str(home.extracts)!r})), datetime(2023, 1, 11))
"""
    killed = subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": "include", "PATH": ""}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not any(content(home).values())
    assert list(home.home.glob(".landing-*"))
    assert land(home, as_of).outcome == "landed"
    assert not list(home.home.glob(".landing-*"))
