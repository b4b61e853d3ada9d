"""Every value arrives as a text; here it becomes a value of its column's type, or is refused."""

from __future__ import annotations

import re

from greenery.source.tables import COUNT, MONEY, TIME, Column

# Exports write these for "no value". An id or a time can't be one of them.
NO_VALUE = r"\s*(null|\(null\)|\\n|none|nan|nat|<na>|n/a|#n/a|undefined)?\s*"

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

# A table in which one id is missing turns the ids of the whole column into floating-point numbers: 1001 is 1001.0.
_WHOLE_FLOAT = r"-?\d+\.0+"
_EXPONENT = r"-?(\d+\.\d+e[+-]?\d+|\d+e[+-]\d+)"
EXACT_IN_FLOAT = 2**53


def _matches(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, '{pattern}', 'i')"


def says_nothing(text: str) -> bool:
    """Return whether a text only says that there is no value."""
    return re.fullmatch(NO_VALUE, text, re.IGNORECASE) is not None


def expected(column: Column) -> str | None:
    """Return what a value of this column has to be, None where any text will do."""
    return CODE if column.is_code else EXPECTED.get(column.type)


def is_no_value(column: Column, text: str) -> str:
    """Return the condition (SQL) that the text `text` of the column only says that there is no value.

    Amounts and names are taken as written.
    """
    return _matches(text, NO_VALUE) if column.is_code or column.type == TIME else "false"


def typed(column: Column) -> str:
    """Return the expression (SQL) that reads the text as the column's type. It is NULL for what can't be read, and
    for a text that says that there is no value."""
    text = column.name
    if column.is_code:
        whole = f"split_part({text}, '.', 1)"
        return f"""case
            when not {_matches(text, f"{NO_VALUE}|{_EXPONENT}|{_WHOLE_FLOAT}")} then {text}
            when abs(try_cast({whole} as hugeint)) < {EXACT_IN_FLOAT}
                and {_matches(text, _WHOLE_FLOAT)} then {whole}
        end"""
    if column.type == TIME:
        return _time(text)
    if column.type == MONEY:
        return f"case when {_matches(text, _AMOUNT)} then try_cast({text} as {MONEY}) end"
    if column.type == COUNT:
        return f"""case when {_matches(text, _COUNT)}
            then try_cast(split_part({text}, '.', 1) as {COUNT}) end"""
    return text


def _time(text: str) -> str:
    """Return the expression of a moment in UTC. A text without zone is UTC, as the source says of all its times."""
    extended = f"regexp_replace({text}, '{_BASIC}', '\\1-\\2-\\3T\\4:\\5:\\6', 'i')"
    parts = f"regexp_extract({extended}, '^{_MOMENT}$', ['day', 'clock', 'sign', 'hours', 'minutes'], 'i')"
    # A list of one gives the parts, and then the moment, a name.
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
    """Return what to do about a value that was refused."""
    if column.is_code:
        return "export the column as text"
    if column.type == TIME:
        if re.search(r":\d\d.*[a-z]", value, re.IGNORECASE):
            return "write the offset from UTC instead of the zone's name, such as +01:00, or Z for UTC"
        if re.fullmatch(r"-?\d+(\.\d*)?", value):
            return "write the date and the time of day instead of a number"
    elif re.search(r"\d", value) and re.search(r"[^\d.eE+-]", value):
        return "write digits and a decimal point only, without a currency sign or separators of thousands"
    return "correct the value"
