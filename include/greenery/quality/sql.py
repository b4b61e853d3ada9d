"""The gate's statements, run in the warehouse for one week."""

from __future__ import annotations

from datetime import datetime

import duckdb

from greenery.warehouse.duckdb import rows, statement


def fetch(connection: duckdb.DuckDBPyConnection, name: str, as_of: datetime) -> list[dict]:
    """Return the rows of include/sql/quality/<name>.sql for the week that ends at `as_of`."""
    text = statement(f"quality/{name}")
    return rows(connection, text, _parameters(text, as_of))


def keep(connection: duckdb.DuckDBPyConnection, table: str, text: str, as_of: datetime) -> None:
    """Keep the rows of a statement as a temporary table, which later statements read."""
    connection.execute(f"create or replace temporary table {table} as {text}", _parameters(text, as_of))


def _parameters(text: str, as_of: datetime) -> dict | None:
    """Return what the statement is given: as_of, unless only its comment names it."""
    code = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return {"as_of": as_of} if any("$as_of" in line for line in code) else None
