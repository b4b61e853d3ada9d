"""Both daily funnels against the marts that they add up."""

from __future__ import annotations

from greenery.quality.suite import Check, Suite

SUITE = Suite(
    "funnel_cells",
    "fct_funnel_daily",
    keys=("session_date", "product_id", "country", "state"),
    noun="cells",
    checks=(
        Check(
            "funnel_daily_equals_sessions",
            "critical",
            lambda gx: gx.ExpectColumnValuesToBeNull(
                column="differs_in", row_condition=gx.Column("product_id").is_null()
            ),
            meaning="The counts of each day, country and state in fct_funnel_daily equal those in fct_sessions.",
            look="the sums of that day in both marts",
            remedy="model",
        ),
        Check(
            "product_funnel_daily_equals_session_products",
            "critical",
            lambda gx: gx.ExpectColumnValuesToBeNull(
                column="differs_in", row_condition=gx.Column("product_id").is_not_null()
            ),
            meaning="The counts of each day, product, country and state in fct_product_funnel_daily equal those in "
            "fct_session_products.",
            look="the sums of that day in both marts",
            remedy="model",
            relation="fct_product_funnel_daily",
        ),
    ),
)
