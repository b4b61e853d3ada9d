"""The rows of fct_product_funnel_daily: our own logic."""

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
            meaning="Every day, product, country and state is one row of fct_product_funnel_daily.",
            look="the day's rows of fct_product_funnel_daily",
            remedy="model",
        ),
    ),
)
