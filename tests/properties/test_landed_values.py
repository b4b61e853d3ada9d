"""Random texts: what is landed is what Python's own parsers read in them, or nothing is."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal

import duckdb
import pytest
from greenery.landing import reading
from greenery.landing.values import is_no_value, typed
from greenery.source.folders import ExtractError
from greenery.source.tables import COUNT, MONEY, TABLES, TIME, Column
from hypothesis import given, seed, settings
from hypothesis import strategies as st

# A case costs a millisecond here, not a build of all models as in the random histories.
many = settings(max_examples=500)
MIDNIGHT = datetime(1900, 1, 1)
PROMOS = next(table for table in TABLES if table.name == "promos")


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def read(connection, column: Column, text: str):
    query = f"select {typed(column, is_no_value(column))} from (select ?::varchar as {column.name}) as raw"
    return connection.execute(query, [text]).fetchall()[0][0]


def by_python(text: str) -> datetime | None:
    """Return what Python reads in the text, in UTC; None where that is no moment of the years 1900 to 9999."""
    plain = re.sub(r"(?i) ?(z|utc|gmt)? ?([+-]\d\d):?(\d\d)?$", r"\2:\3", text.strip()) if ":" in text else text.strip()
    plain = re.sub(r"(?i) ?(z|utc|gmt)$", "+00:00", plain.removesuffix(":")).replace(",", ".")
    # ISO 8601 has 24:00 as the end of a day, Python from 3.13 on.
    ends_day = re.search(r"[ tT]24:00(:00(\.0+)?)?", plain)
    if ends_day:
        plain = plain.replace(ends_day[0], " 00:00", 1)
    moment = datetime.fromisoformat(plain)
    try:
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(tzinfo=None)
        moment += timedelta(days=1 if ends_day else 0)
    except OverflowError:
        return None
    return moment if moment >= MIDNIGHT else None


@st.composite
def moments(draw) -> tuple[str, datetime | None]:
    """A text in a form of ISO 8601, RFC 3339 or PostgreSQL, and the moment that it was made of."""
    minutes = draw(st.integers(-23 * 60 - 59, 23 * 60 + 59))
    moment = draw(st.datetimes(datetime(1900, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)))
    digits = draw(st.sampled_from([None, 0, 1, 3, 6, 9]))
    clock = f"{moment:%H:%M}" if digits is None else f"{moment:%H:%M:%S}"
    moment = moment.replace(second=0, microsecond=0) if digits is None else moment
    if digits:
        clock += draw(st.sampled_from(".,")) + f"{moment.microsecond:06d}999"[:digits]
    kept = 10 ** max(0, 6 - (digits or 0))
    moment = moment.replace(microsecond=moment.microsecond // kept * kept)
    sign, hours, rest = "-" if minutes < 0 else "+", abs(minutes) // 60, abs(minutes) % 60
    forms = [f"{sign}{hours:02d}:{rest:02d}", f"{sign}{hours:02d}{rest:02d}"] + [f"{sign}{hours:02d}"] * (rest == 0)
    zone = draw(st.sampled_from(["", "Z", "z", "UTC", "GMT", " UTC", " Z", *forms]))
    if zone in forms:
        zone = draw(st.sampled_from(["", " ", "UTC", "GMT", " UTC", " UTC "])) + zone
    else:
        minutes = 0
    text = f"{moment:%Y-%m-%d}".zfill(10) + draw(st.sampled_from("T t")) + clock + zone
    try:
        utc = moment.replace(tzinfo=timezone(timedelta(minutes=minutes))).astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        return text, None
    return text, utc if utc >= MIDNIGHT else None


@many
@seed(14)
@given(moments())
def test_a_time_is_read_as_it_was_written(connection, case):
    text, moment = case
    assert by_python(text) == moment, "the reference itself is wrong"
    assert read(connection, Column("created_at", TIME), text) == moment


@many
@seed(14)
@given(moments(), st.integers(0, 40), st.integers(0, 2), st.sampled_from("0123456789-+:.,TZ UTCGMbs/"))
def test_a_time_with_a_wrong_character_is_read_as_python_does_or_not_at_all(connection, case, place, cut, character):
    text = case[0][:place] + character + case[0][place + cut :]
    found = read(connection, Column("created_at", TIME), text)
    if found is not None:
        assert found == by_python(text), text


@many
@seed(14)
@given(st.decimals(-(10**12), 10**12, allow_nan=False, places=6), st.sampled_from(["{}", " {} ", "{:f}", "{:+f}"]))
def test_an_amount_is_read_to_the_cent(connection, amount, form):
    text = form.format(amount)
    expected = Decimal(text.strip()).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert read(connection, Column("amount", MONEY), text) == expected


@many
@seed(14)
@given(st.floats(-1e12, 1e12))
def test_a_float_is_read_as_the_amount_that_it_shows(connection, number):
    assert read(connection, Column("amount", MONEY), repr(number)) == Decimal(repr(number)).quantize(
        Decimal("0.01"), ROUND_HALF_UP
    )


@many
@seed(14)
@given(st.text("0123456789.,'eE+-_ $€x", max_size=12), st.sampled_from([MONEY, COUNT]))
def test_a_number_is_read_as_python_does_or_not_at_all(connection, text, type):
    found = read(connection, Column("number", type), text)
    if found is not None:
        assert "_" not in text
        assert found == Decimal(text.strip()).quantize(Decimal("0.01") if type == MONEY else Decimal(1), ROUND_HALF_UP)


@many
@seed(14)
@given(st.integers(-(2**64), 2**64), st.sampled_from(["{}", "{}.0", "{}.000"]))
def test_an_id_is_a_whole_number_in_full_or_refused(connection, number, form):
    lost_digits = form != "{}" and abs(number) >= 2**53
    found = read(connection, Column("order_id"), form.format(number))
    assert found == (None if lost_digits else str(number))


@many
@seed(14)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12))
def test_an_id_that_is_no_number_stays_as_it_is(connection, text):
    found = read(connection, Column("order_id"), f"id {text}")
    assert found == f"id {text}"


CELL = st.text('ab,;"\n\r é', min_size=1, max_size=6)


@seed(14)
@given(
    st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=5),
    st.lists(st.sampled_from(["\n", "\r\n"]), min_size=6, max_size=6),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.lists(st.sampled_from([3] * 8 + [2, 4]), min_size=5, max_size=5),
)
def test_lines_that_end_in_two_ways_hold_the_rows_that_were_written_or_are_refused(
    tmp_path_factory, cells, ends, quoting, widths
):
    # A value too few, or an empty one too many.
    cells = [(*row, "")[:width] for row, width in zip(cells, widths, strict=False)]
    parts = []
    for row, end in zip([[column.name for column in PROMOS.columns], *cells], ends, strict=False):
        line = io.StringIO()
        csv.writer(line, quoting=quoting).writerow(row)
        parts.append(line.getvalue().removesuffix("\r\n") + end)
    file = tmp_path_factory.mktemp("lines") / "promos.csv"
    file.write_text("".join(parts), encoding="utf-8", newline="")
    wrong = next(((number, row) for number, row in enumerate(cells, 1) if len(row) != 3), None)
    with duckdb.connect() as connection:
        if wrong:
            with pytest.raises(ExtractError, match=rf"row {wrong[0]}: it has {len(wrong[1])} value\(s\)"):
                reading.read(connection, PROMOS, "extract", file)
            return
        reading.read(connection, PROMOS, "extract", file)
        assert connection.execute("select * from raw_promos").fetchall() == cells
