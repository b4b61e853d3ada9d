"""The rows of fct_order_changes. A check that fails here shows a fault of our own logic."""

from __future__ import annotations

from greenery.quality.suite import Check, Suite

SUITE = Suite(
    "fct_order_changes",
    "fct_order_changes",
    keys=("order_id", "change"),
    noun="changed and new orders",
    checks=(
        Check(
            "order_changes_unique",
            "critical",
            lambda gx: gx.ExpectColumnValuesToBeUnique(column="order_id"),
            meaning="fct_order_changes has at most one row for each order of an extract.",
            look="the rows of the order in fct_order_changes and int_order_versions",
            remedy="model",
        ),
    ),
)
