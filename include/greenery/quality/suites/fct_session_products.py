"""The rows of fct_session_products. A check that fails here shows a fault of our own logic."""

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
            meaning="fct_session_products has one row for each session and product.",
            look="the rows of the session in fct_session_products",
            remedy="model",
        ),
        Check(
            "session_products_within_sessions",
            "critical",
            lambda gx: gx.ExpectColumnValuesToBeNull(column="beyond_session_in"),
            meaning="A session reaches each step of a product in fct_sessions too, at the same time or earlier.",
            look="the rows of the session in fct_sessions and fct_session_products",
            remedy="model",
        ),
    ),
)
