"""The same shop in the forms that exports have: each lands as the same extract, or is refused with what to do."""

from __future__ import annotations

import gzip
import shutil
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from greenery.landing.loading import Landing, land
from greenery.settings import Settings
from greenery.source.folders import ExtractError
from greenery.source.tables import TABLES, Table
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows

from tests.conftest import EVENT, ORDER, small_shop, write_extract

TABLE = {table.name: table for table in TABLES}


@pytest.fixture
def folder(home: Settings) -> Path:
    return write_extract(home.extracts / "2023-01-11", small_shop())


def landed_as(home: Settings, as_of: datetime, tmp_path: Path, shop: dict[str, list[dict]]) -> Landing:
    """Land the shop from plain CSV files in a home of its own."""
    plain = Settings(home=tmp_path / "plain", extracts=tmp_path / "plain extracts")
    write_extract(plain.extracts / f"{as_of:%Y-%m-%d}", shop)
    return land(plain, as_of)


def to_parquet(folder: Path, table: Table, cast, *more: str) -> Path:
    """Replace a table's CSV file by a Parquet file; `cast` gives the type of each column, `more` further columns."""
    columns = [f"cast({column.name} as {cast(column)}) as {column.name}" for column in table.columns]
    file, target = folder / f"{table.name}.csv", folder / f"{table.name}.parquet"
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(
            f"copy (select {', '.join([*columns, *more])} from read_csv('{file}', all_varchar = true, header = true, "
            f"delim = ',', nullstr = '', hive_partitioning = false)) to '{target}' (format parquet)"
        )
    file.unlink()
    return target


def refused(home: Settings, as_of: datetime) -> str:
    with pytest.raises(ExtractError) as raised:
        land(home, as_of)
    with connect(home) as connection:
        assert rows(connection, "select * from landing.extracts") == []
    return str(raised.value)


def with_ids(shop: dict[str, list[dict]], id_of) -> dict[str, list[dict]]:
    """Return the shop with other ids: `id_of` gives the text for the numbers from 1."""
    ids: dict[str, str] = {}

    def other(value: str) -> str:
        return ids.setdefault(value, id_of(len(ids) + 1)) if value else value

    return {
        name: [{key: other(value) if key.endswith("_id") else value for key, value in row.items()} for row in rows]
        for name, rows in shop.items()
    }


@pytest.mark.parametrize(
    ("type", "id_of"),
    [
        ("bigint", "{}".format),
        ("uinteger", "{}".format),
        ("decimal(20, 2)", "{}".format),
        ("decimal(38, 0)", lambda number: str(10**30 + number)),
        ("double", lambda number: str(2**53 - number)),
        ("float", lambda number: str(2**24 - number)),
        ("uuid", lambda number: f"8329a65b-7ddf-4250-aeee-{number:012d}"),
        ("date", lambda number: f"2022-12-{number:02d}"),
        ("blob", "id-{}".format),
        ("enum", "id-{}".format),
    ],
)
def test_ids_of_any_type_land_as_the_text_of_a_csv_file(home, as_of, tmp_path, type, id_of):
    shop = with_ids(small_shop(), id_of)
    folder = write_extract(home.extracts / "2023-01-11", shop)
    values = sorted(
        {value for rows in shop.values() for row in rows for key, value in row.items() if key[-3:] == "_id"}
    )
    name = f"enum ({', '.join(repr(value) for value in values if value)})" if type == "enum" else type
    for table in TABLES:
        to_parquet(folder, table, lambda column: name if column.name.endswith("_id") else "varchar")
    assert land(home, as_of).model_dump(exclude={"warnings"}) == landed_as(home, as_of, tmp_path, shop).model_dump(
        exclude={"warnings"}
    )


def test_values_of_any_type_land_as_the_values_of_a_csv_file(home, as_of, folder, tmp_path):
    types = {"TIMESTAMP": "timestamptz", "DECIMAL(18,2)": "double", "BIGINT": "double"}
    for table in TABLES:
        to_parquet(folder, table, lambda column: types.get(column.type, "varchar"))
    assert land(home, as_of).extract_id == landed_as(home, as_of, tmp_path, small_shop()).extract_id


