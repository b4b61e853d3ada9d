"""The orders that the new events name."""

from __future__ import annotations

from greenery.quality.suite import WEB, Check, Suite

SUITE = Suite(
    "order_events",
    "events",
    keys=("order_id", "session_id", "checkout_at", "package_shipped_at"),
    noun="orders",
    checks=(
        Check(
            "bought_products_were_seen",
            "warning",
            lambda gx: gx.ExpectMostColumnValuesToBeBetween(column="items_unseen", max_value=0, mostly=0.5),
            meaning="Of most orders, the products bought are among those that the session looked at.",
            look="whether product ids mean the same in events.csv and order_items.csv",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "orders_checked_out_once",
            "warning",
            lambda gx: gx.ExpectColumnValuesToBeBetween(
                column="checkout_sessions", max_value=1, row_condition=gx.Column("checkout_at").is_not_null()
            ),
            meaning="An order is checked out in one session.",
            look="the sessions that name the order",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "shipped_after_checkout",
            "warning",
            lambda gx: gx.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="package_shipped_at",
                column_B="checkout_at",
                or_equal=True,
                ignore_row_if="either_value_is_missing",
            ),
            meaning="No order is shipped before it is checked out.",
            look="the order's events: a clock, or a time zone",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "shipped_in_checkout_session",
            "warning",
            lambda gx: gx.ExpectColumnPairValuesToBeEqual(
                column_A="shipping_session_id", column_B="session_id", ignore_row_if="either_value_is_missing"
            ),
            meaning="A shipment is in the session of its checkout.",
            look="the order's events: the funnel misses the shipment of the session that checked out",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "checkouts_at_order_time",
            "warning",
            lambda gx: gx.ExpectMostColumnValuesToBeBetween(
                column="seconds_from_order", min_value=-3600, max_value=3600, mostly=0.95
            ),
            meaning="At most 5% of the orders newly checked out were made more than an hour from it.",
            look="whether one of the two tables is in another time zone",
            owner=WEB,
        ),
    ),
)
