"""The catalogue of faults to plant in a good week, faults.toml, and how one is planted into an extract."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
from greenery.source.tables import TABLES

# The extract of a fault's week, and the one before it; both end on a Wednesday.
BEFORE, AS_OF = datetime(2025, 1, 8), datetime(2025, 1, 15)
ORDERS = "order_id in (from (select order_id from orders where created_at {} timestamp '{}') order by 1 limit 5)"
# What the statements are given.
WORDS = {
    "as_of": f"timestamp '{AS_OF}'",
    "week": f"timestamp '{BEFORE}'",
    "saturday": f"timestamp '{AS_OF - timedelta(days=4)}'",
    "new": f"created_at >= timestamp '{BEFORE}'",
    # Five orders of the week, and five older ones.
    "few_orders": ORDERS.format(">=", BEFORE),
    "few_old": ORDERS.format("<", BEFORE),
    "popular": "(select product_id from products_before where name = 'Pothos')",
    "rare": "(select product_id from products_before where name = 'Ponytail Palm')",
    # A session of the week that checks out, in fct_sessions.
    "session": f"(select min(session_id) from marts.fct_sessions where started_at >= timestamp '{BEFORE}' "
    f"and started_at < timestamp '{AS_OF}' and checkout_at is not null)",
}


@dataclass(frozen=True)
class Fault:
    """A planted fault.

    where: 'extract' (statements on its tables, before it is landed), 'landing' or 'marts' (on the warehouse).
    severity: of the worst check that must fail; empty for a fault that is not caught, for the `reason` given.
    checks: all that must fail.
    """

    name: str
    where: str
    statements: tuple[str, ...]
    severity: str
    checks: tuple[str, ...]
    reason: str


def _read() -> tuple[Fault, ...]:
    found = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["fault"]
    return tuple(
        Fault(
            row["name"],
            row.get("where", "extract"),
            tuple(row["sql"].format(**WORDS).split(";\n")),
            row.get("severity", ""),
            tuple(row.get("checks", ())),
            row.get("reason", ""),
        )
        for row in found
    )


FAULTS = _read()


def plant(fault: Fault, extracts: Path, as_of: datetime = AS_OF) -> None:
    """Plant a fault into the files of an extract."""
    folder, before = extracts / f"{as_of:%Y-%m-%d}", extracts / f"{BEFORE:%Y-%m-%d}"
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'; set threads = 1")
        for table in TABLES:
            connection.execute(f"create table {table.name} as from '{folder / table.name}.parquet'")
            connection.execute(f"create table {table.name}_before as from '{before / table.name}.parquet'")
        for statement in fault.statements:
            connection.execute(statement)
        for table in TABLES:
            connection.execute(f"copy {table.name} to '{folder / table.name}.parquet' (format parquet)")
