"""The required columns of the extract, beside the extract before."""

from __future__ import annotations

import duckdb

from greenery.quality.suite import Check, Statement, Suite
from greenery.source.tables import TABLES, Column, Table


def _filled_before(table: Table, column: Column) -> str:
    return (
        f"(select 1 from landing.{table.name} where {column.name} is not null "
        "and extract_id = (select previous_extract_id from quality_week))"
    )


def _statement(connection: duckdb.DuckDBPyConnection) -> Statement:
    """Return the statement of how many values of each required column are empty, now and in the extract before."""
    # A shop may have no inventory or no promos. A column that it never filled says nothing, unless a figure needs it.
    counts = " union all ".join(
        f"select '{table.name}.{column.name}' as column_name, count(*) as all_rows, "
        f"count(*) - count({column.name}) as empty, "
        f"(select count(*) - count({column.name}) from landing.{table.name} where extract_id = "
        "(select previous_extract_id from quality_week)) as empty_before "
        f"from landing.{table.name} where extract_id = (select extract_id from quality_week)"
        + ("" if column.shown else f" having count({column.name}) > 0 or exists {_filled_before(table, column)}")
        for table in TABLES
        for column in table.landed
        if column.required and column.name not in table.key
    )
    return counts, []


SUITE = Suite(
    "required_columns",
    "extract",
    keys=("column_name", "empty"),
    noun="required columns",
    statement=_statement,
    checks=(
        Check(
            "required_columns_mostly_filled",
            "critical",
            lambda gx: gx.ExpectSharesNotToExceed(part="empty", whole="all_rows", at_most=0.5),
            meaning="At least half of the values of every required column are filled. A column that no figure "
            "needs may be empty from the first week on.",
            look="the column in the file",
            tells_of=("required_columns_filled",),
        ),
        Check(
            "required_columns_filled",
            "warning",
            lambda gx: gx.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="empty_before", column_B="empty", or_equal=True
            ),
            meaning="No required column has more empty values than in the previous extract.",
            look="the column in the file",
        ),
    ),
)
