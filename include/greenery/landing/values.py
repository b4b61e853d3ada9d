"""Turns the text of each value into a value of its column's type, or refuses it."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime

from greenery.source.tables import COUNT, MONEY, TIME, Column

# Exports write these for "no value". A time can't be one of them, and an id only where it is a key of its table.
NO_VALUE = r"\s*(null|\(null\)|\\n|none|nan|nat|<na>|n/a|#n/a|undefined)?\s*"
# Trackers write these for "no session", which would be one session of many people.
_BLANK = "[\\s\u00a0\u2000-\u200d\u2060\u3000\ufeff]*"
_NO_SESSION = rf"{_BLANK}(-|-1(\.0+)?|0(\.0+)?|0{{8}}-?(0{{4}}-?){{3}}0{{12}}|unknown|\(not set\)|nil)?{_BLANK}"
# A key is what the shop calls a thing, be it NONE; a name or a state can be None or NaN.
_NO_KEY = r"\s*(\\n)?\s*"
_NO_LABEL = r"\s*(null|\\n)\s*"
LABELS = ("state", "country", "shipping_service")

CODE = "an id in full: it is a number that lost digits on its way"
EXPECTED = {
    TIME: "a time such as 2023-02-01T12:00:00Z, between the years 1900 and 9999",
    MONEY: "an amount such as 12.50",
    COUNT: "a whole number",
}

_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?|24:00(?::00(?:[.,]0+)?)?"
_OFFSET = r"(?:z|utc|gmt)?(?: ?([+-])([01]\d|2[0-3])(?::?([0-5]\d))?)?"
_MOMENT = rf"\s*(\d{{4}}-\d\d-\d\d)(?:[t ]({_CLOCK}) ?{_OFFSET})?\s*"
# The usual form, which DuckDB reads by itself and much faster.
_USUAL = r"(19|[2-9]\d)\d\d-\d\d-\d\d[T ]([01]\d|2[0-3]):\d\d:\d\d(\.\d+)?Z?"
# ISO 8601 without hyphens and colons.
_BASIC = r"^\s*(\d{4})(\d\d)(\d\d)t(\d\d)(\d\d)(\d\d)"

_PLAIN = r"[+-]?(\d+\.?\d*|\.\d+)"
# Floating-point columns hold rests such as 3.6e-15. A number that is written with a positive exponent lost its cents.
_AMOUNT = rf"\s*{_PLAIN}(e-\d+)?\s*"
_COUNT = r"\s*[+-]?\d+(\.0*)?\s*"
_FRACTION = r"\s*[+-]?\d*\.\d+\s*"
_THOUSANDS_OR_NOT = r"\s*[+-]?[1-9]\d{0,2}\.\d{3}\s*"
_THOUSANDS = r"\s*[+-]?\d{1,3}(\.\d{3})+\s*"

# Some exports write all ids of a column as floating-point numbers if one of them is missing: 1001 becomes 1001.0.
_WHOLE_FLOAT = r"-?\d+\.0+"
# Spreadsheets and floating-point numbers write 1.67326E+15, or 1,67326E+15 and 1001,0 where the comma is decimal.
_DOUBTFUL = r"-?(\d([.,]\d+)?e\+\d{2,3}|\d+,0+)"
EXACT_IN_FLOAT = 2**53


def _matches(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, '{pattern}', 'i')"


def says_nothing(text: str) -> bool:
    """Return whether a text means that there is no value."""
    return re.fullmatch(NO_VALUE, text, re.IGNORECASE) is not None


def expected(column: Column) -> str | None:
    """Return the form that a value of this column must have, as a phrase; None if any text is allowed."""
    return CODE if column.is_code else EXPECTED.get(column.type)


def is_no_value(column: Column, *, is_key: bool = False, named: Collection[str] = ()) -> str:
    """Return the condition (SQL) that is true if a text of the column means that there is no value.

    is_key: whether the column is the key of its table. named: keys of the table to which the column refers. Such a text
        is a value.
    """
    text = f"raw.{column.name}"
    if is_key:
        return _matches(text, _NO_KEY)
    if column.name == "session_id":
        return _matches(text, f"{NO_VALUE}|{_NO_SESSION}")
    if column.is_code:
        keys = ", ".join("'" + key.replace("'", "''") + "'" for key in named)
        return _matches(text, NO_VALUE) + (f" and {text} not in ({keys})" if keys else "")
    if column.type == TIME:
        return _matches(text, NO_VALUE)
    return _matches(text, _NO_LABEL) if column.name in LABELS else f"{text} = '\\N'"


def placeholders(rows: str, column: Column) -> str:
    """Return the query (SQL) that finds in the relation `rows` the keys that are written like "no value"."""
    return f"select {column.name} from {rows} where {_matches(column.name, NO_VALUE)}"


def typed(column: Column, is_nothing: str) -> str:
    """Return the expression (SQL) that reads a text as the column's type.

    It is NULL if the text can't be read, or if it means "no value".

    is_nothing: the result of is_no_value for the column.
    """
    text = f"raw.{column.name}"
    if column.is_code:
        whole = f"split_part({text}, '.', 1)"
        return f"""case
            when {is_nothing} then null
            when not {_matches(text, f"{_DOUBTFUL}|{_WHOLE_FLOAT}")} then {text}
            when abs(try_cast({whole} as hugeint)) < {EXACT_IN_FLOAT}
                and {_matches(text, _WHOLE_FLOAT)} then {whole}
        end"""
    if column.type == TIME:
        return _time(text)
    if column.type == MONEY:
        return f"case when {_matches(text, _AMOUNT)} then try_cast({text} as {MONEY}) end"
    if column.type == COUNT:
        return f"""case when {_matches(text, _COUNT)} and not {_matches(text, _THOUSANDS)}
            then try_cast(split_part({text}, '.', 1) as {COUNT}) end"""
    return f"case when not ({is_nothing}) then {text} end"


def doubtful_fraction(column: Column) -> str:
    """Return the expression (SQL) that gives the first row whose amount may have a separator of thousands: 1.255.

    It is NULL if another amount shows that the point is decimal, or if all such amounts end in zero, because databases
    write 2.000 and 12.500.
    """
    text = f"raw.{column.name}"
    has_fraction, may_be_thousands = _matches(text, _FRACTION), _matches(text, _THOUSANDS_OR_NOT)
    return f"""case when count(*) filter ({has_fraction}) = count(*) filter ({may_be_thousands})
        then min(raw.rowid) filter ({may_be_thousands} and not ends_with(trim({text}), '0')) end"""


def _time(text: str) -> str:
    """Return the expression (SQL) of a time in UTC. A text without a zone is UTC, as are all times of the source."""
    extended = f"regexp_replace({text}, '{_BASIC}', '\\1-\\2-\\3T\\4:\\5:\\6', 'i')"
    parts = f"regexp_extract({extended}, '^{_MOMENT}$', ['day', 'clock', 'sign', 'hours', 'minutes'], 'i')"
    # With lists of one element, lambdas can give names to the parts and to the moment.
    moments = f"""list_transform([{parts}], lambda part:
        try_cast(trim(part.day || ' ' || replace(part.clock, ',', '.')) as timestamp)
        - to_minutes(cast(part.sign || '1' as bigint) * (
            60 * coalesce(try_cast(part.hours as bigint), 0) + coalesce(try_cast(part.minutes as bigint), 0)
        )))"""
    bounds = "timestamp '1900-01-01' and timestamp '9999-12-31 23:59:59.999999'"
    return f"""case
        when regexp_full_match({text}, '{_USUAL}') then try_cast({text} as timestamp)
        else list_filter({moments}, lambda moment: moment between {bounds})[1]
    end"""


def remedy(column: Column, value: str) -> str:
    """Return what to do about a value that was refused, as a phrase."""
    if column.is_code:
        return "export the column as text"
    if column.type == TIME:
        if re.search(r":\d\d.*[a-z]", re.sub(r" ?(z|utc|gmt)\s*$", "", value, flags=re.IGNORECASE), re.IGNORECASE):
            return "write the offset from UTC instead of the zone's name, such as +01:00, or Z for UTC"
        if re.fullmatch(r"-?\d+(\.\d*)?", value):
            return "write the date and the time of day instead of a number"
        if value.strip().startswith("9999-12-31"):
            return "in UTC it is after the year 9999, write 9999-12-31T23:59:59Z"
        if not _is_time(value):
            return "there is no such time, correct the value"
    elif column.type == COUNT and re.fullmatch(_THOUSANDS, value):
        return "write digits only, without separators of thousands and without a fraction"
    elif re.search(r"\d", value) and re.search(r"[^\d.eE+-]|\..*\.", value):
        return "write digits and a decimal point only, without a currency sign or separators of thousands"
    return "correct the value"


def _is_time(value: str) -> bool:
    """Return whether the date and the time of day at the start of a text exist."""
    parts = re.match(r"\s*(\d{4}-\d\d-\d\d)(?:[t ](\d\d:\d\d(?::\d\d)?))?", value, re.IGNORECASE)
    if not parts:
        return True
    try:
        datetime.fromisoformat(f"{parts[1]} {parts[2] or '00:00'}")
    except ValueError:
        return False
    return True
