"""Read a table of a database into rows of text, the same ones that a file with its rows has."""

from __future__ import annotations

import duckdb

from greenery.landing.reading import Raw, as_text, label_columns, not_landed, readable
from greenery.source.folders import ExtractError
from greenery.source.tables import RowSource, Table
from greenery.warehouse.connection import rows

# Snowflake's types whose values are no single text, and what to do about each.
NOT_READ = ("VARIANT", "OBJECT", "ARRAY", "MAP", "VECTOR", "BINARY", "GEOGRAPHY", "GEOMETRY")
NUMBERS = ("FIXED", "REAL", "DECFLOAT")


def read(connection: duckdb.DuckDBPyConnection, table: Table, extract: str, source: RowSource) -> tuple[Raw, list[str]]:
    """Read the table into the temporary table raw_<table>, batch by batch; return it and the warnings.

    Raises ExtractError where a column is missing or of a type that holds no text, and what the source raises.
    """
    where = f"{extract}, {source}"
    names = [column.name for column in table.columns]
    if missing := [name for name in names if name not in source.columns]:
        raise ExtractError(
            f"{where}: column {', '.join(missing)} is missing; expected {', '.join(names)}. Add it to the table, or "
            f"say what it is called there: GREENERY_SOURCE_NAMES={table.name}.{missing[0]}=<its name>."
        )
    for name in names:
        if (kind := source.columns[name]) in NOT_READ:
            raise ExtractError(f"{where}, column {name}: it is of type {kind}: make it a column of text.")
    warnings = not_landed(table, list(source.columns))
    warnings += [
        f"{column.name} is a number there: leading zeros are lost, make it a column of text"
        for column in label_columns(table)
        if source.columns[column.name] in NUMBERS
    ]
    columns = ", ".join(f"{name} varchar" for name in names)
    connection.execute(f"create or replace temp table raw_{table.name} ({columns})")
    for batch in source.batches(names):
        with readable(where):
            connection.register("batch", batch.rename_columns(names))
            types = [row["column_type"] for row in rows(connection, "describe select * from batch")]
            texts = [as_text(column.name, kind, column) for column, kind in zip(table.columns, types, strict=True)]
            connection.execute(f"insert into temp.raw_{table.name} select {', '.join(texts)} from batch")
            connection.unregister("batch")
    return Raw(extract, source, ()), [f"{source.name}: {warning}" for warning in warnings]