@pytest.mark.parametrize(
    ("table", "column", "expected"),
    [
        ("orders", "order_cost", "an amount such as 12.50"),
        ("products", "inventory", "a whole number"),
        ("events", "created_at", "a time such as 2023-02-01T12:00:00Z, between the years 1900 and 9999"),
    ],
)
def test_a_truth_value_is_no_number_and_no_time(home, as_of, table, column, expected):
    shop = small_shop()
    shop[table][0][column] = "true"
    shop[table][1:] = []
    folder = write_extract(home.extracts / "2023-01-11", shop)
    to_parquet(folder, TABLE[table], lambda found: "boolean" if found.name == column else "varchar")
    assert refused(home, as_of) == (
        f"extract 2023-01-11, {folder}/{table}.parquet, row 1, column {column}: 'true' is not {expected}: correct the "
        "value."
    )


def test_a_truth_value_in_a_column_of_texts_is_its_word(home, as_of, tmp_path):
    shop = small_shop()
    shop["addresses"][0]["state"] = "false"
    folder = write_extract(home.extracts / "2023-01-11", shop)
    to_parquet(folder, TABLE["addresses"], lambda column: "boolean" if column.name == "state" else "varchar")
    assert land(home, as_of).extract_id == landed_as(home, as_of, tmp_path, shop).extract_id


@pytest.mark.parametrize("type", ["double", "decimal(18, 3)"])
def test_a_number_with_three_digits_after_the_point_is_no_text_of_thousands(home, as_of, type):
    shop = small_shop()
    shop["products"][0]["price"] = "12.345"
    folder = write_extract(home.extracts / "2023-01-11", shop)
    to_parquet(folder, TABLE["products"], lambda column: type if column.name == "price" else "varchar")
    land(home, as_of)
    with connect(home) as connection:
        assert str(connection.execute("select price from landing.products").fetchall()[0][0]) == "12.35"


@pytest.mark.parametrize("type", ["double", "float"])
def test_whole_numbers_as_texts_have_no_fraction(home, as_of, type):
    shop = small_shop()
    shop["addresses"][0]["state"] = "7"
    folder = write_extract(home.extracts / "2023-01-11", shop)
    to_parquet(folder, TABLE["addresses"], lambda column: type if column.name == "state" else "varchar")
    land(home, as_of)
    with connect(home) as connection:
        assert connection.execute("select state from landing.addresses").fetchall() == [("7",)]


@pytest.mark.parametrize("type", ["timestamp_s", "timestamp_ms", "timestamp_ns", "date"])
def test_times_of_any_type(home, as_of, tmp_path, type):
    shop = small_shop()
    for name, column in ((table.name, column.name) for table in TABLES for column in table.columns):
        if column.endswith("_at"):
            shop[name] = [{**row, column: row[column] and "2023-01-09T00:00:00Z"} for row in shop[name]]
    folder = write_extract(home.extracts / "2023-01-11", shop)
    for table in TABLES:
        to_parquet(folder, table, lambda column: type if column.type == "TIMESTAMP" else "varchar")
    assert land(home, as_of).extract_id == landed_as(home, as_of, tmp_path, shop).extract_id


def test_ids_with_a_fraction_of_zero_are_those_without(home, as_of, tmp_path):
    plain = with_ids(small_shop(), "{}".format)
    written = {**plain, "orders": [{**row, "user_id": f"{row['user_id']}.0"} for row in plain["orders"]]}
    write_extract(home.extracts / "2023-01-11", written)
    assert land(home, as_of).extract_id == landed_as(home, as_of, tmp_path, plain).extract_id


