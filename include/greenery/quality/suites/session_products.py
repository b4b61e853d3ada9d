"""The products that the week's sessions looked at, as their events have them."""

from __future__ import annotations

from greenery.quality.suite import Check, Suite

SUITE = Suite(
    "session_products",
    "fct_session_products",
    keys=("session_id", "product_id"),
    noun="products of sessions",
    checks=(
        Check(
            "session_products_not_lost",
            "critical",
            lambda gx: gx.ExpectColumnValuesToNotBeNull(column="mart_session_id"),
            meaning="Every product that a session of the week looked at or put into the cart is in "
            "fct_session_products.",
            look="the session's rows in int_session_steps",
            remedy="model",
        ),
    ),
)
