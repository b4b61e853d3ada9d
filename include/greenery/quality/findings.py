"""One number a check: worked out by SQL in the warehouse, so that what leaves it is small whatever its size.

Each statement in include/sql/quality/rows gives the rows that checks look at, with a column a check that is true in a
row that fails and empty in one that it does not look at. They are counted there; of the failing rows a few are fetched.
The statements are plain SQL, the same for DuckDB and Snowflake; everything in them is as known at the week's end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
from statsmodels.stats.proportion import proportion_confint

from greenery.messages import wording
from greenery.quality import history
from greenery.quality.checks import CHECKS, CONFIDENCE, Check
from greenery.quality.sql import keep
from greenery.source.tables import TABLES
from greenery.warehouse.duckdb import rows, statement

NAMED_ROWS = 5
MOSTLY = 0.5
# Made in this order: each is a temporary table that later statements read.
BASE = ("week", "sessions", "new_events", "orders", "order_events")
# The columns that name a row in an example; other columns are not shown.
KEYS = {
    "sessions": ("session_id", "user_id", "started_at"),
    "users_of_the_week": ("user_id", "sessions"),
    "funnel_days": ("session_date",),
    "order_changes": ("order_id", "change"),
    "orders": ("order_id", "status", "created_at"),
    "previous_orders": ("order_id", "status"),
    "order_items": ("order_id", "product_id"),
    "events": ("event_id", "session_id", "event_type", "created_at"),
    "previous_events": ("event_id", "session_id"),
    "order_events": ("order_id", "session_id", "checkout_at", "package_shipped_at"),
    "products": ("product_id", "name", "price", "price_before"),
    "previous_products": ("product_id", "name"),
    "users": ("user_id", "created_at", "updated_at"),
    "addresses": ("address_id", "state_before", "state"),
    "reconciliation": ("measure", "landed", "modelled"),
    "required_columns": ("column_name", "empty"),
}
NOUNS = {
    "users_of_the_week": "users",
    "funnel_days": "days",
    "order_changes": "changed orders",
    "previous_orders": "orders of the extract before",
    "order_items": "new order items",
    "events": "new events",
    "previous_events": "events of the extract before",
    "order_events": "orders",
    "previous_products": "products of the extract before",
    "users": "new or changed users",
    "reconciliation": "measures",
    "required_columns": "required columns",
}
# These identify a person: a few characters are enough to see whether two are the same.
PERSONAL = ("user_id", "address_id", "tracking_id")


@dataclass(frozen=True)
class Finding:
    """What a check found.

    value: the number that its limit is for. rows, failing: how many it looked at, and how many of them fail.
    examples: a few of the failing rows, their personal ids masked.
    expected: what was expected, where it is other than the check's limit says.
    """

    value: float
    rows: int
    failing: int
    observed: str
    examples: list[dict] = field(default_factory=list)
    expected: str = ""


def find(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> dict[str, Finding]:
    """Return what each check finds in the week that ends at `as_of`, by its id."""
    for name in BASE:
        keep(connection, f"quality_{name}", statement(f"quality/base/{name}"), as_of)
    found = {}
    for frame in KEYS:
        text = _required_columns() if frame == "required_columns" else statement(f"quality/rows/{frame}")
        keep(connection, "quality_rows", text, as_of)
        if frame == "required_columns":
            _mark_mostly_empty(connection)
        found.update(count(connection, frame, [check for check in CHECKS if check.frame == frame]))
    found.update(_of_the_extract(connection))
    readings = history.read(connection, as_of)
    found.update({check.id: _of_readings(check, readings[check.frame]) for check in CHECKS if check.frame in readings})
    return found


def count(connection: duckdb.DuckDBPyConnection, frame: str, checks: list[Check]) -> dict[str, Finding]:
    """Return what the checks find in the table quality_rows, which holds the rows of `frame`."""
    flags = sorted({check.column for check in checks})
    counts = ", ".join(f"count({flag}), count(case when {flag} then 1 end)" for flag in flags)
    numbers = connection.execute(f"select {counts} from quality_rows").fetchall()[0]
    found = {}
    for position, flag in enumerate(flags):
        looked_at, failing = numbers[2 * position : 2 * position + 2]
        examples = _examples(connection, frame, flag) if failing else []
        for check in checks:
            if check.column == flag:
                found[check.id] = of_rows(check, looked_at, failing, examples)
    return found


def of_rows(check: Check, looked_at: int, failing: int, examples: list[dict]) -> Finding:
    """Return the finding of a check that counts failing rows."""
    value = surely(failing, looked_at) if check.limit.kind == "share" else failing
    noun = NOUNS.get(check.frame, check.frame)
    part = f" ({failing / looked_at:.1%})" if failing and check.limit.kind == "share" else ""
    names = [str(row["column_name"]) for row in examples if "column_name" in row]
    named = f": {', '.join(names)}" if names else ""
    return Finding(value, looked_at, failing, f"{failing:,} of {looked_at:,} {noun} fail{part}{named}", examples)


def surely(failing: int, looked_at: int) -> float:
    """Return the share that fails, less what chance may have added: the lower end of its exact interval."""
    if not failing:
        return 0.0
    low, _ = proportion_confint(failing, looked_at, alpha=2 * (1 - CONFIDENCE), method="beta")
    return float(low)


def _examples(connection: duckdb.DuckDBPyConnection, frame: str, flag: str) -> list[dict]:
    keys = ", ".join(KEYS[frame])
    query = f"select {keys} from quality_rows where {flag} order by {keys} limit {NAMED_ROWS}"
    return [{name: shown(name, value) for name, value in row.items()} for row in rows(connection, query)]


def shown(name: str, value: Any) -> str | None:
    """Return a value as an example shows it; an id of a person keeps a third of its characters, four at most."""
    if value is None:
        return None
    if name in PERSONAL:
        return f"{value[: min(4, len(value) // 3)]}…"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return str(value)


def _required_columns() -> str:
    """Return the statement of how many values of each required column are empty, now and in the extract before."""
    counts = " union all ".join(
        f"select '{table.name}.{column.name}' as column_name, count(*) as all_rows, "
        f"count(*) - count({column.name}) as empty, "
        f"(select count(*) - count({column.name}) from landing.{table.name} where extract_id = "
        "(select previous_extract_id from quality_week)) as empty_before "
        f"from landing.{table.name} where extract_id = (select extract_id from quality_week)"
        for table in TABLES
        for column in table.landed
        if column.required and column.name not in table.key
    )
    return (
        "select *, empty > empty_before as required_columns_filled, "
        f"false as required_columns_mostly_filled from ({counts}) as counts"
    )


def _mark_mostly_empty(connection: duckdb.DuckDBPyConnection) -> None:
    """Mark the columns in quality_rows that are mostly empty, and not by the chance of a table of a few rows."""
    for row in rows(connection, "select column_name, all_rows, empty from quality_rows where empty > 0"):
        if surely(row["empty"], row["all_rows"]) > MOSTLY:
            connection.execute(
                "update quality_rows set required_columns_mostly_filled = true where column_name = ?",
                [row["column_name"]],
            )


def _of_the_extract(connection: duckdb.DuckDBPyConnection) -> dict[str, Finding]:
    """Return what the checks of the extract as a whole find."""
    query = "select warnings from landing.extracts where extract_id = (select extract_id from quality_week)"
    warnings = json.loads(rows(connection, query)[0]["warnings"])
    unknown = [line for line in warnings if "unknown column" in line]
    events = rows(
        connection,
        "select count(*) as events from landing.events where extract_id = (select extract_id from quality_week)",
    )[0]["events"]
    columns = sum(len(table.columns) for table in TABLES)
    return {
        "no_unknown_columns": Finding(
            len(unknown),
            columns + len(unknown),
            len(unknown),
            f"{wording.count(len(unknown), 'unknown column')} beside {columns} known ones",
            [{"warning": line} for line in unknown[:NAMED_ROWS]],
        ),
        "extract_has_events": Finding(
            int(not events), 0, 0, wording.count(events, "event"), expected="at least 1 event"
        ),
    }


def _of_readings(check: Check, readings: Iterable[history.Reading]) -> Finding:
    """Return the finding of a check against the weeks before; its number is the reading that is furthest off."""
    readings = list(readings)
    limit = check.limit

    def fails(reading: history.Reading) -> bool:
        too_much = limit.at_most is not None and reading.value > limit.at_most
        return too_much or (limit.at_least is not None and reading.value < limit.at_least)

    failing = [reading for reading in readings if fails(reading)]
    neutral = 0.0 if limit.at_least is None or limit.at_least < 0 else 1.0
    value = max((reading.value for reading in failing or readings), key=lambda v: abs(v - neutral), default=neutral)
    if failing and limit.at_least is not None and neutral:
        value = min((r.value for r in failing if r.value < limit.at_least), default=value)
    observed = "; ".join(reading.text for reading in (failing or readings)[:NAMED_ROWS])
    return Finding(
        value,
        len(readings),
        len(failing),
        observed or "nothing to compare with",
        [{"what": reading.name, "observed": reading.observed, "expected": reading.expected} for reading in failing][
            :NAMED_ROWS
        ],
        # How old the newest may be depends on the shop: its hours say more than how often they were passed.
        readings[0].expected if check.frame.endswith("_freshness") and readings else "",
    )
