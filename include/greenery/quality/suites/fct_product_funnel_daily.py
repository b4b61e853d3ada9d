"""The rows of fct_product_funnel_daily. A check that fails here shows a fault of our own logic."""

from __future__ import annotations

from greenery.quality.suite import Check, Suite

SUITE = Suite(
    "fct_product_funnel_daily",
    "fct_product_funnel_daily",
    keys=("session_date", "product_id", "country", "state"),
    noun="cells",
    checks=(
        Check(
            "product_funnel_daily_unique",
            "critical",
            lambda gx: gx.ExpectCompoundColumnsToBeUnique(
                column_list=["session_date", "product_id", "country", "state"]
            ),
            meaning="fct_product_funnel_daily has one row for each day, product, country and state.",
            look="the rows of that day in fct_product_funnel_daily",
            remedy="model",
        ),
    ),
)
