"""The required columns of the extract, beside the extract before."""

from __future__ import annotations

from greenery.quality.suite import Check, Statement, Suite
from greenery.source.tables import TABLES, Column, Table
from greenery.warehouse.connection import Connection


def _counts(table: Table, column: Column) -> str:
    """Return the statement that counts the empty values of the column, now and in the extract before.

    A shop may never fill a column that no figure needs, or may fill it for some rows. So empty values of such a column
    count only if they are more than before.
    """
    now, before = (
        f"(select count(*) as all_rows, count(*) - count({column.name}) as empty from landing.{table.name} "
        f"where extract_id = (select {extract_id} from quality_week))"
        for extract_id in ("extract_id", "previous_extract_id")
    )
    # The number of values that would be empty now if the same share were empty as before.
    as_before = "coalesce(ceil(cast(now.all_rows * before.empty as double) / nullif(before.all_rows, 0)), 0)"
    if column.shown:
        empty, newly_empty, empty_before, where = "now.empty", "0", "before.empty", ""
    else:
        # The first extract has nothing to compare with.
        empty, newly_empty = (
            "0",
            f"case when before.all_rows > 0 and now.empty > {as_before} then now.empty - {as_before} else 0 end",
        )
        a_tenth_more = f"ceil(1.1 * {as_before})"
        empty_before = f"case when before.all_rows = 0 then now.empty when before.empty > {a_tenth_more} "
        empty_before += f"then before.empty else {a_tenth_more} end"
        where = " where now.empty < now.all_rows or before.empty < before.all_rows"
    return (
        f"select '{table.name}.{column.name}' as column_name, now.all_rows, now.empty, "
        f"{empty} as empty_and_needed, cast({newly_empty} as bigint) as newly_empty, "
        f"cast({empty_before} as bigint) as empty_before from {now} as now cross join {before} as before{where}"
    )


def _statement(connection: Connection) -> Statement:
    """Return the statement that counts the empty values of each required column, now and in the extract before."""
    counts = " union all ".join(
        _counts(table, column)
        for table in TABLES
        for column in table.landed
        if column.required and column.name not in table.key
    )
    return counts, {}


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
            lambda gx: gx.ExpectSharesNotToExceed(part="empty_and_needed", whole="all_rows", at_most=0.5),
            meaning="At least half of the values of every required column that a figure needs are filled.",
            look="the column in the file",
            covers=("required_columns_filled",),
        ),
        Check(
            "other_columns_not_emptied",
            "critical",
            lambda gx: gx.ExpectSharesNotToExceed(part="newly_empty", whole="all_rows", at_most=0.5),
            meaning="Of every required column that no figure needs, at most half of the values are empty that would be "
            "filled as in the previous extract.",
            look="the column in the file: the shop may have given it up",
            remedy="accept",
            acceptable=True,
            covers=("required_columns_filled",),
        ),
        Check(
            "required_columns_filled",
            "warning",
            lambda gx: gx.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="empty_before", column_B="empty", or_equal=True
            ),
            meaning="No required column has more empty values than in the previous extract. If no figure needs the "
            "column, its share of empty values may grow by a tenth.",
            look="the column in the file",
        ),
    ),
)
