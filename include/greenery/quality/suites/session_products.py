"""The products that the week's sessions looked at, taken from their events."""

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
            meaning="fct_session_products has every product that a session of the week viewed or put into the cart.",
            look="the rows of the session in int_session_steps",
            remedy="model",
        ),
    ),
)