@pytest.mark.parametrize("type", ["double", "float"])
def test_ids_that_lost_digits_as_numbers_are_refused(home, as_of, type):
    first_lost = {"double": 2**53, "float": 2**24}[type]
    folder = write_extract(home.extracts / "2023-01-11", with_ids(small_shop(), lambda n: str(first_lost + n)))
    to_parquet(folder, TABLE["users"], lambda column: type if column.name == "user_id" else "varchar")
    message = refused(home, as_of)
    assert f"{folder}/users.parquet, row 1, column user_id: '" in message
    assert "' is not an id in full: it is a number that lost digits on its way: export the column as text." in message


def test_empty_text_is_no_value_in_every_format(home, as_of, folder, tmp_path):
    for table in TABLES:
        to_parquet(folder, table, lambda column: "varchar")
    for table in TABLES:
        source = folder / f"{table.name}.parquet"
        values = ", ".join(f"coalesce({column.name}, '') as {column.name}" for column in table.columns)
        duckdb.sql(f"copy (select {values} from '{source}') to '{folder}/{table.name}.new' (format parquet)")
        (folder / f"{table.name}.new").rename(source)
    assert land(home, as_of).extract_id == landed_as(home, as_of, tmp_path, small_shop()).extract_id


def test_bytes_are_text_in_utf8(home, as_of, folder):
    shop = small_shop()
    shop["products"][0]["name"] = "Ficus Öl"
    write_extract(folder, shop)
    source = folder / "products.csv"
    select = f"select * replace (encode(name) as name) from read_csv('{source}', all_varchar = true)"
    duckdb.sql(f"copy ({select}) to '{folder}/products.parquet' (format parquet)")
    source.unlink()
    land(home, as_of)
    with connect(home) as connection:
        assert rows(connection, "select name from landing.products") == [{"name": "Ficus Öl"}]


def test_bytes_that_are_no_text_are_refused(home, as_of, folder):
    source = folder / "products.csv"
    good = f"select * replace (encode(name) as name) from read_csv('{source}', all_varchar = true)"
    bad = rf"select * replace ('p9' as product_id, 'Fern \xFF'::blob as name) from ({good})"
    duckdb.sql(f"copy ({good} union all {bad}) to '{folder}/products.parquet' (format parquet)")
    source.unlink()
    assert refused(home, as_of) == (
        rf"extract 2023-01-11, {folder}/products.parquet, row 2, column name: the bytes b'Fern \xff' are not text in "
        "UTF-8: export the column as text."
    )


def test_nested_columns_are_left_out_with_a_warning(home, as_of, folder, tmp_path):
    to_parquet(
        folder,
        TABLE["orders"],
        lambda column: "varchar",
        "{'created_at': 1, 'deep': {'status': [1, 2]}} as meta",
        "map {'status': 1} as labels",
        "['a', 'b'] as tags",
        '1 as " "',
    )
    landed = land(home, as_of)
    assert landed.warnings == [
        "orders.parquet: unknown column 'meta' was not landed",
        "orders.parquet: unknown column 'labels' was not landed",
        "orders.parquet: unknown column 'tags' was not landed",
        "orders.parquet: 1 column(s) without a name were not landed",
    ]
    assert landed.extract_id == landed_as(home, as_of, tmp_path, small_shop()).extract_id


@pytest.mark.parametrize("nested", ["{'at': created_at}", "[created_at]", "map {'at': created_at}"])
def test_a_needed_column_that_is_nested_is_refused(home, as_of, folder, nested):
    source = folder / "orders.csv"
    select = f"select * replace ({nested} as created_at) from read_csv('{source}', all_varchar = true)"
    duckdb.sql(f"copy ({select}) to '{folder}/orders.parquet' (format parquet)")
    source.unlink()
    message = refused(home, as_of)
    assert message.startswith(f"extract 2023-01-11, {folder}/orders.parquet, column created_at: it is nested (")
    assert message.endswith("): export it as text.")


def test_names_of_columns_may_have_spaces_around_them(home, as_of, folder, tmp_path):
    source = folder / "orders.csv"
    names = ", ".join(f'{column.name} as " {column.name.upper()} "' for column in TABLE["orders"].columns)
    select = f"select {names} from read_csv('{source}', all_varchar = true, nullstr = '')"
    duckdb.sql(f"copy ({select}) to '{folder}/orders.parquet' (format parquet)")
    source.unlink()
    assert land(home, as_of).extract_id == landed_as(home, as_of, tmp_path, small_shop()).extract_id


