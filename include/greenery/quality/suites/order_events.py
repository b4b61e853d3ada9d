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
            meaning="In at least half of the new checkouts, the session viewed or put into the cart every product "
            "that was bought.",
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
            meaning="Every order is checked out in one session only.",
            look="the sessions that check out the order",
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
            look="the events of the order: a clock or a time zone may be wrong",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "shipped_in_checkout_session",
            "warning",
            lambda gx: gx.ExpectColumnPairValuesToBeEqual(
                column_A="shipping_session_id", column_B="session_id", ignore_row_if="either_value_is_missing"
            ),
            meaning="Every shipment belongs to the session of its checkout.",
            look="the events of the order: the funnel does not count the shipment for the session that checked out",
            remedy="tracking",
            owner=WEB,
        ),
        Check(
            "checkouts_at_order_time",
            "warning",
            lambda gx: gx.ExpectMostColumnValuesToBeBetween(
                column="seconds_from_order", min_value=-3600, max_value=3600, mostly=0.95
            ),
            meaning="At most 5% of the newly checked-out orders have a created_at more than an hour away from their "
            "checkout.",
            look="whether events.csv or orders.csv is in another time zone",
            owner=WEB,
        ),
    ),
)
