"""The rows of fct_funnel_daily. A check that fails here shows a fault of our own logic."""

from __future__ import annotations

from greenery.quality.suite import Check, Suite

SUITE = Suite(
    "fct_funnel_daily",
    "fct_funnel_daily",
    keys=("session_date", "country", "state"),
    noun="cells",
    checks=(
        Check(
            "funnel_daily_unique",
            "critical",
            lambda gx: gx.ExpectCompoundColumnsToBeUnique(column_list=["session_date", "country", "state"]),
            meaning="fct_funnel_daily has one row for each day, country and state.",
            look="the rows of that day in fct_funnel_daily",
            remedy="model",
        ),
    ),
)