def test_a_column_that_is_there_twice_in_parquet_is_refused(home, as_of, folder):
    to_parquet(folder, TABLE["promos"], lambda column: "varchar", '1 as "PROMO_ID "')
    assert refused(home, as_of).endswith("promos.parquet: column promo_id is there twice: keep one.")


def test_numbers_in_a_column_of_texts_are_named(home, as_of, folder):
    to_parquet(folder, TABLE["addresses"], lambda column: "integer" if column.name == "zipcode" else "varchar")
    assert land(home, as_of).warnings == [
        "addresses.parquet: zipcode is a number there (INTEGER): leading zeros are lost, export it as text"
    ]


@pytest.mark.parametrize(
    ("text", "nameless"),
    [
        ("promo_id,discount,status,\nspring,2,active,\n", 1),
        (",promo_id,discount,status\n0,spring,2,active\n", 1),
        ("promo_id,discount,status,,,\nspring,2,active,,,\n", 3),
    ],
    ids=["last", "first", "three"],
)
def test_columns_without_a_name_are_left_out_with_a_warning(home, as_of, folder, tmp_path, text, nameless):
    (folder / "promos.csv").write_text(text)
    landed = land(home, as_of)
    assert landed.warnings == [f"promos.csv: {nameless} column(s) without a name were not landed"]
    assert landed.extract_id == landed_as(home, as_of, tmp_path, small_shop()).extract_id


NAMED, PROMOS = "promo_id,discount,status", [("spring", "2", "active"), ("fall", "3", "old")]


@pytest.mark.parametrize(
    "data",
    [
        b"promo_id,discount,status\r\nspring,2,active\nfall,3,old\n",
        b"promo_id,discount,status\nspring,2,active\r\nfall,3,old\n",
        b'promo_id,discount,status\n"spring",2,active\n\nfall,3,"old"\r\n',
        b"promo_id,discount,status\rspring,2,active\rfall,3,old\r",
        b"promo_id;discount;status\nspring;2;active\nfall;3;old\n",
        b"promo_id\tdiscount\tstatus\nspring\t2\tactive\nfall\t3\told\n",
        b"sep=;\r\npromo_id;discount;status\r\nspring;2;active\r\nfall;3;old\r\n",
        b"sep=\t\npromo_id\tdiscount\tstatus\nspring\t2\tactive\nfall\t3\told\n",
        b"\xef\xbb\xbfsep=,\npromo_id,discount,status\nspring,2,active\nfall,3,old\n",
        b"\xef\xbb\xbfPromo_ID , discount,STATUS\nspring,2,active\nfall,3,old\n",
        b'"promo_id";"discount";"status"\n"spring";"2";"active"\n"fall";"3";"old"',
    ],
    ids=range(11),
)
@pytest.mark.parametrize("name", ["promos.csv", "promos.csv.gz", "PROMOS.CSV", "Promos.Csv.Gz"])
def test_delimiters_line_ends_and_names_of_csv_files(home, as_of, folder, data, name):
    (folder / "promos.csv").unlink()
    (folder / name).write_bytes(gzip.compress(data) if name.lower().endswith("gz") else data)
    assert land(home, as_of).warnings == []
    with connect(home) as connection:
        found = connection.execute("select promo_id, discount::int::varchar, status from landing.promos").fetchall()
    assert sorted(found) == sorted(PROMOS)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            b'promo_id,discount,status\r\nspring,2,"active\nfall,3,old\n',
            "CSV Error on Line: 2, Value with unterminated quote found.",
        ),
        (
            b'promo_id,discount,status\r\nspring,2,"act"ive\nfall,3,old\n',
            "CSV Error on Line: 2, Value with unterminated quote found.",
        ),
        ("promo_id,discount,status\nspring,2,active\n".encode("utf-16"), "it is UTF-16: save it as CSV UTF-8"),
        (b"PK\x03\x04 and so on", "it is a spreadsheet or a ZIP archive: save it as CSV UTF-8"),
        (b"PAR1 and so on", "it is a Parquet file: name it .parquet"),
        (gzip.compress(b"promo_id,discount,status\n"), "it is compressed: name it .csv.gz"),
    ],
    ids=["open quote", "text after a quote", "UTF-16", "spreadsheet", "Parquet", "gzip"],
)
def test_csv_files_that_can_not_be_read_are_refused_with_the_cause(home, as_of, folder, data, reason):
    (folder / "promos.csv").write_bytes(data)
    message = refused(home, as_of)
    assert message.startswith(f"extract 2023-01-11, {folder}/promos.csv: can't be read")
    assert reason in message


