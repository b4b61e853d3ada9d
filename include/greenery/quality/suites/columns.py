"""The columns of the files, known and unknown."""

from __future__ import annotations

import json

from greenery.quality.suite import SHOP, Check, Statement, Suite
from greenery.source.tables import TABLES
from greenery.warehouse.connection import Connection, rows


def _statement(connection: Connection) -> Statement:
    """Return the statement with one row for each known column (null) and for each warning of an unknown column."""
    query = "select warnings from landing.extracts where extract_id = (select extract_id from quality_week)"
    warnings = json.loads(rows(connection, query)[0]["warnings"])
    unknown = [line for line in warnings if "unknown column" in line]
    known = sum(len(table.columns) for table in TABLES)
    given = {f"warning_{number}": line for number, line in enumerate(unknown)}
    values = [*["null"] * known, *(f"${name}" for name in given)]
    return " union all ".join(f"select cast({value} as varchar) as warning" for value in values), given


SUITE = Suite(
    "columns",
    "extract",
    keys=("warning",),
    noun="columns",
    statement=_statement,
    checks=(
        Check(
            "no_unknown_columns",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeNull(column="warning"),
            meaning="Every column of the files is a known one.",
            look="the column in the warning: it may be new, or another column may have been renamed",
            remedy="shop",
            owner=SHOP,
        ),
    ),
)
