"""The orders of the extract before."""

from __future__ import annotations

from greenery.quality.suite import SHOP, Check, Suite

SUITE = Suite(
    "previous_orders",
    "orders",
    keys=("order_id", "status"),
    noun="orders of the previous extract",
    checks=(
        Check(
            "orders_stay",
            "warning",
            lambda gx: gx.ExpectMostColumnValuesToNotBeNull(column="order_id_now", mostly=0.9),
            meaning="At most a tenth of the orders of the previous extract are missing in this one.",
            look="whether orders.csv is complete",
            remedy="shop",
            owner=SHOP,
        ),
    ),
)
