"""The rows of fct_session_products: our own logic."""

from __future__ import annotations

from greenery.quality.suite import Check, Suite

SUITE = Suite(
    "fct_session_products",
    "fct_session_products",
    keys=("session_id", "product_id"),
    noun="products of sessions",
    checks=(
        Check(
            "session_products_unique",
            "critical",
            lambda gx: gx.ExpectCompoundColumnsToBeUnique(column_list=["session_id", "product_id"]),
            meaning="Every pair of session and product is one row of fct_session_products.",
            look="the session's rows in fct_session_products",
            remedy="model",
        ),
        Check(
            "session_products_within_sessions",
            "critical",
            lambda gx: gx.ExpectColumnValuesToBeNull(column="beyond_session_in"),
            meaning="A product's step is a step of its session too, and not earlier.",
            look="the session's rows in both marts",
            remedy="model",
        ),
    ),
)
