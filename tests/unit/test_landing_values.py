"""What exports write for a value: it is read as what it means, or refused with row, column, value and remedy."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from greenery.landing.loading import land
from greenery.settings import Settings
from greenery.source.folders import ExtractError
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows

from tests.conftest import EVENT, ORDER, small_shop, write_extract

NO_TIME = "is not a time such as 2023-02-01T12:00:00Z, between the years 1900 and 9999"


@pytest.fixture
def folder(home: Settings) -> Path:
    return home.extracts / "2023-01-11"


def landed_order(home: Settings, folder: Path, as_of: datetime, **values: str) -> dict:
    write_extract(folder, {**small_shop(), "orders": [{**ORDER, **values}]})
    land(home, as_of)
    with connect(home) as connection:
        return rows(connection, "select * from landing.orders")[0]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2023-01-09 10:05:00.000 +0000", datetime(2023, 1, 9, 10, 5)),
        ("2023-01-09 10:05:00 UTC+05:30", datetime(2023, 1, 9, 4, 35)),
        ("2023-01-09 10:05:00 GMT", datetime(2023, 1, 9, 10, 5)),
        ("2023-01-09T10:05:00,5-08", datetime(2023, 1, 9, 18, 5, 0, 500000)),
        ("2023-01-09T10:05Z", datetime(2023, 1, 9, 10, 5)),
        ("20230109T100500Z", datetime(2023, 1, 9, 10, 5)),
        ("2023-01-09", datetime(2023, 1, 9)),
        ("2023-01-09 24:00:00", datetime(2023, 1, 10)),
        # The hour that is there twice in London: a time without zone is UTC.
        ("2023-10-29 01:30:00", datetime(2023, 10, 29, 1, 30)),
        ("9999-12-31 23:59:59", datetime(9999, 12, 31, 23, 59, 59)),
        ("1900-01-01 00:00:00", datetime(1900, 1, 1)),
        ("NULL", None),
        (r"\N", None),
        ("NaT", None),
        ("   ", None),
    ],
)
def test_times_that_are_read(home, folder, as_of, text, moment):
    assert landed_order(home, folder, as_of, delivered_at=text)["delivered_at"] == moment


ZONE = "write the offset from UTC instead of the zone's name, such as +01:00, or Z for UTC"
NUMBER = "write the date and the time of day instead of a number"
NO_SUCH = "there is no such time, correct the value"
TOO_LATE = "in UTC it is after the year 9999, write 9999-12-31T23:59:59Z"
LOST = "is not an id in full: it is a number that lost digits on its way"
PLAIN = "write digits and a decimal point only, without a currency sign or separators of thousands"


@pytest.mark.parametrize(
    ("column", "text", "expected", "remedy"),
    [
        ("created_at", "2023-01-09 10:05:00 BST", NO_TIME, ZONE),
        ("created_at", "2023-01-09 10:05:00 Europe/Berlin", NO_TIME, ZONE),
        ("created_at", "2023-01-09 10:05:00 EST5EDT", NO_TIME, ZONE),
        ("created_at", "2023-01-09 10:05:00 AM", NO_TIME, ZONE),
        ("created_at", "1673258700", NO_TIME, NUMBER),
        ("created_at", "1673258700000", NO_TIME, NUMBER),
        ("created_at", "44935.42", NO_TIME, NUMBER),
        ("created_at", "20230109", NO_TIME, NUMBER),
        ("created_at", "09/01/2023 10:05", NO_TIME, "correct the value"),
        ("created_at", "2023-01-09 24:00:01", NO_TIME, NO_SUCH),
        ("created_at", "2023-01-09 10:05:00+25:00", NO_TIME, "correct the value"),
        ("created_at", "2023-01-09+01:00", NO_TIME, "correct the value"),
        ("created_at", "9999-12-31 23:59:59-01:00", NO_TIME, TOO_LATE),
        ("created_at", "9999-12-31 24:00:00", NO_TIME, TOO_LATE),
        ("created_at", "9999-12-31T23:59:59-05:00", NO_TIME, TOO_LATE),
        ("created_at", "2023-02-30T10:00:00Z", NO_TIME, NO_SUCH),
        ("created_at", "2023-02-30 10:00:00 UTC", NO_TIME, NO_SUCH),
        ("created_at", "2023-02-28 10:61", NO_TIME, NO_SUCH),
        ("created_at", "1899-12-31 23:59:59", NO_TIME, "correct the value"),
        ("order_cost", "12,50", "is not an amount such as 12.50", PLAIN),
        ("order_cost", "1,234.50", "is not an amount such as 12.50", PLAIN),
        ("order_cost", "1_234.50", "is not an amount such as 12.50", PLAIN),
        ("order_cost", "1 234.50", "is not an amount such as 12.50", PLAIN),
        ("order_cost", "$12.50", "is not an amount such as 12.50", PLAIN),
        ("order_cost", "12.50 €", "is not an amount such as 12.50", PLAIN),
        ("order_cost", "1.2345E+3", "is not an amount such as 12.50", "correct the value"),
        ("order_cost", "true", "is not an amount such as 12.50", "correct the value"),
        ("order_cost", "NULL", "is not an amount such as 12.50", "correct the value"),
        ("order_cost", "1.234.567", "is not an amount such as 12.50", PLAIN),
        ("user_id", "1.23457E+15", LOST, "export the column as text"),
        ("user_id", "1,67326E+15", LOST, "export the column as text"),
        ("user_id", "2e+16", LOST, "export the column as text"),
        ("user_id", "1001,0", LOST, "export the column as text"),
    ],
)
def test_values_that_are_refused(home, folder, as_of, column, text, expected, remedy):
    write_extract(folder, {**small_shop(), "orders": [ORDER, {**ORDER, "order_id": "o2", column: text}]})
    with pytest.raises(ExtractError) as raised:
        land(home, as_of)
    assert str(raised.value) == (
        f"extract 2023-01-11, {folder}/orders.csv, row 2, column {column}: {text!r} {expected}: {remedy}."
    )
    with connect(home) as connection:
        assert rows(connection, "select * from landing.extracts") == []


@pytest.mark.parametrize(
    ("text", "amount"), [("12.50", "12.50"), (" 12.5 ", "12.50"), ("-3", "-3.00"), (".5", "0.50"), ("3.55e-15", "0.00")]
)
def test_amounts_that_are_read(home, folder, as_of, text, amount):
    assert str(landed_order(home, folder, as_of, order_cost=text)["order_cost"]) == amount


@pytest.mark.parametrize(
    "text",
    [
        "007",
        "1e5",
        "12345e67",
        "-1",
        "1001.5",
        "true",
        "N",
        "nullable",
        " o1",
        "0",
        "unknown",
        "93e-1673258700123",
        "23E-0417",
        "12E-3",
        "5e-12",
        "1.5e3",
    ],
)
def test_ids_that_stay_as_they_are(home, folder, as_of, text):
    assert landed_order(home, folder, as_of, user_id=text)["user_id"] == text


@pytest.mark.parametrize(
    "text",
    [
        "NULL",
        "null",
        r"\N",
        "NaN",
        "nan",
        "None",
        "none",
        "<NA>",
        "undefined",
        "  ",
        "-",
        "-1",
        "0",
        "0.0",
        "unknown",
        "Unknown",
        "(not set)",
        "nil",
        "\u00a0",
        " \u200b",
        "\ufeff",
        "00000000-0000-0000-0000-000000000000",
    ],
)
def test_texts_that_say_that_there_is_no_id(home, folder, as_of, text):
    events = [EVENT, {**EVENT, "event_id": "e2", "session_id": text}, {**EVENT, "event_id": "e3", "session_id": text}]
    write_extract(folder, {**small_shop(), "events": events})
    landed = land(home, as_of)
    assert landed.warnings == [
        f"events.csv: 2 value(s) of session_id, such as {text!r}, were read as empty",
        "events.csv: 2 event(s) without a session_id: they count in no session",
    ]
    with connect(home) as connection:
        found = connection.execute("select event_id, session_id from landing.events order by all").fetchall()
    assert found == [("e1", "s1"), ("e2", None), ("e3", None)]


def test_texts_that_say_that_there_is_no_value_are_counted_by_column(home, folder, as_of):
    orders = [
        {**ORDER, "order_id": "o2", "promo_id": "None", "delivered_at": "NULL"},
        {**ORDER, "order_id": "o3", "promo_id": "nan"},
    ]
    write_extract(folder, {**small_shop(), "orders": [ORDER, *orders]})
    assert land(home, as_of).warnings == [
        "orders.csv: 2 value(s) of promo_id, such as 'None', were read as empty",
        "orders.csv: 1 value(s) of delivered_at, such as 'NULL', were read as empty",
    ]


@pytest.mark.parametrize("text", ["NULL", r"\N", "NaN", "nan", "None", "<NA>"])
def test_each_of_them_is_empty_in_every_id_and_time(home, folder, as_of, text):
    columns = ("promo_id", "tracking_id", "estimated_delivery_at", "delivered_at")
    orders = [{**ORDER, "order_id": order, **dict.fromkeys(columns, text)} for order in ("o2", "o3")]
    write_extract(folder, {**small_shop(), "orders": [ORDER, *orders]})
    assert land(home, as_of).warnings == [
        f"orders.csv: 2 value(s) of {column}, such as {text!r}, were read as empty" for column in columns
    ]
    with connect(home) as connection:
        found = rows(connection, f"select {', '.join(columns)} from landing.orders where order_id <> 'o1'")
    assert found == [dict.fromkeys(columns)] * 2


@pytest.mark.parametrize("text", [r"\N", "  "])
def test_a_key_that_is_empty_is_refused(home, folder, as_of, text):
    write_extract(folder, {**small_shop(), "orders": [ORDER, {**ORDER, "order_id": text}]})
    with pytest.raises(ExtractError) as raised:
        land(home, as_of)
    assert str(raised.value) == (
        f"extract 2023-01-11, {folder}/orders.csv, row 2, column order_id: the key is empty ({text!r}): every row of "
        "orders needs one."
    )


@pytest.mark.parametrize("column", ["order_id", "product_id"])
def test_a_key_of_several_columns_needs_each(home, folder, as_of, column):
    shop = small_shop()
    shop["order_items"][0][column] = "NULL"
    write_extract(folder, shop)
    with pytest.raises(ExtractError, match=rf"row 1, column {column}: the key is empty \('NULL'\): every row of "):
        land(home, as_of)


@pytest.mark.parametrize("text", ["NONE", "nat", "N/A"])
def test_a_promo_may_be_called_none(home, folder, as_of, text):
    shop = small_shop()
    shop["promos"][0]["promo_id"] = text
    shop["orders"] = [{**ORDER, "promo_id": text}, {**ORDER, "order_id": "o2", "promo_id": "null"}]
    write_extract(folder, shop)
    assert land(home, as_of).warnings == ["orders.csv: 1 value(s) of promo_id, such as 'null', were read as empty"]
    with connect(home) as connection:
        assert connection.execute("select promo_id from landing.promos").fetchall() == [(text,)]
        found = connection.execute("select order_id, promo_id from landing.orders order by all").fetchall()
    assert found == [("o1", text), ("o2", None)]


@pytest.mark.parametrize(
    ("table", "column", "text"),
    [
        ("addresses", "state", "NULL"),
        ("addresses", "country", "null"),
        ("orders", "shipping_service", "NULL"),
        ("orders", "order_cost", r"\N"),
        ("products", "inventory", r"\N"),
        ("products", "name", r"\N"),
        ("events", "page_url", r"\N"),
    ],
)
def test_null_of_a_database_dump_is_no_value(home, folder, as_of, table, column, text):
    shop = small_shop()
    shop[table][0][column] = text
    write_extract(folder, shop)
    assert f"{table}.csv: 1 value(s) of {column}, such as {text!r}, were read as empty" in land(home, as_of).warnings
    with connect(home) as connection:
        found = connection.execute(f"select count(*) from landing.{table} where {column} is null").fetchall()
    assert found == [(1,)]


@pytest.mark.parametrize("text", ["1.000", "1.250", "12.345.678"])
def test_a_count_with_separators_of_thousands_is_refused(home, folder, as_of, text):
    shop = small_shop()
    shop["products"][0]["inventory"] = text
    write_extract(folder, shop)
    with pytest.raises(ExtractError) as raised:
        land(home, as_of)
    assert str(raised.value) == (
        f"extract 2023-01-11, {folder}/products.csv, row 1, column inventory: {text!r} is not a whole number: write "
        "digits only, without separators of thousands and without a fraction."
    )


def prices(*texts: str) -> dict[str, list[dict]]:
    shop = small_shop()
    product = shop["products"][0]
    more = [{**product, "product_id": f"more {number}", "price": text} for number, text in enumerate(texts)]
    return {**shop, "products": [{**product, "price": "5"}, *more]}


@pytest.mark.parametrize("texts", [("1.250", "2.000"), ("2.000", "12.500"), ("1.255", "2.5"), ("1.255", "0.125")])
def test_thousandths_are_read_where_the_column_shows_that_the_point_is_decimal(home, folder, as_of, texts):
    write_extract(folder, prices(*texts))
    land(home, as_of)
    with connect(home) as connection:
        found = connection.execute("select sum(price) from landing.products").fetchall()[0][0]
    assert found == 5 + sum(Decimal(text).quantize(Decimal("0.01"), ROUND_HALF_UP) for text in texts)


def test_fractions_that_may_be_thousands_are_refused(home, folder, as_of):
    write_extract(folder, prices("1.250", "1.255"))
    with pytest.raises(ExtractError) as raised:
        land(home, as_of)
    assert str(raised.value) == (
        f"extract 2023-01-11, {folder}/products.csv, row 3, column price: '1.255' may be thousands or thousandths, "
        "like all fractions of the column: write amounts with two digits after the decimal point."
    )


def test_names_that_look_like_no_value_are_kept(home, folder, as_of):
    shop = small_shop()
    shop["products"][0]["name"] = "None"
    shop["addresses"][0]["state"] = "NaN"
    write_extract(folder, shop)
    assert land(home, as_of).warnings == []
    with connect(home) as connection:
        assert rows(connection, "select name, state from landing.products, landing.addresses") == [
            {"name": "None", "state": "NaN"}
        ]