@pytest.mark.parametrize(
    ("rows", "row", "found"),
    [
        (["spring,2,active", "fall,3"], 2, 2),
        (["spring,2,active", "fall,3,old,more"], 2, 4),
        (["spring,2,active", "fall,3,old,"], 2, 4),
        (['"spring",2,active', '"fall, or autumn",3,old', '"fall\n",3,old,""'], 3, 4),
        (["spring,2,50,active", "fall,3,00,old"], 1, 4),
        (["spring,2,active,,", "fall,3,old"], 1, 5),
        (["spring,2,active,", "fall,3,old"], 1, 4),
        (["spring,2,active,", "fall,3,old,more"], 2, 4),
        (["spring,2,active,", "fall,3,old,,"], 2, 5),
        (["spring,2,active,,", "fall,3,old,,"], 1, 5),
    ],
    ids=[
        "too few",
        "too many",
        "an empty one too many",
        "in quotes",
        "decimal commas",
        "two empty ones too many",
        "the first has an empty one too many",
        "one of those too many is not empty",
        "one has two too many",
        "all have two too many",
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", "mixed"])
@pytest.mark.parametrize("name", ["promos.csv", "promos.csv.gz"])
def test_rows_with_too_few_or_too_many_values_are_refused(home, as_of, folder, name, ends, rows, row, found):
    first, end = ("\r\n", "\n") if ends == "mixed" else (ends, ends)
    data = f"{NAMED}{first}{end.join(rows)}{end}".encode()
    (folder / "promos.csv").unlink()
    (folder / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    assert refused(home, as_of) == (
        f"extract 2023-01-11, {folder}/{name}, row {row}: it has {found} value(s), but the file has 3 columns. Write "
        "one value for each column, and put a value that holds ',' in double quotes."
    )


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", "mixed"])
@pytest.mark.parametrize("name", ["promos.csv", "promos.csv.gz"])
@pytest.mark.parametrize("quoted", ["spring", '"spring, or\nsummer"'])
def test_a_delimiter_at_the_end_of_every_row_but_the_names_is_no_value(home, as_of, folder, name, ends, quoted):
    first, end = ("\r\n", "\n") if ends == "mixed" else (ends, ends)
    data = f'{NAMED}{first}{quoted},2,active,{end}fall,3,"old",""{end}'.encode()
    (folder / "promos.csv").unlink()
    (folder / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    assert land(home, as_of).warnings == [f"{name}: 1 column(s) without a name were not landed"]
    with connect(home) as connection:
        found = connection.execute("select promo_id, discount::int::varchar, status from landing.promos").fetchall()
    assert sorted(found) == sorted([(quoted.strip('"'), "2", "active"), ("fall", "3", "old")])


@pytest.mark.parametrize(
    ("table", "data", "problem"),
    [
        ("promos", b"promo_id,discount,status\nspr\0ing,2,active\n", ", row 1, column promo_id: 'spr\\x00ing' has a "),
        ("promos", b"promo_id,discount,status\nspring,2,active\n\0\0\0", ", row 2: it has 1 value(s), but the file "),
        (
            "promos",
            b"promo_id,discount,status\nspring,2,a\nPROMO_ID,discount,status\nfall,3,a\n",
            ", row 2: it repeats ",
        ),
        (
            "promos",
            b"promo_id,discount,status\nspring,2,a\n\xef\xbb\xbfpromo_id,discount,status\n",
            ", row 2: it repeats ",
        ),
        (
            "addresses",
            b"address_id,address,zipcode,state,country\na1,1 A,02134,MA,US\naddress_id,address,zipcode,state,country\n",
            ", row 2: it repeats the names of the columns, as files do that were joined: remove the line.",
        ),
        ("promos", b"<!DOCTYPE html><html>Access denied</html>", ": it names no column of promos; expected promo_id"),
        ("promos", b"\n\npromo_id,discount,status\nspring,2,active\n", ": it names no column of promos; expected "),
        (
            "products",
            "product_id,name,price,inventory\np0,Fern,1,1\np1,Ficus Öl,10.00,5\n".encode("latin-1"),
            ", row 2, column name: the bytes b'Ficus \\xd6l' are not text in UTF-8: save the file as CSV UTF-8.",
        ),
        (
            "addresses",
            "address_id,address,zipcode,state,country\r\na1,1 Öl Street,02134,MA,US\n".encode("latin-1"),
            ", row 1, column address: it is not text in UTF-8: save the file as CSV UTF-8.",
        ),
        (
            "promos",
            "promo_id,discount,status,größe\nspring,2,active,1\n".encode("latin-1"),
            ": the names of the columns are not text in UTF-8: save the file as CSV UTF-8.",
        ),
    ],
    ids=[
        "zero byte",
        "zeros at the end",
        "names again",
        "names again after a BOM",
        "names again among texts",
        "a page",
        "blank lines first",
        "Latin-1",
        "Latin-1 in personal data",
        "Latin-1 in a name",
    ],
)
def test_what_a_csv_file_may_hold_by_mistake_is_refused(home, as_of, folder, table, data, problem):
    (folder / f"{table}.csv").write_bytes(data)
    assert f"extract 2023-01-11, {folder}/{table}.csv{problem}" in refused(home, as_of)


def test_latin_1_far_into_a_large_file_is_found(home, as_of, folder):
    lines = ["product_id,name,price,inventory", *(f"p{number},Fern,1,1" for number in range(50_000)), "last,Öl,1,1"]
    (folder / "products.csv").write_bytes("\n".join(lines).encode("latin-1"))
    assert "products.csv, row 50001, column name: the bytes b'\\xd6l' are not text in UTF-8" in refused(home, as_of)


def test_a_file_that_is_there_twice_is_named(home, as_of, folder):
    shutil.copy(folder / "orders.csv", folder / "ORDERS.CSV")
    assert refused(home, as_of).endswith(f"table orders: {folder}/orders.CSV or .csv are both there: keep one.")


@pytest.mark.parametrize("target", ["nothing", "/dev/null"])
def test_a_link_to_nothing_that_can_be_read(home, as_of, folder, target):
    (folder / "orders.csv").unlink()
    (folder / "orders.csv").symlink_to(target)
    assert f"{folder}/orders.csv: can't be read (" in refused(home, as_of)


@pytest.mark.parametrize("kind", ["int96", "zone", "dictionary", "decimal256", "float16", "null", "brotli"])
def test_what_parquet_has_several_forms_of(home, as_of, folder, tmp_path, kind):
    moment = datetime(2023, 1, 9, 10, 5)
    changed = {
        "int96": {"created_at": pa.array([moment], pa.timestamp("ns"))},
        "zone": {"created_at": pa.array([moment], pa.timestamp("ns", tz="America/New_York"))},
        "dictionary": {"status": pa.array(["preparing"]).dictionary_encode()},
        "decimal256": {"order_total": pa.array([Decimal("25.00")], pa.decimal256(50, 2))},
        "float16": {"order_total": pa.array([25.0]).cast(pa.float16())},
        "null": {"promo_id": pa.nulls(1)},
        "brotli": {},
    }[kind]
    columns = {name: pa.array([value or None], pa.string()) for name, value in small_shop()["orders"][0].items()}
    pq.write_table(
        pa.table({**columns, **changed}),
        folder / "orders.parquet",
        use_deprecated_int96_timestamps=kind == "int96",
        compression="brotli" if kind == "brotli" else "snappy",
    )
    (folder / "orders.csv").unlink()
    assert land(home, as_of).extract_id == landed_as(home, as_of, tmp_path, small_shop()).extract_id


def test_a_comma_without_quotes_shifts_no_value(home, as_of, folder):
    (folder / "addresses.csv").write_text(
        "address_id,address,zipcode,state,country\na1,1 Fern Street, Apt 2,02134,MA,US\n"
    )
    assert f"{folder}/addresses.csv, row 1: it has 6 value(s), but the file has 5 columns." in refused(home, as_of)


def test_lines_that_end_in_two_ways_keep_quotes_inside_a_value(home, as_of, folder):
    (folder / "promos.csv").write_bytes(b'promo_id,discount,status\r\nspring,2, "b" d\nfall,3,old\n')
    land(home, as_of)
    with connect(home) as connection:
        found = connection.execute("select promo_id, status from landing.promos order by all").fetchall()
    assert found == [("fall", "old"), ("spring", ' "b" d')]


@pytest.mark.parametrize("spoil", [lambda data: data[:-20], lambda data: b"no gzip at all", lambda data: b""])
def test_a_compressed_file_that_is_cut_off(home, as_of, folder, spoil):
    data = gzip.compress((folder / "promos.csv").read_bytes() * 50)
    (folder / "promos.csv").unlink()
    (folder / "promos.csv.gz").write_bytes(spoil(data))
    message = refused(home, as_of)
    assert f"{folder}/promos.csv.gz: " in message
    assert "export the file again" in message or "it names no column of promos" in message


def test_a_file_in_a_format_that_can_not_be_read_is_named(home, as_of, folder):
    (folder / "promos.csv").rename(folder / "promos.xlsx")
    assert refused(home, as_of) == (
        f"extract 2023-01-11, table promos: {folder}/promos.csv or .parquet is missing: add it. promos.xlsx is there, "
        "but its format can't be read."
    )


def test_a_file_without_permission(home, as_of, folder, monkeypatch):
    # Tests may run as root, who may read everything.
    opened = Path.open

    def denied(path, *arguments, **options):
        if path.name == "promos.csv":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", denied)
    assert "promos.csv: can't be read ([Errno 13] Permission denied: " in refused(home, as_of)


def parts_of_orders(folder: Path) -> Path:
    """Replace orders.csv by a folder with a part an order, of other types each, and return it."""
    shop = {**small_shop(), "orders": [{**ORDER, "order_id": str(1001 + number)} for number in range(3)]}
    write_extract(folder, shop)
    parts = folder / "orders.parquet"
    parts.mkdir()
    (parts / "_SUCCESS").touch()
    (parts / ".part.crc").touch()
    for number, type in enumerate(("bigint", "double", "varchar")):
        cast = (
            f"select * replace (order_id::{type} as order_id) from read_csv('{folder}/orders.csv', all_varchar = true)"
        )
        duckdb.sql(
            f"copy ({cast} where order_id = '{1001 + number}') to '{parts}/part-{number}.snappy.parquet' "
            "(format parquet)"
        )
    (folder / "orders.csv").unlink()
    return parts


def test_a_folder_of_parts_is_a_table(home, as_of, folder):
    parts_of_orders(folder)
    assert land(home, as_of).rows["orders"] == 3
    with connect(home) as connection:
        found = rows(connection, "select order_id from landing.orders order by all")
    assert [row["order_id"] for row in found] == ["1001", "1002", "1003"]


def test_a_fault_in_a_part_is_named_with_its_part(home, as_of, folder):
    parts = parts_of_orders(folder)
    part = parts / "part-1.snappy.parquet"
    duckdb.sql(
        f"copy (select * from '{part}' union all select * replace ('1009' as order_id, 'soon' as created_at) from "
        f"'{part}') to '{parts}/new' (format parquet)"
    )
    (parts / "new").rename(part)
    assert f"{part}, row 2, column created_at: 'soon' is not a time" in refused(home, as_of)


@pytest.mark.parametrize("content", ["nothing", "folder", "notes"])
def test_a_folder_without_parts_is_refused(home, as_of, folder, content):
    parts = parts_of_orders(folder)
    if content == "nothing":
        shutil.rmtree(parts)
        parts.mkdir()
        problem = "the folder is empty"
    else:
        (parts / "country=US").mkdir() if content == "folder" else (parts / "notes.txt").touch()
        problem = (
            f"{'country=US' if content == 'folder' else 'notes.txt'} is no file of type .csv or .csv.gz or .parquet"
        )
    assert refused(home, as_of) == (
        f"extract 2023-01-11, {parts}: {problem}: keep the parts of the table there, and nothing else."
    )


def test_a_folder_and_a_file_of_one_table(home, as_of, folder):
    (folder / "orders.parquet").mkdir()
    assert refused(home, as_of).endswith(f"{folder}/orders.csv or .parquet are both there: keep one.")


def test_a_name_in_the_path_is_no_column(home, as_of, tmp_path):
    # DuckDB takes folders such as country=US for columns.
    other = Settings(home=home.home, extracts=tmp_path / "order_id=7")
    folder = write_extract(other.extracts / "2023-01-11", small_shop())
    to_parquet(folder, TABLE["orders"], lambda column: "varchar")
    land(other, as_of)
    with connect(other) as connection:
        assert rows(connection, "select order_id from landing.orders") == [{"order_id": "o1"}]


def redelivered(count: int, again: int, **changes: str) -> dict[str, list[dict]]:
    events = [{**EVENT, "event_id": f"e{number}"} for number in range(count)]
    later = [{**event, "created_at": "2023-01-09T10:30:00Z", **changes} for event in events[:again]]
    return {**small_shop(), "events": later + events}


@pytest.mark.parametrize(("count", "again"), [(1, 1), (30, 10), (110, 11)])
def test_the_earliest_of_an_event_that_is_there_twice_is_taken(home, as_of, count, again):
    write_extract(home.extracts / "2023-01-11", redelivered(count, again))
    landed = land(home, as_of)
    assert landed.warnings == [
        f"events.csv: {again} event(s) are there again with another time: the earliest was taken"
    ]
    with connect(home) as connection:
        found = connection.execute("select event_id, created_at from landing.events").fetchall()
    assert sorted(found) == sorted((f"e{number}", datetime(2023, 1, 9, 10)) for number in range(count))


def test_too_many_events_that_are_there_twice_are_refused(home, as_of):
    folder = write_extract(home.extracts / "2023-01-11", redelivered(109, 11))
    assert refused(home, as_of) == (
        f"extract 2023-01-11, {folder}/events.csv: 11 value(s) of the key (event_id) have rows with different content: "
        "e0; e1; e10; e2; e3 and 6 more. Keep one row for each."
    )


def test_events_of_all_weeks_that_come_again_in_one_count_in_that_week(home, as_of):
    shop = redelivered(200, 0)
    # Twelve of an old week with few events were sent again in this week, which has many.
    old = [{**EVENT, "event_id": f"old {number}", "created_at": "2022-06-01T10:00:00Z"} for number in range(12)]
    again = [{**event, "created_at": EVENT["created_at"]} for event in old]
    write_extract(home.extracts / "2023-01-11", {**shop, "events": shop["events"] + old + again})
    assert (
        "events.csv: 12 event(s) are there again with another time: the earliest was taken"
        in land(home, as_of).warnings
    )


def test_an_event_that_is_there_twice_and_differs_in_more_than_its_time_is_refused(home, as_of):
    write_extract(home.extracts / "2023-01-11", redelivered(30, 1, session_id="s9"))
    assert "1 value(s) of the key (event_id)" in refused(home, as_of)
